"""What the planner may know of a run: small frozen values, and a window onto what is open."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from workflows_app.planner.statuses import StepStatus


@dataclass(frozen=True, slots=True)
class RunView:
    """Where a run stands, before the outcome at hand is counted."""

    #: What the run becomes when its running steps have ended; empty while it goes on.
    ending: str = ""
    #: Steps queued, running or awaiting a retry.
    active: int = 0
    waiting: int = 0
    suspended: int = 0
    paused: int = 0
    #: How many steps may still start by themselves; None: all of them.
    allowance: int | None = None


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
    #: Of a foreach: its items, how many of them at a time; of loops, too: how many were opened.
    total: int = 0
    concurrency: int = 1
    opened: int = 0
    position: int = 0

    @property
    def scope(self) -> str:
        """The path of the nested workflow it stands in; empty at the root."""
        return self.path.rpartition(".")[0]

    @property
    def name(self) -> str:
        """The last part of the path, with its index: `add#2`, `each[3]`."""
        return self.path.rpartition(".")[2]

    @property
    def is_container(self) -> bool:
        """Whether it is open as a container: running, with parts of its own."""
        return self.status is StepStatus.RUNNING and not self.is_held

    def holds(self, path: str) -> bool:
        """Return whether the snapshot at `path` lies inside this one."""
        return path.startswith((f"{self.path}.", f"{self.path}["))


class View(Protocol):
    """A run as it stands under its lock."""

    @property
    def run(self) -> RunView:
        """The run's own counts."""

    def row(self, path: str) -> Row:
        """Return the current snapshot at `path`; deciding asks for a step and its containers."""

    def open_rows(self) -> Sequence[Row]:
        """Return every snapshot that has not ended; asked for on failure and cancel only."""


class History(View, Protocol):
    """A view that also knows what has ended: for going on with a run that has failed."""

    def find(self, path: str) -> Row | None:
        """Return the current snapshot at `path`, or None when it was not reached."""

    def unsuccessful_parts(self, path: str) -> Sequence[Row]:
        """Return the parts of a container that were opened and have not succeeded, in order."""

    def count_succeeded(self, path: str) -> int:
        """Return how many parts of a container have succeeded."""
