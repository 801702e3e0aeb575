"""Whether the threads that this process works with are alive, for whoever asks how it is.

Threads that run for as long as their process works are noted here by whoever starts them. One that
looks again and again says so at each look, since a thread that hangs is alive, too.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

#: Seconds after which a thread that should have looked counts as hanging: the database may be slow.
HANGS_AFTER = 60.0


@dataclass
class Vitals:
    """The threads of one process, by what they are for."""

    _threads: dict[str, list[threading.Thread]] = field(default_factory=dict)
    #: When each that looks again and again did so last, in monotonic seconds.
    _looked_at: dict[str, float] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def watch(self, name: str, threads: Sequence[threading.Thread], *, looks: bool = False) -> None:
        """Note threads that should live until `forget`; with `looks`, they call `looked`."""
        with self._lock:
            self._threads[name] = list(threads)
            if looks:
                self._looked_at[name] = time.monotonic()

    def looked(self, name: str) -> None:
        """Note that a thread has looked; nothing where nobody watches it."""
        if name in self._looked_at:
            self._looked_at[name] = time.monotonic()

    def forget(self, name: str = "") -> None:
        """Watch threads no more that end because they should; all of them without a name."""
        with self._lock:
            for known in (self._threads, self._looked_at):
                if name:
                    known.pop(name, None)
                else:
                    known.clear()

    def count(self) -> int:
        """Return how many threads are watched."""
        with self._lock:
            return sum(len(threads) for threads in self._threads.values())

    def troubles(self) -> list[str]:
        """Return what is wrong, a few words for each trouble; empty where all is well."""
        now = time.monotonic()
        with self._lock:
            dead = [
                f"{name}: {gone} of {len(threads)} threads ended"
                for name, threads in sorted(self._threads.items())
                if (gone := sum(not thread.is_alive() for thread in threads))
            ]
            hanging = [
                f"{name}: no look for {now - at:.0f} s"
                for name, at in sorted(self._looked_at.items())
                if now - at > HANGS_AFTER
            ]
        return dead + hanging


#: Those of this process.
here = Vitals()
