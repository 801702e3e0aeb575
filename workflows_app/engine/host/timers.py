"""One thread per process that calls functions at their time, on the monotonic clock."""

import heapq
import itertools
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

logger = logging.getLogger(__name__)


@dataclass(order=True)
class Timer:
    """A scheduled call, which `cancel()` prevents."""

    at: float
    order: int
    callback: Callable[[], object] | None = field(compare=False)

    def cancel(self) -> None:
        """Prevent the call."""
        self.callback = None


#: Longest single wait in seconds, because the system refuses to wait for thousands of years.
LONGEST_WAIT: Final = 3600.0

#: Timers in the heap before canceled ones are dropped.
TIDY_EVERY: Final = 1024

_wakeup = threading.Condition()
_heap: list[Timer] = []
_order = itertools.count()
_thread: threading.Thread | None = None


def after(seconds: float, callback: Callable[[], object]) -> Timer:
    """Call `callback` in `seconds` from now, in the timers' thread; it must be quick."""
    global _thread  # noqa: PLW0603 - one thread a process
    timer = Timer(time.monotonic() + max(seconds, 0.0), next(_order), callback)
    with _wakeup:
        if len(_heap) % TIDY_EVERY == TIDY_EVERY - 1:
            _forget_canceled()
        heapq.heappush(_heap, timer)
        if _thread is None or not _thread.is_alive():
            _thread = threading.Thread(target=_run, name="signalbox-timers", daemon=True)
            _thread.start()
        elif _heap[0] is timer:
            _wakeup.notify()
    return timer


def _forget_canceled() -> None:
    """Drop canceled timers before their time, so that long timeouts cost no memory."""
    _heap[:] = [timer for timer in _heap if timer.callback is not None]
    heapq.heapify(_heap)


def _run() -> None:
    while True:
        callback = _next()
        if callback is None:
            continue
        try:
            callback()
        except Exception:
            logger.exception("A timer failed.")


def _next() -> Callable[[], object] | None:
    with _wakeup:
        while not _heap:
            _wakeup.wait()
        delay = _heap[0].at - time.monotonic()
        if delay > 0 and _heap[0].callback is not None:
            _wakeup.wait(min(delay, LONGEST_WAIT))
            return None
        return heapq.heappop(_heap).callback
