"""What the planner decides: values that say what to write, in the order to write it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from workflows_app.jsontext import Raw
from workflows_app.planner.outcomes import NO_CHANGES, Awaited, Changes
from workflows_app.planner.statuses import RunStatus, StepStatus


@dataclass(frozen=True, slots=True)
class OutputOf:
    """The output of the snapshot at this path."""

    path: str


@dataclass(frozen=True, slots=True)
class Joined:
    """The outputs of a container's parts, joined under their keys."""

    path: str


@dataclass(frozen=True, slots=True)
class InputOf:
    """The input of the snapshot at this path."""

    path: str


@dataclass(frozen=True, slots=True)
class PreviousInput:
    """The input of the snapshot at this path that the new timeline replaces."""

    path: str


@dataclass(frozen=True, slots=True)
class RunInput:
    """The run's own input."""


#: Where a value comes from: the text itself, or where it is stored.
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
    #: It waits for `proceed`, because the run goes step by step.
    is_paused: bool = False


@dataclass(frozen=True, slots=True)
class QueueItems:
    """Let the next items of a foreach be claimed: from `first` up to, but not including, `end`."""

    container: str
    base_path: str
    kind: str
    first: int
    end: int
    queue: str = "default"
    is_paused: bool = False


@dataclass(frozen=True, slots=True)
class StartSleep:
    """Make a new snapshot that waits by itself: some seconds, or until a moment."""

    path: str
    base_path: str
    kind: str
    parent: str | None
    payload: Value
    delay: float | datetime
    position: int = 0


@dataclass(frozen=True, slots=True)
class Wait:
    """Let the claimed snapshot wait by itself: some seconds, or until a moment."""

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
    """Turn the claimed snapshot into an open container with a number of parts."""

    path: str
    unfinished: int
    #: The accepted input, with the defaults of its type; None: unchanged.
    payload: Raw | None = None
    changes: Changes = NO_CHANGES
    total: int = 0
    concurrency: int = 1
    opened: int = 0


@dataclass(frozen=True, slots=True)
class AskLoop:
    """Let a worker claim an open loop again, to test its condition."""

    path: str
    #: It waits until the run may continue, because somebody holds the run.
    is_paused: bool = False


@dataclass(frozen=True, slots=True)
class RecordResult:
    """Record how a step, or a container, ended."""

    path: str
    status: StepStatus
    output: Value | None = None
    error: Mapping[str, Any] | None = None
    changes: Changes = NO_CHANGES
    #: Whether it ended the run by that: it bailed.
    is_bail: bool = False
    #: Who gave the result, if a person did.
    given_by: str = ""


@dataclass(frozen=True, slots=True)
class RecordSuspension:
    """Record that the step waits for an answer, an event or the end of a run."""

    path: str
    payload: Raw | None
    labels: tuple[str, ...]
    changes: Changes = NO_CHANGES
    awaited: Awaited | None = None
    tokens: tuple[str, ...] = ()
    #: The error of the last attempt, if it asks because its attempts are used up.
    error: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class RetryStep:
    """Let the step be claimed again after a delay."""

    path: str
    retry_count: int
    delay_seconds: float
    error: Mapping[str, Any]
    #: It waits until the run may continue, because somebody holds the run.
    is_paused: bool = False


@dataclass(frozen=True, slots=True)
class CountPart:
    """Count one ended part of a container that has unfinished ones."""

    path: str


@dataclass(frozen=True, slots=True)
class CancelSteps:
    """Cancel snapshots that no worker holds: queued, suspended, waiting, paused or open."""

    paths: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Supersede:
    """Supersede the snapshot at this path."""

    path: str


@dataclass(frozen=True, slots=True)
class SupersedeAllBut:
    """Supersede every snapshot except those at these places of the graph."""

    base_paths: frozenset[str]


@dataclass(frozen=True, slots=True)
class Adopt:
    """Let the container at this path take over the parts of the one that it replaced."""

    path: str


@dataclass(frozen=True, slots=True)
class GiveResult:
    """Make a snapshot of a step that did not run here: its result was given, or it was skipped."""

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
    """End an arm that may fail with this status, once its running steps have ended."""

    path: str
    error: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class SetEnding:
    """End the run with this status, once its running steps have ended; nothing new starts."""

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
