"""What the planner decides: values that say what to write, in the order to write it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from workflows_app.jsontext import Raw
from workflows_app.planner.outcomes import NO_CHANGES, Changes
from workflows_app.planner.statuses import RunStatus, StepStatus


@dataclass(frozen=True, slots=True)
class OutputOf:
    """The output of the snapshot at this path."""

    path: str


@dataclass(frozen=True, slots=True)
class Joined:
    """The outputs of a container's parts, put together under their keys."""

    path: str


@dataclass(frozen=True, slots=True)
class RunInput:
    """The run's own input."""


#: Where a value comes from: the text itself, or where it stands.
Value = Raw | OutputOf | Joined | RunInput


@dataclass(frozen=True, slots=True)
class QueueStep:
    """Make a new snapshot that a worker may claim."""

    path: str
    base_path: str
    kind: str
    parent: str | None
    payload: Value
    queue: str = "default"
    position: int = 0


@dataclass(frozen=True, slots=True)
class OpenContainer:
    """Make a new snapshot that holds parts; no worker is needed to open it."""

    path: str
    base_path: str
    kind: str
    parent: str | None
    payload: Value
    unfinished: int
    position: int = 0


@dataclass(frozen=True, slots=True)
class BecomeContainer:
    """Turn the claimed snapshot into an open container of so many parts."""

    path: str
    unfinished: int
    #: The input as it was accepted: with the defaults of its type.
    payload: Raw
    changes: Changes = NO_CHANGES


@dataclass(frozen=True, slots=True)
class RecordResult:
    """Record how a step, or a container, ended."""

    path: str
    status: StepStatus
    output: Value | None = None
    error: Mapping[str, Any] | None = None
    changes: Changes = NO_CHANGES
    #: Whether it was counted among the run's active steps: a container never was.
    was_active: bool = True


@dataclass(frozen=True, slots=True)
class RecordSuspension:
    """Record that the step waits for an answer."""

    path: str
    payload: Raw | None
    labels: tuple[str, ...]
    changes: Changes = NO_CHANGES


@dataclass(frozen=True, slots=True)
class RetryStep:
    """Let the step be claimed again after a delay."""

    path: str
    retry_count: int
    delay_seconds: float
    error: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class CountPart:
    """One part of a container has ended, others have not."""

    path: str


@dataclass(frozen=True, slots=True)
class CancelSteps:
    """Cancel snapshots that nobody works on: queued, suspended, waiting, paused, open ones."""

    paths: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class EndContainer:
    """Let an arm that may fail end so, once its running steps have ended."""

    path: str
    error: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class SetEnding:
    """Let the run end so, once its running steps have ended; nothing new starts."""

    status: RunStatus
    error: Mapping[str, Any] | None = None
    result: Raw | None = None


@dataclass(frozen=True, slots=True)
class FinishRun:
    """End the run for good. Result and error may have been set by `SetEnding` before."""

    status: RunStatus
    result: Value | None = None


Decision = (
    QueueStep
    | OpenContainer
    | BecomeContainer
    | RecordResult
    | RecordSuspension
    | RetryStep
    | CountPart
    | CancelSteps
    | EndContainer
    | SetEnding
    | FinishRun
)
