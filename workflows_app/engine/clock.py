"""The door to the time. Below it, `now` is an argument.

Leases and wake times compare the database's time, so that machines whose clocks differ agree.
Asking it for every step would cost a round trip each; instead the offset between the database's
clock and this process's monotonic one is measured now and then, and the host's wall clock is
never read. On SQLite the host's time is the database's.
"""

import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Final

from django.db import connection

from workflows_app.models.sqltext import connection_here

#: Seconds after which the offset is measured anew.
MEASURE_EVERY: Final = 30.0
#: A look that took longer than so many seconds is repeated, up to so many in all.
PROMPT: Final = 0.02
MOST_LOOKS: Final = 3

#: The monotonic time before a look at the database's clock, and after it, and what was seen.
Look = tuple[float, float, datetime]

_lock = threading.Lock()
_measured: tuple[float, datetime] | None = None


def now() -> datetime:
    """Return the database's time, within a few milliseconds; aware, UTC."""
    monotonic = time.monotonic()
    measured = _measured
    if measured is None or monotonic - measured[0] > MEASURE_EVERY:
        if connection_here().vendor != "postgresql":
            return datetime.now(UTC)
        measured = _measure()
    return measured[1] + timedelta(seconds=monotonic - measured[0])


def renew() -> None:
    """Measure the offset before it is due, so that nobody who asks for the time has to."""
    measured = _measured
    is_old = measured is None or time.monotonic() - measured[0] > MEASURE_EVERY / 2
    if is_old and connection.vendor == "postgresql":
        _measure()


def _measure() -> tuple[float, datetime]:
    global _measured  # noqa: PLW0603 - one clock a process
    looks = [_look()]
    # The process may have stood still within it: then the time is wrong by up to half of that.
    while len(looks) < MOST_LOOKS and _length(looks[-1]) > PROMPT:
        looks.append(_look())
    before, after, at = min(looks, key=_length)
    with _lock:
        _measured = ((before + after) / 2, at.astimezone(UTC))
        return _measured


def _look() -> Look:
    """Ask the database for its time; return the monotonic time before and after, and the answer."""
    with connection.cursor() as cursor:
        before = time.monotonic()
        cursor.execute("SELECT clock_timestamp()")
        (at,) = cursor.fetchone()
        return before, time.monotonic(), at


def _length(look: Look) -> float:
    before, after, _ = look
    return after - before
