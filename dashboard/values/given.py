"""What the first step of a run really got: a fork or a time travel may give it another input."""

from __future__ import annotations

from typing import Any, Final

from django.db.models import Case, Exists, F, OuterRef, Q, QuerySet, Subquery, Value, When
from django.db.models.expressions import Combinable
from django.db.models.functions import Substr

from workflows_app.engine.run import payloads
from workflows_app.models import Run, RunEvent, StepSnapshot
from workflows_app.planner.statuses import StepStatus

from .previews import Preview

#: The name of what `with_given` adds to a run.
GIVEN: Final = "given_text"
GIVEN_SIZE: Final = "given_size"

_CHANGED: Final = Q(text__contains='"input_data":')


def is_input_changed(run: Run, timeline: int = 1) -> bool:
    """Return whether the first step of a timeline was given a different input; one query."""
    events = RunEvent.objects.filter(run=run.pk, timeline=timeline)
    events = events.annotate(text=payloads.as_text("events"))
    first = events.order_by("first_seq").values("pk")[:1]
    return events.filter(_CHANGED, pk__in=first).exists()


def with_given(runs: QuerySet[Run], most: int) -> QuerySet[Run]:
    """Return runs with the beginning of what their first step got in place of the run's input.

    It is NULL for a run that nobody has forked or travelled in, or whose first step got its input.
    """
    text = payloads.as_text("payload")
    return runs.annotate(
        **{
            GIVEN: _of_travelled(Substr(text, 1, most)),
            GIVEN_SIZE: _of_travelled(payloads.ByteLength(text)),
        }
    )


def given_in(run: Run) -> Preview | None:
    """Return what the first step of a run read `with_given` got; None for the run's own input."""
    text = run.__dict__.get(GIVEN)
    return None if text is None else Preview(text, run.__dict__[GIVEN_SIZE])


def _of_travelled(value: Any) -> Combinable:
    """Return an expression for the input that a fork or time travel gave to the first step."""
    events = RunEvent.objects.filter(run=OuterRef("run"), timeline=OuterRef("timeline"))
    events = events.filter(Q(first_seq=1) | Q(at=F("run__timeline_started_at")))
    changed = events.annotate(text=payloads.as_text("events")).filter(_CHANGED)
    steps = StepSnapshot.objects.current().filter(run=OuterRef("pk")).exclude(path__startswith="$")
    # A copied step ran before this run's record of it existed, and a given one never ran.
    own = Q(started_at__gte=F("queued_at")) | (Q(started_at=None) & ~Q(status=StepStatus.SUCCESS))
    first = steps.order_by("pk").annotate(
        is_changed=Exists(changed), shown=Case(When(own & Q(is_changed=True), then=value))
    )
    is_travelled = Q(origin__isnull=False) | Q(timeline_cause="time-travel")
    return Case(When(is_travelled, then=Subquery(first.values("shown")[:1])), default=Value(None))
