"""What the planner may know about a run: small frozen values, and access to open snapshots."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from workflows_app.planner.statuses import StepStatus

#: The allowance of a run that somebody holds: nothing of it starts.
HELD: Final = -1
#: The allowance of a run whose start was accepted while it could not begin: nothing starts either.
ACCEPTED: Final = -2


@dataclass(frozen=True, slots=True)
class RunView:
    """The state of a run before the current outcome is counted."""

    #: The status that the run gets when its running steps have ended; empty while it continues.
    ending: str = ""
    #: Steps queued, running or awaiting a retry.
    active: int = 0
    waiting: int = 0
    suspended: int = 0
    paused: int = 0
    #: How many steps may still start by themselves; None: all of them; below 0: nothing may start.
    allowance: int | None = None

    @property
    def is_stopped(self) -> bool:
        """Whether nothing may start, not even an entry that is no step."""
        return self.allowance is not None and self.allowance < 0


@dataclass(frozen=True, slots=True)
class Row:
    """One snapshot, as far as deciding needs it."""

    path: str
    base_path: str
    kind: str
    status: StepStatus
    #: The path of the container's row; None at the root.
    parent: str | None = None
    #: Whether a worker holds it. An open container is running and held by nobody.
    is_held: bool = False
    ending: str = ""
    unfinished: int = 0
    retry_count: int = 0
    #: A foreach: its items, and how many run at a time. A foreach or loop: how many were opened.
    total: int = 0
    concurrency: int = 1
    opened: int = 0
    position: int = 0

    @property
    def scope(self) -> str:
        """The path of the nested workflow that it is in; empty at the root."""
        return self.path.rpartition(".")[0]

    @property
    def name(self) -> str:
        """The last part of the path, with its index: `add#2`, `each[3]`."""
        return self.path.rpartition(".")[2]

    @property
    def is_container(self) -> bool:
        """Whether it is an open container: running, with parts."""
        return self.status is StepStatus.RUNNING and not self.is_held

    def holds(self, path: str) -> bool:
        """Return whether the snapshot at `path` lies inside this one."""
        return path.startswith((f"{self.path}.", f"{self.path}["))


class View(Protocol):
    """A run as it is under its lock."""

    @property
    def run(self) -> RunView:
        """The run's own counts."""

    def row(self, path: str) -> Row:
        """Return the current snapshot at `path`: a step or one of its containers."""

    def open_rows(self) -> Sequence[Row]:
        """Return every snapshot that has not ended; needed only on failure and cancel."""


class History(View, Protocol):
    """A view that also knows ended snapshots, for retrying a failed run."""

    def find(self, path: str) -> Row | None:
        """Return the current snapshot at `path`, or None when it was not reached."""

    def unsuccessful_parts(self, path: str) -> Sequence[Row]:
        """Return the parts of a container that were opened and have not succeeded, in order."""

    def count_succeeded(self, path: str) -> int:
        """Return how many parts of a container have succeeded."""
