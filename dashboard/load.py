"""How busy this process is, as its loop feels it: news come less often rather than ever later."""

from __future__ import annotations

import asyncio
import time
from typing import Final

#: How much of the newest measure goes into the known one.
SHARE: Final = 0.1
#: So many times as long as the loop is late lie between two pieces of news of one run.
PATIENCE: Final = 4
#: Seconds that news wait at most, however busy the process is.
LONGEST: Final = 0.5


class Load:
    """By how many seconds the loop wakes later than it was asked to, on average."""

    def __init__(self) -> None:
        self.late = 0.0

    def note(self, late: float) -> None:
        """Take in by how much a sleep was too long, in seconds."""
        self.late += SHARE * (max(late, 0.0) - self.late)

    def stretched(self, seconds: float) -> float:
        """Return how long to rest at this load, where `seconds` are enough without any."""
        return max(seconds, min(PATIENCE * self.late, LONGEST))

    async def rest(self, seconds: float) -> None:
        """Sleep so long, or longer under load, and measure the loop by it."""
        asked = self.stretched(seconds)
        began = time.monotonic()
        await asyncio.sleep(asked)
        self.note(time.monotonic() - began - asked)


#: The load of this process.
load: Final = Load()
