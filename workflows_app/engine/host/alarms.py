"""Looks for what is due at its time, in this process; the sweep of any process looks, too.

Many things may be due at many times, so one timer is kept, for the first of them.
"""

import logging
import threading
import time
from collections.abc import Callable
from typing import Final

from workflows_app.engine.host import clock, timers, transactions
from workflows_app.models.sqltext import connection_here

logger = logging.getLogger(__name__)

#: Seconds after which it looks again if that failed.
_AGAIN: Final = 1.0

#: Does what is due; returns in how many seconds to look again, or None.
Look = Callable[[], float | None]


class _Alarm:
    """The timer for the first of the times to come."""

    def __init__(self, look: Look) -> None:
        self._do_look = look
        self._lock = threading.Lock()
        self._looking = threading.Lock()
        self._timer: timers.Timer | None = None

    def set(self, seconds: float) -> None:
        """Look in so many seconds, unless the alarm is set to an earlier time."""
        at = time.monotonic() + max(seconds, 0.0)
        with self._lock:
            if self._timer is not None:
                if self._timer.at <= at:
                    return
                self._timer.cancel()
            self._timer = timers.after(seconds, self._ring)

    def _ring(self) -> None:
        with self._lock:
            self._timer = None
        threading.Thread(target=self._look, name="signalbox-alarm", daemon=True).start()

    def _look(self) -> None:
        seconds: float | None = _AGAIN
        try:
            with self._looking:
                seconds = self._do_look()
        except Exception:
            logger.exception("What is due could not be done; it is tried again.")
        finally:
            connection_here().close()
        if seconds is not None:
            self.set(seconds)


_alarm: _Alarm | None = None


def begin(look: Look) -> None:
    """Begin the alarm of this process, which calls `look`; forget the one of a parent process."""
    global _alarm  # noqa: PLW0603 - one alarm a process
    _alarm = _Alarm(look)


def arm(seconds: float) -> None:
    """Look in so many seconds; not if a test has stopped the clock, or if only it sees its rows."""
    if _alarm is not None and not clock.is_stopped() and not transactions.is_inside_testcase():
        _alarm.set(seconds)
