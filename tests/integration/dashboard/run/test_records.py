"""The page of a run reads one record of each entry in a foreach or loop, and what asks."""

import pytest
from django.db.models import UUIDField

from dashboard.graph import graphs
from dashboard.run import records
from tests.integration.dashboard.conftest import row_of, started
from workflows_app import Workflow, step
from workflows_app.models import Run, StepSnapshot
from workflows_app.models.queries import Parameter, QueryReader

pytestmark = pytest.mark.django_db


@step
def fetch(item: int) -> int:
    """Fetch one item."""
    return item


@step
def store(item: int) -> int:
    """Store one item."""
    if item == 1:
        raise ValueError(item)
    return item


INNER = Workflow("records-inner").then(fetch).then(store).commit()
EACH = Workflow("records-each").foreach(INNER, concurrency=4).commit()


def seen(items):
    run = EACH.create_run()
    run.start(items)
    row = row_of(run)
    return records.steps_of(row, graphs.of_version(row.version_id))


def test_of_each_entry_the_latest_record_is_read():
    steps = seen([5, 6, 7]).steps

    inside = [step for step in steps if "[" in step.path]
    assert len({step.base_path for step in inside}) == len(inside)
    for one in inside:
        same = StepSnapshot.objects.filter(run=one.run_id, base_path=one.base_path)
        assert one.pk == same.order_by("-pk").first().pk


def test_what_asks_for_attention_comes_besides_and_first():
    inside = [step for step in seen([0, 1, 2, 3]).steps if "[" in step.path]

    assert inside[0].status == "failed"
    assert {step.base_path.rpartition(".")[2] for step in inside} >= {"fetch", "store"}


def test_what_is_read_by_a_kept_statement_is_what_the_query_set_gives():
    row = row_of(started(amount=5))
    rows = Run.objects.light().select_related("workflow", "started_by")
    reader = QueryReader(rows.filter(pk=Parameter("key", UUIDField())))

    (found,) = reader.read(key=row.pk)
    plain = rows.model.objects.light().select_related("workflow", "started_by").get(pk=row.pk)

    assert found.get_deferred_fields() == plain.get_deferred_fields()
    names = {field.attname for field in Run._meta.concrete_fields} - found.get_deferred_fields()
    assert {name: getattr(found, name) for name in names} == {
        name: getattr(plain, name) for name in names
    }
    assert (found.workflow, found.started_by) == (plain.workflow, plain.started_by)


def test_a_worker_comes_with_its_step(django_assert_num_queries):
    row = row_of(started(amount=5))
    graph = graphs.of_version(row.version_id)
    with django_assert_num_queries(1):
        for each in records.steps_of(row, graph).steps:
            assert each.worker is None or each.worker.pk == each.worker_id
