"""Live parts of pages, drawn once for all who look at the same thing and may do the same.

A browser that asks for the part says which number of the run's log it has heard of. Any part that
was drawn from that number or a later one tells it all that it knows to ask for; what comes after
has a number of its own and makes the browser ask again.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Final

#: Seconds for which a part is handed out: some sentences follow the clock, not the log.
FRESH: Final = 1.0
#: Parts that are kept; those asked for longest ago go first.
MOST_KEPT: Final = 256


@dataclass(frozen=True)
class Part:
    """One drawing of a part: its HTML, and the last event number that it surely holds."""

    html: str
    seq: int
    #: Whether others may have it: it holds nothing that is one person's own, such as a token.
    is_shared: bool = True
    #: When its drawing began, on the monotonic clock.
    began: float = field(default_factory=time.monotonic)


@dataclass
class _Slot:
    lock: threading.Lock = field(default_factory=threading.Lock)
    part: Part | None = None

    def answer(self, seen: int) -> Part | None:
        part = self.part
        is_good = part and part.seq >= seen and time.monotonic() - part.began < FRESH
        return part if is_good else None


class Parts:
    """The parts of one process, by what they show and for whom; safe to ask from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._slots: OrderedDict[Hashable, _Slot] = OrderedDict()

    def get(self, key: Hashable, seen: int, draw: Callable[[], Part]) -> Part:
        """Return a part that holds event number `seen`, drawn by whoever asks first.

        `key` must tell apart all that the drawing depends on besides the log. Who comes while
        another draws waits for that drawing. What `draw` raises goes to its caller alone.
        """
        slot = self._slot(key)
        if found := slot.answer(seen):
            return found
        with slot.lock:
            if found := slot.answer(seen):
                return found
            part = draw()
            slot.part = part if part.is_shared else None
            return part

    def _slot(self, key: Hashable) -> _Slot:
        with self._lock:
            slot = self._slots.setdefault(key, _Slot())
            self._slots.move_to_end(key)
            while len(self._slots) > MOST_KEPT:
                self._slots.popitem(last=False)
            return slot


#: The parts of runs' pages.
parts: Final = Parts()
