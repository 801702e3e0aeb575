"""How busy this process is, measured by its loop: under load, news comes less often, not later."""

from __future__ import annotations

import asyncio
import time
from typing import Final

#: The weight of the newest measurement in the average.
SHARE: Final = 0.1
#: Two pieces of news of one run are at least this many times the loop's delay apart.
PATIENCE: Final = 4
#: The longest time in seconds that news waits, however busy the process is.
LONGEST: Final = 0.5


class Load:
    """The average delay in seconds with which the loop wakes."""

    def __init__(self) -> None:
        self.late = 0.0

    def note(self, late: float) -> None:
        """Add to the average that a sleep was too long by this many seconds."""
        self.late += SHARE * (max(late, 0.0) - self.late)

    def stretched(self, seconds: float) -> float:
        """Return how many seconds to rest under this load, if `seconds` are enough without any."""
        return max(seconds, min(PATIENCE * self.late, LONGEST))

    async def rest(self, seconds: float) -> None:
        """Sleep that long, or longer under load, and measure the delay of the loop."""
        asked = self.stretched(seconds)
        began = time.monotonic()
        await asyncio.sleep(asked)
        self.note(time.monotonic() - began - asked)


#: The load of this process.
load: Final = Load()
