"""How a step or a run stands, as every page says it: its status, and how long it took.

Took: from the start to the end, without the time in which it waited for an answer, for a time to
come, or for its next attempt; while it has not ended, so far. What holds other steps waited where
one of them did and none ran. Waits for a worker are part of it; and a sleep does nothing but wait,
so that it has a length, and took nothing. Of a run, lists know only when it stood still for people:
they say so. Pure: rows in, words and lengths out.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final

from django.utils import timezone

from dashboard.busy import NOTHING, SLEEP, Attempt, Busy, Span, length_in, merged
from workflows_app import results
from workflows_app.models import Run, StepSnapshot
from workflows_app.planner.statuses import STEP_ENDED, RunStatus, StepStatus

#: Entries that are open while what is inside them is.
HOLDERS: Final = frozenset({*results.CONTAINERS, *results.HIDDEN})
#: What an open entry shows of what goes on inside it, that first which counts most.
_INSIDE: Final = (StepStatus.WAITING, StepStatus.SUSPENDED, StepStatus.PAUSED)


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
    is_leaf = step.kind not in HOLDERS
    return is_leaf and step.status == StepStatus.SUCCESS and step.started_at is None


def status_of(step: StepSnapshot, inside: Collection[str] = (), now: datetime | None = None) -> str:
    """Return the status of a step as it is shown; `inside` has those of what stands in it.

    One that waits for its next attempt is waiting. What only holds others has the status of what
    goes on in it: running while one of them runs or is ready to.
    """
    if is_between_attempts(step, now):
        return StepStatus.WAITING.value
    if step.kind not in HOLDERS or step.worker_id is not None:
        return step.status
    return of_holder(step.status, inside)


def of_holder(status: str, inside: Collection[str]) -> str:
    """Return the status of what only holds others, by its own and those of what is inside it."""
    if status != StepStatus.RUNNING or {StepStatus.RUNNING, StepStatus.QUEUED} & set(inside):
        return status
    return next((each.value for each in _INSIDE if each in inside), status)


def is_counted_inside(step: StepSnapshot) -> bool:
    """Return whether what holds a step has its status: not that of a holder, which has others'."""
    return step.kind not in HOLDERS or step.worker_id is not None


def inside_of(
    step: StepSnapshot, steps: Iterable[StepSnapshot], now: datetime | None = None
) -> set[str]:
    """Return the statuses, as they are shown, of those of these steps whose path is in a step's."""
    prefixes = (f"{step.path}.", f"{step.path}[")
    inside = (s for s in steps if s.path.startswith(prefixes) and is_counted_inside(s))
    return {status_of(each, (), now) for each in inside}


def status_of_run(run: Run, steps: Iterable[StepSnapshot], now: datetime | None = None) -> str:
    """Return the status of a run: waiting where all that is open in it waits for a next attempt."""
    is_waiting = run.status == RunStatus.RUNNING and not run.is_canceling
    return RunStatus.WAITING.value if is_waiting and _only_waits(steps, now) else run.status


def _only_waits(steps: Iterable[StepSnapshot], now: datetime | None) -> bool:
    """Return whether a step waits for its next attempt, and none runs or is ready to."""
    is_any = False
    for step in steps:
        if step.status in STEP_ENDED or (step.kind in HOLDERS and step.worker_id is None):
            continue
        if is_between_attempts(step, now):
            is_any = True
        elif step.status in {StepStatus.RUNNING, StepStatus.QUEUED}:
            return False
    return is_any


def took(
    step: StepSnapshot, until: datetime | None = None, known: Busy = NOTHING
) -> timedelta | None:
    """Return how long a step took, or has taken so far; None: it has not started in this run.

    `known` is when steps of the run waited: a row has its last question alone. Of a sleep this is
    its length.
    """
    if step.started_at is None or is_reused(step):
        return None
    end = step.ended_at or until or timezone.now()
    waits = merged([*_asked(step, known), *_retried(known.attempts.get(step.path, ()))])
    if step.kind in HOLDERS:
        waits = iter(known.stood.get(step.path, ()))
    return max(end - step.started_at - length_in(waits, step.started_at, end), timedelta())


def asked_for(step: StepSnapshot, end: datetime, known: Busy = NOTHING) -> timedelta:
    """Return for how long a step waited for answers, up to a moment."""
    if step.started_at is None:
        return timedelta()
    return length_in(_asked(step, known), step.started_at, end)


def _asked(step: StepSnapshot, known: Busy) -> Sequence[Span]:
    if step.suspended_at is None:
        return ()
    answered = step.resumed_at
    is_answered = answered is not None and answered >= step.suspended_at
    return known.asked.get(step.path) or [(step.suspended_at, answered if is_answered else None)]


def _retried(attempts: Sequence[Attempt]) -> list[Span]:
    return [(failed, again) for failed, _, again in attempts]


def between_attempts(attempts: Sequence[Attempt], start: datetime, end: datetime) -> timedelta:
    """Return for how long a step waited for its next attempt, between two moments."""
    return length_in(_retried(attempts), start, end)


def is_growing(step: StepSnapshot, status: str) -> bool:
    """Return whether the time of a step shown with this status grows.

    Not while it waits for people or for its next attempt.
    """
    is_lively = step.kind == SLEEP or status in {StepStatus.RUNNING, StepStatus.QUEUED}
    return step.ended_at is None and is_lively
