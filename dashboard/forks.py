"""What a run took over when it was forked or travelled in time, and what was changed on the way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from django.db.models import Case, Exists, F, OuterRef, Q, QuerySet, Subquery, Value, When
from django.db.models.expressions import Combinable
from django.db.models.functions import Substr

from dashboard.cards import Card, Payload
from dashboard.header import Header, Stretch
from dashboard.previews import ByteLength, Preview
from workflows_app.engine import payloads
from workflows_app.models import Run, RunEvent, StepSnapshot
from workflows_app.planner.statuses import StepStatus

#: What `with_given` adds to a run.
GIVEN: Final = "given_text"
GIVEN_SIZE: Final = "given_size"

WITHOUT: Final = "Input that the run was started with"

_CHANGED: Final = Q(text__contains='"input_data":')


def is_input_changed(run: Run, timeline: int = 1) -> bool:
    """Return whether the step that a timeline began with was given another input; one query."""
    told = RunEvent.objects.filter(run=run.pk, timeline=timeline)
    told = told.annotate(text=payloads.as_text("events"))
    first = told.order_by("first_seq").values("pk")[:1]
    return told.filter(_CHANGED, pk__in=first).exists()


def mark(run: Run, head: Header, cards: Sequence[Card]) -> None:
    """Mark the cards of the steps that were given another input, and of what was kept before."""
    shown = head.timeline
    if shown.number > 1 and shown.cause == "time-travel":
        for card in cards:
            card.is_kept = card.step is not None and card.step.timeline < shown.number
    for began in _beginnings(head):
        if is_input_changed(run, began.number):
            for card in cards:
                card.is_input_changed |= _is_of(card, began, shown.number)


def _beginnings(head: Header) -> list[Stretch]:
    """Return the timelines that began at a step: the one that is shown, and the first of a fork."""
    found = [head.first] if head.lineage == "fork" else []
    is_another = head.timeline.number > 1 and head.timeline.cause == "time-travel"
    return [*found, head.timeline] if is_another else found


def _is_of(card: Card, began: Stretch, shown: int) -> bool:
    if card.place.path != began.step:
        return False
    return began.number == (shown if card.step is None else card.step.timeline)


def inputs(found: list[Payload], head: Header, cards: Sequence[Card]) -> list[Payload]:
    """Return the values of a run, with the inputs that its steps really began with.

    Where the first step of all got another, that comes first: the run's own is the one that it
    was forked, or started, with.
    """
    inputs = ((card, _given_to(card)) for card in cards if card.is_input_changed)
    changed = [(card, given) for card, given in inputs if given is not None]
    if not changed:
        return found
    began = [_named(card, given, head) for card, given in changed]
    if any(card.is_kept or card.is_reused or card.is_given for card in cards):
        return [*found[:1], *began, *found[1:]]
    is_forked = _is_by_fork(changed[0][0], head)
    was = "Input of the run it was forked from" if is_forked else WITHOUT
    return [*began, *(replace(p, label=was) for p in found[:1]), *found[1:]]


def _given_to(card: Card) -> Payload | None:
    return next((p for p in card.payloads if p.field == "payload"), None)


def _is_by_fork(card: Card, head: Header) -> bool:
    timeline = head.timeline.number if card.step is None else card.step.timeline
    return head.lineage == "fork" and timeline == 1


def _named(card: Card, given: Payload, head: Header) -> Payload:
    how = "fork" if _is_by_fork(card, head) else "time travel"
    return replace(given, label=f"Input of {card.place.path}, changed by the {how}")


# Of many runs at once.


def with_given(runs: QuerySet[Run], most: int) -> QuerySet[Run]:
    """Return runs with the beginning of what their first step was given in place of their input.

    None of a run that nobody has forked or travelled in, and where its first step got its input.
    """
    text = payloads.as_text("payload")
    return runs.annotate(
        **{GIVEN: _of_travelled(Substr(text, 1, most)), GIVEN_SIZE: _of_travelled(ByteLength(text))}
    )


def given_in(run: Run) -> Preview | None:
    """Return what the first step of a run read by `with_given` got; None: the run's own input."""
    text = run.__dict__.get(GIVEN)
    return None if text is None else Preview(text, run.__dict__[GIVEN_SIZE])


def _of_travelled(value: Any) -> Combinable:
    """Return an expression of the first step that a run stands on, where that got another input."""
    events = RunEvent.objects.filter(run=OuterRef("run"), timeline=OuterRef("timeline"))
    events = events.filter(Q(first_seq=1) | Q(at=F("run__timeline_started_at")))
    told = events.annotate(text=payloads.as_text("events")).filter(_CHANGED)
    steps = StepSnapshot.objects.current().filter(run=OuterRef("pk")).exclude(path__startswith="$")
    # What a fork took over ran before it was there, and what it was given never ran.
    own = Q(started_at__gte=F("queued_at")) | (Q(started_at=None) & ~Q(status=StepStatus.SUCCESS))
    first = steps.order_by("pk").annotate(
        is_changed=Exists(told), shown=Case(When(own & Q(is_changed=True), then=value))
    )
    is_travelled = Q(origin__isnull=False) | Q(timeline_cause="time-travel")
    return Case(When(is_travelled, then=Subquery(first.values("shown")[:1])), default=Value(None))
