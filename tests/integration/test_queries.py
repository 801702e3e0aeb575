"""Query sets that are compiled once read what the query sets themselves would."""

from datetime import timedelta
from typing import NamedTuple

import pytest
from django.db.models import BigIntegerField, Count, DateTimeField, F, UUIDField
from django.utils import timezone

from workflows_app import Workflow, step
from workflows_app.models import Run, StepSnapshot
from workflows_app.models.queries import Parameter, QueryReader, TupleReader

pytestmark = pytest.mark.django_db


@step
def double(number: int) -> int:
    """Double a number."""
    return number * 2


DOUBLES = Workflow("queries-doubles").then(double).commit()


class Times(NamedTuple):
    """When a step of a run started, and its path."""

    path: str
    begun: object
    run_id: object


def run_row() -> Run:
    run = DOUBLES.create_run()
    run.start(4)
    return Run.objects.get(run_id=run.run_id)


def test_named_values_are_converted_as_the_query_set_converts_them():
    row = run_row()
    mine = StepSnapshot.objects.filter(run_id=Parameter("run", UUIDField()))
    reader = TupleReader(mine.annotate(begun=F("started_at")).order_by("pk"), Times)

    (found,) = reader.read(run=row.pk)

    kept = row.steps.get()
    assert found == (kept.path, kept.started_at, row.pk)
    assert found.begun == kept.started_at


def test_one_statement_serves_many_values():
    first, second = run_row(), run_row()
    reader = QueryReader(Run.objects.filter(pk=Parameter("key", UUIDField())))

    assert [reader.read(key=row.pk) for row in (first, second)] == [[first], [second]]


def test_a_moment_may_stand_in_a_condition_and_a_count():
    row = run_row()
    rows = StepSnapshot.objects.filter(started_at__gte=Parameter("since", DateTimeField()))
    counted = rows.values("path").annotate(number=Count("pk")).order_by("path")

    class Counted(NamedTuple):
        path: str
        number: int

    reader = TupleReader(counted, Counted)

    assert reader.read(since=row.created_at) == [Counted("double", 1)]
    assert reader.read(since=timezone.now() + timedelta(hours=1)) == []


def test_keys_may_be_given_in_a_list():
    keys = [run_row().steps.get().pk for _ in range(3)]
    places = [Parameter(f"key{number}", BigIntegerField()) for number in range(2)]
    reader = QueryReader(StepSnapshot.objects.filter(pk__in=places).order_by("pk"))

    assert [each.pk for each in reader.read(key0=keys[0], key1=keys[2])] == [keys[0], keys[2]]


def test_a_value_that_is_not_given_is_refused():
    reader = QueryReader(Run.objects.filter(pk=Parameter("key", UUIDField())))

    with pytest.raises(KeyError, match="key"):
        reader.read(run=1)


def test_an_object_has_no_other_columns_than_the_query_set_reads():
    row = run_row()
    rows = Run.objects.only("status").annotate(shape=F("version__hash"))
    reader = QueryReader(rows.filter(pk=Parameter("key", UUIDField())))

    (found,) = reader.read(key=row.pk)

    assert found.get_deferred_fields() == Run.objects.only("status").get().get_deferred_fields()
    assert found.shape == row.version.hash
    assert not found._state.adding
