"""The statuses of runs and steps, and the table of legal moves between those of a step."""

from collections.abc import Iterable
from enum import StrEnum
from typing import Final


class RunStatus(StrEnum):
    """The status of a run. An active run has the first that applies of running to paused."""

    PENDING = "pending"
    RUNNING = "running"
    WAITING = "waiting"
    SUSPENDED = "suspended"
    PAUSED = "paused"
    SUCCESS = "success"
    FAILED = "failed"
    CANCELED = "canceled"


class StepStatus(StrEnum):
    """The status of a step of a run."""

    QUEUED = "queued"
    RUNNING = "running"
    WAITING = "waiting"
    SUSPENDED = "suspended"
    PAUSED = "paused"
    SUCCESS = "success"
    FAILED = "failed"
    CANCELED = "canceled"
    SKIPPED = "skipped"


S = StepStatus

#: The legal moves of a step. The same table is the WHERE of the statement that moves it.
MOVES: Final[dict[StepStatus, frozenset[StepStatus]]] = {
    S.QUEUED: frozenset({S.RUNNING, S.CANCELED, S.FAILED, S.PAUSED}),
    S.RUNNING: frozenset(
        {S.SUCCESS, S.FAILED, S.SUSPENDED, S.WAITING, S.QUEUED, S.PAUSED, S.CANCELED},
    ),
    S.WAITING: frozenset({S.QUEUED, S.SUCCESS, S.FAILED, S.CANCELED}),
    S.SUSPENDED: frozenset({S.QUEUED, S.PAUSED, S.SUCCESS, S.FAILED, S.CANCELED}),
    S.PAUSED: frozenset({S.QUEUED, S.FAILED, S.CANCELED}),
    S.SUCCESS: frozenset(),
    S.FAILED: frozenset(),
    S.CANCELED: frozenset(),
    S.SKIPPED: frozenset(),
}

#: A run with one of these statuses has ended for good.
ENDED: Final = frozenset({RunStatus.SUCCESS, RunStatus.FAILED, RunStatus.CANCELED})

#: A run with one of these statuses has settled: nothing happens until somebody acts.
SETTLED: Final = ENDED | {RunStatus.SUSPENDED, RunStatus.PAUSED}

#: A run with one of these statuses has work that continues by itself.
ACTIVE: Final = frozenset({RunStatus.RUNNING, RunStatus.WAITING})

#: A step with one of these statuses has ended.
STEP_ENDED: Final = frozenset({S.SUCCESS, S.FAILED, S.CANCELED, S.SKIPPED})


def sources(target: StepStatus) -> Iterable[StepStatus]:
    """Return the statuses from which a step may move to `target`."""
    return [status for status, targets in MOVES.items() if target in targets]
