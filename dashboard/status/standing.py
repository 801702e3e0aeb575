"""The status of a step or a run as every page shows it, and how long it took.

How long it took: from the start to the end, or to now, without the time in which it waited for an
answer, for a sleep or for its next attempt. A container waited while something inside it waited and
nothing inside it ran. Waits for a worker are included. A sleep only waits, so it has a length but
took no time. Lists know only whether a run waits for people, and say so. Pure: takes rows, returns
words and lengths.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final

from django.utils import timezone

from workflows_app import results
from workflows_app.models import Run, StepSnapshot
from workflows_app.planner.statuses import STEP_ENDED, RunStatus, StepStatus

from .busy import NOTHING, SLEEP, Busy
from .spans import Span, length_in, merged
from .waits import FailedAttempt

#: Entries that are open as long as something inside them is.
HOLDERS: Final = frozenset({*results.CONTAINERS, *results.HIDDEN})
#: What asks for attention, the most urgent first.
ASKING: Final = (
    StepStatus.FAILED,
    StepStatus.SUSPENDED,
    StepStatus.RUNNING,
    StepStatus.WAITING,
    StepStatus.PAUSED,
    StepStatus.QUEUED,
)
#: Which status inside an open container it takes over, the most important first.
_INSIDE: Final = (StepStatus.WAITING, StepStatus.SUSPENDED, StepStatus.PAUSED)


def is_between_attempts(step: StepSnapshot, now: datetime | None = None) -> bool:
    """Return whether an attempt of a step has failed and its next attempt is not yet due."""
    if step.status != StepStatus.QUEUED or not step.retry_count or step.unknown_since is not None:
        return False
    return step.wake_at is not None and step.wake_at > (now or timezone.now())


def is_reused(step: StepSnapshot) -> bool:
    """Return whether a fork copied the result of a step from the run that it began from.

    The times of such a step are those of the earlier run.
    """
    if step.status not in STEP_ENDED or step.started_at is None or step.ended_at is None:
        return False
    return step.started_at < step.queued_at and step.ended_at <= step.queued_at


def is_given(step: StepSnapshot) -> bool:
    """Return whether a fork or a time travel was given the step's result, so it never ran."""
    is_leaf = step.kind not in HOLDERS
    return is_leaf and step.status == StepStatus.SUCCESS and step.started_at is None


def status_of(step: StepSnapshot, inside: Collection[str] = (), now: datetime | None = None) -> str:
    """Return the status of a step as pages show it; `inside` has the statuses of what it contains.

    A step that waits for its next attempt is waiting. A container has the status of what happens
    inside it: running while something inside runs or is ready to.
    """
    if is_between_attempts(step, now):
        return StepStatus.WAITING.value
    if step.kind not in HOLDERS or step.worker_id is not None:
        return step.status
    return of_holder(step.status, inside)


def of_holder(status: str, inside: Collection[str]) -> str:
    """Return the status of a container from its own status and the statuses inside it."""
    if status != StepStatus.RUNNING or {StepStatus.RUNNING, StepStatus.QUEUED} & set(inside):
        return status
    return next((each.value for each in _INSIDE if each in inside), status)


def is_counted_inside(step: StepSnapshot) -> bool:
    """Return whether a step's status counts in its container; a container's does not."""
    return step.kind not in HOLDERS or step.worker_id is not None


def inside_of(
    step: StepSnapshot, steps: Iterable[StepSnapshot], now: datetime | None = None
) -> set[str]:
    """Return the statuses, as pages show them, of those of these steps that are inside a step."""
    prefixes = (f"{step.path}.", f"{step.path}[")
    inside = (s for s in steps if s.path.startswith(prefixes) and is_counted_inside(s))
    return {status_of(each, (), now) for each in inside}


def status_of_run(run: Run, steps: Iterable[StepSnapshot], now: datetime | None = None) -> str:
    """Return the status of a run: waiting if everything open in it waits for a next attempt."""
    is_waiting = run.status == RunStatus.RUNNING and not run.is_canceling
    return RunStatus.WAITING.value if is_waiting and _only_waits(steps, now) else run.status


def _only_waits(steps: Iterable[StepSnapshot], now: datetime | None) -> bool:
    """Return whether a step waits for its next attempt while no step runs or is ready to."""
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
    """Return how long a step took, or has taken so far; None if it has not started in this run.

    `known` has all waits of the run's steps, because a row has only its last question. A sleep
    returns its length.
    """
    if step.started_at is None or is_reused(step):
        return None
    end = step.ended_at or until or timezone.now()
    waits = merged([*_asked(step, known), *_retried(known.attempts.get(step.path, ()))])
    if step.kind in HOLDERS:
        waits = iter(known.idle_inside.get(step.path, ()))
    return max(end - step.started_at - length_in(waits, step.started_at, end), timedelta())


def asked_for(step: StepSnapshot, end: datetime, known: Busy = NOTHING) -> timedelta:
    """Return how long a step waited for answers until a moment."""
    if step.started_at is None:
        return timedelta()
    return length_in(_asked(step, known), step.started_at, end)


def _asked(step: StepSnapshot, known: Busy) -> Sequence[Span]:
    if step.suspended_at is None:
        return ()
    answered = step.resumed_at
    is_answered = answered is not None and answered >= step.suspended_at
    return known.waits_for_answers.get(step.path) or [
        (step.suspended_at, answered if is_answered else None)
    ]


def _retried(attempts: Sequence[FailedAttempt]) -> list[Span]:
    return [(failed.failed_at, failed.next_at) for failed in attempts]


def between_attempts(
    attempts: Sequence[FailedAttempt], start: datetime, end: datetime
) -> timedelta:
    """Return how long a step waited for its next attempt between two moments."""
    return length_in(_retried(attempts), start, end)


def is_growing(step: StepSnapshot, status: str) -> bool:
    """Return whether the time of a step that is shown with this status grows.

    It does not grow while the step waits for people or for its next attempt.
    """
    is_lively = step.kind == SLEEP or status in {StepStatus.RUNNING, StepStatus.QUEUED}
    return step.ended_at is None and is_lively
