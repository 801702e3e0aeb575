"""The live connections that this process has open, and how many of them each session has."""

from __future__ import annotations

import threading
from collections import Counter
from typing import Final

#: Connections of one session at a time: a browser's tabs, with room to spare.
MOST: Final = 20

_lock: Final = threading.Lock()
_open: Final[Counter[str]] = Counter()


def enter(session: str) -> bool:
    """Count a connection of a session; return False, and count nothing, if it has too many."""
    with _lock:
        if _open[session] >= MOST:
            return False
        _open[session] += 1
    return True


def leave(session: str) -> None:
    """Count a connection no more."""
    with _lock:
        _open[session] -= 1
        if _open[session] <= 0:
            del _open[session]


def count() -> int:
    """Return how many connections are open."""
    with _lock:
        return _open.total()
