"""Steps that wait for other runs: while a step waits, a thread that is lent works in its place.

If all threads of a pool waited for runs that no thread works on, they would wait forever. So a step
that waits borrows one thread, however many runs it waits for. That thread works only on these runs
and ends when the step stops waiting. It is lent only if the runs have not ended after a moment.
"""

import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

from workflows_app import errors
from workflows_app.engine.host import ports
from workflows_app.engine.work import attempts

#: Seconds after which a thread is lent.
PATIENCE: Final = 0.02

#: Whether this code runs in a thread that was lent, or was started there.
_is_lent: ContextVar[bool] = ContextVar("signalbox_lent", default=False)


class Borrower:
    """The runs that one attempt waits for."""

    def __init__(self, name: str) -> None:
        #: The step and its run, for messages.
        self.name = name
        #: Set when there may be something to do for the thread that is lent.
        self.changed = threading.Event()
        self._lock = threading.Lock()
        self._runs: list[uuid.UUID] = []
        self._has_thread = False

    @property
    def runs(self) -> list[uuid.UUID]:
        """The runs that the step is waiting for."""
        with self._lock:
            return list(self._runs)

    def is_over(self) -> bool:
        """Return whether the step has stopped waiting; the thread that asks then ends."""
        with self._lock:
            if self._runs:
                return False
            self._has_thread = False
            return True

    @contextmanager
    def awaits(self, run: uuid.UUID) -> Iterator[None]:
        """Note that the step waits for the run while the block runs."""
        unsubscribe = ports.hub().subscribe(run, lambda _seq, _events: self.changed.set())
        with self._lock:
            self._runs.append(run)
        self.changed.set()
        try:
            yield
        finally:
            with self._lock:
                self._runs.remove(run)
            self.changed.set()
            unsubscribe()

    def borrow(self) -> None:
        """Have a thread work on the runs, unless one already does. Raises WaitTooDeep.

        If no thread is left, a thread of the pool waits for one, because lent threads come back
        when their runs have ended. A lent thread must not wait for another one.
        """
        with self._lock:
            if self._has_thread:
                return
            self._has_thread = True
        is_there = False
        try:
            is_there = ports.dispatcher().lend(self)
        finally:
            if not is_there:
                with self._lock:
                    self._has_thread = False
        if not is_there and _is_lent.get():
            raise errors.WaitTooDeep(
                f"{self.name} waits for a run, but so many steps wait for runs that no thread is "
                "left to work on it. Let fewer steps wait inside runs that other steps wait for: "
                "call the verb with wait=False, or nest the workflow with then()."
            )


@contextmanager
def waiting(run: uuid.UUID) -> Iterator[Callable[[], None] | None]:
    """Yield a function to call when waiting for the run takes long; None if no step waits.

    The caller is a step or was called by one, and all other threads may be waiting, too. If the
    calling thread is itself lent, another is lent at once, or WaitTooDeep is raised; so enter this
    block before the run is allowed to continue.
    """
    attempt = attempts.current()
    if attempt is None or not ports.dispatcher().lends:
        yield None
        return
    with _borrowers_lock:
        borrower = attempt.borrower = attempt.borrower or Borrower(attempt.name)
    with borrower.awaits(run):
        if _is_lent.get():
            borrower.borrow()
        yield borrower.borrow


_borrowers_lock = threading.Lock()


def is_lent() -> None:
    """Note that the calling thread is a lent one."""
    _is_lent.set(True)
