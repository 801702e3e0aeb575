"""The attempts that this process is running: their abort signals and deadlines.

An interrupt is raised in a thread only while user code is on its stack; a lock ensures that.
"""

from __future__ import annotations

import ctypes
import logging
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

from workflows_app import log_context
from workflows_app.engine.host import timers
from workflows_app.engine.host.control import Interrupted

if TYPE_CHECKING:
    from workflows_app.engine.run.claims import Claim
    from workflows_app.engine.work.lending import Borrower

logger = logging.getLogger(__name__)


class AbortSignal:
    """Tells a step that its run is being canceled or that its time is up."""

    def __init__(self) -> None:
        self._is_aborted = False
        #: Made when somebody first waits; hardly any step does.
        self._event: threading.Event | None = None
        self._lock = threading.Lock()
        self._callbacks: list[Callable[[], object]] = []

    @property
    def aborted(self) -> bool:
        """Whether the step should stop."""
        return self._is_aborted

    def wait(self, timeout: float | None = None) -> bool:
        """Wait up to `timeout` seconds for the signal (None: forever); return whether it came."""
        with self._lock:
            if self._is_aborted:
                return True
            event = self._event = self._event or threading.Event()
        return event.wait(None if timeout is None else min(timeout, threading.TIMEOUT_MAX))

    def on_abort(self, callback: Callable[[], object]) -> None:
        """Call `callback` when the signal comes, or at once if it has come."""
        with self._lock:
            if not self.aborted:
                self._callbacks.append(callback)
                return
        callback()

    def abort(self) -> None:
        """Raise the signal. Called by the engine."""
        with self._lock:
            if self.aborted:
                return
            self._is_aborted = True
            if self._event is not None:
                self._event.set()
            callbacks, self._callbacks = self._callbacks, []
        for callback in callbacks:
            try:
                callback()
            except Exception:
                logger.exception("An on_abort callback failed.")


class Attempt:
    """One attempt that runs in one thread of this process; the user's code runs in its block."""

    def __init__(self, run: uuid.UUID, timeout: float | None, name: str) -> None:
        self.run = run
        self.timeout = timeout
        #: The step and its run, for messages.
        self.name = name
        self.signal = AbortSignal()
        self.timed_out = False
        #: The other runs that it waits for, if it has ever waited; see `lending`.
        self.borrower: Borrower | None = None
        self._is_shielded = False
        self._lock = threading.Lock()
        self._thread: int | None = None
        self._timer: timers.Timer | None = None

    @property
    def longest(self) -> float | None:
        """The timeout in seconds, limited to what a thread can wait; None if there is none."""
        return None if self.timeout is None else min(self.timeout, threading.TIMEOUT_MAX)

    def __enter__(self) -> None:
        """Note that user code is on this thread's stack; only now may it be interrupted."""
        self._timer = timers.after(self.timeout, self._time_is_up) if self.timeout else None
        with self._lock:
            self._thread = threading.get_ident()

    def __exit__(self, *_: object) -> None:
        """Note that user code has left the stack."""
        self._leave()
        if self._timer is not None:
            self._timer.cancel()

    def _leave(self) -> None:
        with self._lock:
            thread, self._thread = self._thread, None
            if self.timed_out and thread is not None:
                # An interrupt that was sent but not yet delivered must not hit the engine.
                ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), None)

    @contextmanager
    def shielded(self) -> Iterator[None]:
        """Allow no interrupt while the attempt's code calls the engine in its own thread.

        If its time is up meanwhile, it is interrupted at the end of the block.
        """
        with self._lock:
            if self._thread != threading.get_ident():
                mine = None
            else:
                mine, self._thread, self._is_shielded = self._thread, None, True
        try:
            yield
        finally:
            if mine is not None:
                with self._lock:
                    self._thread, self._is_shielded = mine, False
                if self.timed_out:
                    raise Interrupted

    def _time_is_up(self) -> None:
        with self._lock:
            if self._thread is None:
                if not self._is_shielded:
                    return
            else:
                thread = ctypes.c_ulong(self._thread)
                ctypes.pythonapi.PyThreadState_SetAsyncExc(thread, ctypes.py_object(Interrupted))
            self.timed_out = True
        self.signal.abort()


_lock = threading.Lock()
_running: dict[uuid.UUID, set[Attempt]] = {}
#: The attempt that the current code belongs to, also in tasks and threads that a step starts.
_current: ContextVar[Attempt | None] = ContextVar("signalbox_attempt", default=None)


@contextmanager
def running(
    run: uuid.UUID,
    timeout: float | None = None,
    name: str = "A step",
    claim: Claim | None = None,
) -> Iterator[Attempt]:
    """Register an attempt of a step of `run` while the block runs; `name` is for messages.

    Lines of the log that are written meanwhile say that they are about `claim`.
    """
    attempt = Attempt(run, timeout, name)
    with _lock:
        _running.setdefault(run, set()).add(attempt)
    before, told = _current.set(attempt), log_context.claim.set(claim)
    try:
        yield attempt
    finally:
        log_context.claim.reset(told)
        _current.reset(before)
        with _lock:
            attempts = _running[run]
            attempts.discard(attempt)
            if not attempts:
                del _running[run]


def current() -> Attempt | None:
    """Return the attempt whose code calls this; None if the caller is not a step."""
    return _current.get()


def abort(run: uuid.UUID) -> None:
    """Raise the abort signal of every attempt of this run in this process."""
    with _lock:
        attempts = list(_running.get(run, ()))
    for attempt in attempts:
        attempt.signal.abort()


def runs() -> list[uuid.UUID]:
    """Return the runs that have an attempt in this process."""
    with _lock:
        return list(_running)
