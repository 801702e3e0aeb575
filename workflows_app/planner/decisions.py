"""What the planner decides: values that say what to write, in the order to write it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
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
class InputOf:
    """What came to the snapshot at this path."""

    path: str


@dataclass(frozen=True, slots=True)
class PreviousInput:
    """What came to the snapshot at this path that the new timeline replaces."""

    path: str


@dataclass(frozen=True, slots=True)
class RunInput:
    """The run's own input."""


#: Where a value comes from: the text itself, or where it stands.
Value = Raw | OutputOf | Joined | InputOf | PreviousInput | RunInput


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
    #: It waits for `proceed`, since the run goes on step by step.
    is_paused: bool = False


@dataclass(frozen=True, slots=True)
class QueueItems:
    """Let the next items of a foreach be claimed: from `first` up to, but without, `end`."""

    container: str
    base_path: str
    kind: str
    first: int
    end: int
    queue: str = "default"
    is_paused: bool = False


@dataclass(frozen=True, slots=True)
class StartSleep:
    """Make a new snapshot that waits by itself: so many seconds, or until a moment."""

    path: str
    base_path: str
    kind: str
    parent: str | None
    payload: Value
    delay: float | datetime
    position: int = 0


@dataclass(frozen=True, slots=True)
class Wait:
    """Let the claimed snapshot wait by itself: so many seconds, or until a moment."""

    path: str
    delay: float | datetime
    changes: Changes = NO_CHANGES


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
    total: int = 0
    concurrency: int = 1
    opened: int = 0


@dataclass(frozen=True, slots=True)
class BecomeContainer:
    """Turn the claimed snapshot into an open container of so many parts."""

    path: str
    unfinished: int
    #: The input as it was accepted, with the defaults of its type; None: as it came.
    payload: Raw | None = None
    changes: Changes = NO_CHANGES
    total: int = 0
    concurrency: int = 1
    opened: int = 0


@dataclass(frozen=True, slots=True)
class AskLoop:
    """Let a worker claim an open loop once more, to ask its condition."""

    path: str


@dataclass(frozen=True, slots=True)
class RecordResult:
    """Record how a step, or a container, ended."""

    path: str
    status: StepStatus
    output: Value | None = None
    error: Mapping[str, Any] | None = None
    changes: Changes = NO_CHANGES


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
class Supersede:
    """Leave the snapshot at this path to the timelines before this one."""

    path: str


@dataclass(frozen=True, slots=True)
class SupersedeAllBut:
    """Leave every snapshot to the timelines before, but those at these places of the graph."""

    base_paths: frozenset[str]


@dataclass(frozen=True, slots=True)
class Adopt:
    """Let the container at this path take over the parts of the one that it replaced."""

    path: str


@dataclass(frozen=True, slots=True)
class GiveResult:
    """Make a snapshot of something that did not run here: its result was given, or skipped."""

    path: str
    base_path: str
    kind: str
    parent: str | None
    status: StepStatus
    output: Value | None = None
    payload: Value | None = None
    position: int = 0


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
    | QueueItems
    | StartSleep
    | Wait
    | OpenContainer
    | BecomeContainer
    | AskLoop
    | RecordResult
    | RecordSuspension
    | RetryStep
    | CountPart
    | CancelSteps
    | Supersede
    | SupersedeAllBut
    | Adopt
    | GiveResult
    | EndContainer
    | SetEnding
    | FinishRun
)
