"""Live parts of pages, drawn once for all who look at the same thing with the same rights.

A browser that asks for the part says up to which number it knows the run's log. Any part that was
drawn at that number or later has everything that it can ask for; later events have numbers of their
own and make the browser ask again.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Final

#: For how many seconds a part is reused: some sentences depend on the clock, not on the log.
FRESH: Final = 1.0
#: How many parts are kept; those that were asked for longest ago are dropped first.
MOST_KEPT: Final = 256


@dataclass(frozen=True)
class Part:
    """One drawing of a part: its HTML, and the last event number that it surely includes."""

    html: str
    seq: int
    #: Whether others may have it: it contains nothing personal, such as a token.
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
    """The parts of one process, by what they show and for whom; thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._slots: OrderedDict[Hashable, _Slot] = OrderedDict()

    def get(self, key: Hashable, seen: int, draw: Callable[[], Part]) -> Part:
        """Return a part that includes event number `seen`, drawn by the first caller that needs it.

        `key` must tell apart everything but the log that the drawing depends on. A caller that
        comes while another draws waits for that drawing. What `draw` raises goes only to its own
        caller.
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
