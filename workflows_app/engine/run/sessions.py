"""What this process knows about the runs whose steps it holds, so that it need not read it again.

A session lives as long as a claim refers to it. What it knows is true if the run's revision is
unchanged; every write checks that.
"""

from __future__ import annotations

import threading
import uuid
import weakref
from collections import deque
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from workflows_app.engine.run.recall import Recall
    from workflows_app.models import Run, StepSnapshot

_lock = threading.Lock()
_sessions: weakref.WeakValueDictionary[uuid.UUID, Session] = weakref.WeakValueDictionary()


class Rows:
    """Snapshots of one run that are known, by path and by key."""

    def __init__(self) -> None:
        self.by_path: dict[str, StepSnapshot] = {}
        self.paths: dict[int, str] = {}
        #: The largest key of all that were ever known.
        self.newest = 0

    def add(self, step: StepSnapshot) -> StepSnapshot:
        """Keep one object for each snapshot, and return it."""
        kept = self.by_path.setdefault(step.path, step)
        self.paths[kept.pk] = kept.path
        self.newest = max(self.newest, kept.pk)
        return kept

    def drop(self, path: str) -> None:
        """Forget a snapshot."""
        step = self.by_path.pop(path, None)
        if step is not None:
            self.paths.pop(step.pk, None)

    def clear(self) -> None:
        """Forget all."""
        self.by_path.clear()


class Session:
    """One run, as the threads of this process share it."""

    def __init__(self, run: uuid.UUID) -> None:
        self.run = run
        #: Held while the session is used. Never taken inside a transaction.
        self.lock = threading.Lock()
        #: The run as it was after the last change of this process; None: not known.
        self.model: Run | None = None
        #: Its known steps that had not ended, by path.
        self.rows = Rows()
        #: Results that threads have brought and nobody has recorded yet.
        self.brought: deque[Any] = deque()
        #: The steps that have ended, for the caller, while all of them are known here.
        self.recall: Recall | None = None
        #: The address of the caller in another process, to tell when the run has ended.
        self.caller: str | None = None

    def take(self) -> tuple[Run, Rows]:
        """Hand out what is known, to be changed; nothing is known until `keep`."""
        model, rows = self.model, self.rows
        if model is None:
            raise LookupError(f"Nothing is known about run {self.run}.")
        self.forget()
        return model, rows

    def keep(self, model: Run, rows: Rows) -> None:
        """Remember the run as it is now."""
        self.model, self.rows = model, rows

    def forget(self) -> None:
        """Forget everything, because somebody else may have written to the run."""
        self.model, self.rows, self.recall, self.caller = None, Rows(), None, None


def of(run: uuid.UUID) -> Session:
    """Return the session of a run, new if no thread of this process works on it."""
    with _lock:
        session = _sessions.get(run)
        if session is None:
            session = _sessions[run] = Session(run)
        return session
