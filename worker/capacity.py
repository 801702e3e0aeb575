"""How many threads of this process take hints, and how many of them are busy."""

import threading


class Capacity:
    """Counts threads. A thread is busy while it works, and while it is reserved for a claim."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._missed_hint = False
        #: How many threads take hints; 0 before the start and after the stop.
        self.threads = 0
        self.busy = 0

    def reserve(self) -> bool:
        """Reserve an idle thread; return whether there was one."""
        with self._lock:
            is_idle = self.busy < self.threads
            if is_idle:
                self.busy += 1
        return is_idle

    def engage(self) -> None:
        """Note that a thread begins to work."""
        with self._lock:
            self.busy += 1

    def release(self) -> bool:
        """Free a thread; return whether a hint was missed because all threads were busy."""
        with self._lock:
            self.busy -= 1
            missed, self._missed_hint = self._missed_hint, False
        return missed

    def misses_hint(self) -> bool:
        """Return whether all threads are busy; if so, the next `release` reports a missed hint."""
        with self._lock:
            is_full = 0 < self.threads <= self.busy
            self._missed_hint = self._missed_hint or is_full
        return is_full
