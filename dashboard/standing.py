"""How a step or a run stands, as every page says it: its status, and how long it took.

Took: from the start to the end, without the time in which it waited for people; while it has not
ended, so far. Sleeps, waits for workers and waits for the next attempt are part of it, and are
shown as waiting wherever they are shown by themselves. Pure: rows in, words and lengths out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any, Final

from django.utils import timezone

from dashboard.busy import Attempt, Span, cut, merged, without
from workflows_app import results
from workflows_app.models import Run, StepSnapshot
from workflows_app.planner.statuses import STEP_ENDED, RunStatus, StepStatus

#: Entries that are open while what is inside them is.
_HOLDERS: Final = frozenset({*results.CONTAINERS, *results.HIDDEN})
_NONE: Final[Mapping[str, Any]] = MappingProxyType({})


def is_between_attempts(step: StepSnapshot, now: datetime | None = None) -> bool:
    """Return whether an attempt of a step has failed, and the time of the next has not come."""
    if step.status != StepStatus.QUEUED or not step.retry_count or step.unknown_since is not None:
        return False
    return step.wake_at is not None and step.wake_at > (now or timezone.now())


def is_reused(step: StepSnapshot) -> bool:
    """Return whether a step had its result when its run was made: a fork took it over.

    Its times are those of the run that it ran in.
    """
    if step.status not in STEP_ENDED or step.started_at is None or step.ended_at is None:
        return False
    return step.started_at < step.queued_at and step.ended_at <= step.queued_at


def is_given(step: StepSnapshot) -> bool:
    """Return whether the result of a step was given to a fork or a time travel: it never ran."""
    is_leaf = step.kind not in _HOLDERS
    return is_leaf and step.status == StepStatus.SUCCESS and step.started_at is None


def status_of(
    step: StepSnapshot, steps: Sequence[StepSnapshot], now: datetime | None = None
) -> str:
    """Return the status of a step among others of its run.

    One that waits for its next attempt is waiting; so is what holds nothing but such steps.
    """
    if is_between_attempts(step, now):
        return StepStatus.WAITING.value
    status = results.status_of(step, list(steps))
    if step.kind not in results.CONTAINERS or status != StepStatus.RUNNING:
        return status
    inside = (s for s in steps if s.path.startswith((f"{step.path}.", f"{step.path}[")))
    return StepStatus.WAITING.value if _only_waits(inside, now) else status


def status_of_run(run: Run, steps: Iterable[StepSnapshot], now: datetime | None = None) -> str:
    """Return the status of a run: waiting where all that is open in it waits for a next attempt."""
    is_waiting = run.status == RunStatus.RUNNING and not run.is_canceling
    return RunStatus.WAITING.value if is_waiting and _only_waits(steps, now) else run.status


def _only_waits(steps: Iterable[StepSnapshot], now: datetime | None) -> bool:
    """Return whether a step waits for its next attempt, and none runs or is ready to."""
    is_any = False
    for step in steps:
        if step.status in STEP_ENDED or (step.kind in _HOLDERS and step.worker_id is None):
            continue
        if is_between_attempts(step, now):
            is_any = True
        elif step.status in {StepStatus.RUNNING, StepStatus.QUEUED}:
            return False
    return is_any


def took(
    step: StepSnapshot, until: datetime | None = None, asked: Mapping[str, Sequence[Span]] = _NONE
) -> timedelta | None:
    """Return how long a step took, or has taken so far; None: it has not started in this run.

    `asked` is when steps waited for an answer, by path: a row has the last time alone.
    """
    if step.started_at is None or is_reused(step):
        return None
    end = step.ended_at or until or timezone.now()
    waited = asked_for(step, end, asked)
    return max(end - step.started_at - waited, timedelta())


def asked_for(
    step: StepSnapshot, end: datetime, asked: Mapping[str, Sequence[Span]] = _NONE
) -> timedelta:
    """Return for how long a step waited for answers, up to a moment."""
    if step.started_at is None or step.suspended_at is None:
        return timedelta()
    answered = step.resumed_at
    is_answered = answered is not None and answered >= step.suspended_at
    last = [(step.suspended_at, answered if is_answered else None)]
    return _together(cut(asked.get(step.path) or last, step.started_at, end))


def between_attempts(attempts: Sequence[Attempt], start: datetime, end: datetime) -> timedelta:
    """Return for how long a step waited for its next attempt, between two moments."""
    return _together(cut([(failed, again) for failed, _, again in attempts], start, end))


def _together(spans: Iterable[tuple[datetime, datetime]]) -> timedelta:
    return sum((last - first for first, last in spans), timedelta())


def settled_for(
    steps: Iterable[StepSnapshot],
    asked: Mapping[str, Sequence[Span]],
    start: datetime,
    end: datetime,
) -> timedelta:
    """Return for how long one of these steps was asked and none ran, between two moments."""
    ran: list[Span] = []
    for step in steps:
        if step.kind not in _HOLDERS and step.started_at is not None:
            ran += without((step.started_at, step.ended_at), asked.get(step.path, ()))
    waits = merged(span for spans in asked.values() for span in spans)
    waited = timedelta()
    for first, last in cut(waits, start, end):
        waited += last - first - _together(cut(merged(ran), first, last))
    return waited
