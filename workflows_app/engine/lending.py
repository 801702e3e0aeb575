"""Steps that wait for other runs: while one does, a thread that is lent works in its place.

A pool whose threads all wait for runs that no thread works on would wait for ever. So a step that
waits borrows one thread, however many runs it waits for. That thread works on these runs alone and
ends when the waiting does. It is lent only if the runs have not ended after a moment.
"""

import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final, Protocol, cast

from workflows_app import errors
from workflows_app.engine import attempts, ports

#: Seconds after which a thread is lent.
PATIENCE: Final = 0.02

#: Whether this code runs in a thread that was lent, or was started there.
_is_lent: ContextVar[bool] = ContextVar("signalbox_lent", default=False)


class Lender(Protocol):
    """What a dispatcher whose threads may all be waiting can do besides."""

    def lend(self, borrower: "Borrower") -> bool:
        """Start a thread that works on what the borrower waits for; False: there is none left."""


class Borrower:
    """The runs that one attempt waits for."""

    def __init__(self, name: str) -> None:
        #: The step and its run, for messages.
        self.name = name
        #: Set when there may be something to do.
        self.changed = threading.Event()
        self._lock = threading.Lock()
        self._runs: list[uuid.UUID] = []
        self._has_thread = False

    @property
    def runs(self) -> list[uuid.UUID]:
        """The runs that are waited for now."""
        with self._lock:
            return list(self._runs)

    def is_over(self) -> bool:
        """Return whether nothing is waited for any more; then the thread that asks ends."""
        with self._lock:
            if self._runs:
                return False
            self._has_thread = False
            return True

    @contextmanager
    def awaits(self, run: uuid.UUID) -> Iterator[None]:
        """Note that the run is waited for while the block runs."""
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
        """Have a thread work on the runs, unless one does. Raises WaitTooDeep.

        Where none is left a thread of the pool waits for one: those that were lent are given back
        when what they work on has ended. One of those that were lent must not wait for another.
        """
        with self._lock:
            if self._has_thread:
                return
            self._has_thread = True
        is_there = False
        try:
            is_there = cast("Lender", ports.dispatcher()).lend(self)
        finally:
            if not is_there:
                with self._lock:
                    self._has_thread = False
        if not is_there and _is_lent.get():
            raise errors.WaitTooDeep(
                f"{self.name} waits for a run, as do steps of so many others that no thread is "
                "left to work on it. Let fewer steps wait inside runs that steps wait for: call "
                "the verb with wait=False, or put the workflow in as a step, with then()."
            )


@contextmanager
def waiting(run: uuid.UUID) -> Iterator[Callable[[], None] | None]:
    """Yield what to call when waiting for the run takes long; None: it is no step that waits.

    The caller is a step, or was called by one, and all threads may be waiting as it does. In a
    thread that was lent another is lent at once, or WaitTooDeep raised: enter this before the run
    is told to go on.
    """
    attempt = attempts.current()
    if attempt is None or not hasattr(ports.dispatcher(), "lend"):
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
    """Note that the calling thread is lent."""
    _is_lent.set(True)
