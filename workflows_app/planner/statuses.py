"""The statuses of runs and steps, and the table of legal moves between those of a step."""

from collections.abc import Iterable
from enum import StrEnum
from typing import Final


class RunStatus(StrEnum):
    """Where a run stands. While it is alive, the first that holds of running to paused."""

    PENDING = "pending"
    RUNNING = "running"
    WAITING = "waiting"
    SUSPENDED = "suspended"
    PAUSED = "paused"
    SUCCESS = "success"
    FAILED = "failed"
    CANCELED = "canceled"


class StepStatus(StrEnum):
    """Where a step of a run stands."""

    QUEUED = "queued"
    RUNNING = "running"
    WAITING = "waiting"
    SUSPENDED = "suspended"
    PAUSED = "paused"
    SUCCESS = "success"
    FAILED = "failed"
    CANCELED = "canceled"
    SKIPPED = "skipped"
    #: An item of a foreach that is written ahead of its turn. Inside only: no caller sees it.
    PLANNED = "planned"


S = StepStatus

#: What a step may become next. The same table is the WHERE of the one statement that moves it.
MOVES: Final[dict[StepStatus, frozenset[StepStatus]]] = {
    S.PLANNED: frozenset({S.QUEUED, S.PAUSED}),
    S.QUEUED: frozenset({S.RUNNING, S.CANCELED, S.FAILED, S.PAUSED}),
    S.RUNNING: frozenset(
        {S.SUCCESS, S.FAILED, S.SUSPENDED, S.WAITING, S.QUEUED, S.CANCELED},
    ),
    S.WAITING: frozenset({S.QUEUED, S.SUCCESS, S.FAILED, S.CANCELED}),
    S.SUSPENDED: frozenset({S.QUEUED, S.CANCELED}),
    S.PAUSED: frozenset({S.QUEUED, S.CANCELED}),
    S.SUCCESS: frozenset(),
    S.FAILED: frozenset(),
    S.CANCELED: frozenset(),
    S.SKIPPED: frozenset(),
}

#: A run in one of these has ended for good.
ENDED: Final = frozenset({RunStatus.SUCCESS, RunStatus.FAILED, RunStatus.CANCELED})

#: A run in one of these has settled: nothing happens until somebody acts.
SETTLED: Final = ENDED | {RunStatus.SUSPENDED, RunStatus.PAUSED}

#: A run in one of these has work that goes on by itself.
ACTIVE: Final = frozenset({RunStatus.RUNNING, RunStatus.WAITING})

#: A step in one of these has ended.
STEP_ENDED: Final = frozenset({S.SUCCESS, S.FAILED, S.CANCELED, S.SKIPPED})


def sources(target: StepStatus) -> Iterable[StepStatus]:
    """Return the statuses from which a step may move to `target`."""
    return [status for status, targets in MOVES.items() if target in targets]
