"""The one place that reads the time; below it, `now` is an argument.

Leases and wake times compare the database's time, so that machines with different clocks agree.
Asking the database for every step would cost a round trip, so the offset between its clock and the
monotonic clock of this process is measured now and then. The host's wall clock is never read,
except on SQLite, where the host's time is the database's.
"""

import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Final

from workflows_app.models.sqltext import connection_here

#: Seconds between measurements of the offset.
MEASURE_EVERY: Final = 30.0
#: A measurement that took longer than this (seconds) is repeated, up to `MOST_LOOKS` in all.
PROMPT: Final = 0.02
MOST_LOOKS: Final = 3

#: The monotonic time before and after a look at the database's clock, and the time it showed.
Look = tuple[float, float, datetime]

_lock = threading.Lock()
_measured: tuple[float, datetime] | None = None


#: The time at which a test has stopped the clock.
_stopped: datetime | None = None


def stop_at(at: datetime | None) -> None:
    """Stop the clock at this time, for a test; None: let it run again.

    While it stands, time passes only by another call, so nobody waits for it, and an inline run is
    worked on by the calling thread alone.
    """
    global _stopped  # noqa: PLW0603 - one clock a process
    _stopped = at


def is_stopped() -> bool:
    """Return whether a test has stopped the clock."""
    return _stopped is not None


def now() -> datetime:
    """Return the database's time, within a few milliseconds; aware, UTC."""
    if _stopped is not None:
        return _stopped
    monotonic = time.monotonic()
    measured = _measured
    if measured is None or monotonic - measured[0] > MEASURE_EVERY:
        if connection_here().vendor != "postgresql":
            return datetime.now(UTC)
        measured = _measure()
    return measured[1] + timedelta(seconds=monotonic - measured[0])


def renew() -> None:
    """Measure the offset before it is due, so that no caller of `now` has to."""
    measured = _measured
    is_old = measured is None or time.monotonic() - measured[0] > MEASURE_EVERY / 2
    if is_old and connection_here().vendor == "postgresql":
        _measure()


def _measure() -> tuple[float, datetime]:
    global _measured  # noqa: PLW0603 - one clock a process
    looks = [_look()]
    # If the process paused during a look, the time is wrong by up to half of the pause.
    while len(looks) < MOST_LOOKS and _length(looks[-1]) > PROMPT:
        looks.append(_look())
    before, after, at = min(looks, key=_length)
    with _lock:
        _measured = ((before + after) / 2, at.astimezone(UTC))
        return _measured


def _look() -> Look:
    """Ask the database for its time; return the monotonic time before and after, and the answer."""
    with connection_here().cursor() as cursor:
        before = time.monotonic()
        cursor.execute("SELECT clock_timestamp()")
        (at,) = cursor.fetchone()
        return before, time.monotonic(), at


def _length(look: Look) -> float:
    before, after, _ = look
    return after - before
