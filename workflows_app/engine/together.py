"""What threads of this process want at the same time, one of them does for all.

Whoever comes while nobody is at it leads: it serves all who came meanwhile, and leaves the lead to
the first of those who came after. So a lone thread waits for nobody, and many share a statement
and a commit.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Hashable, Sequence
from typing import Final, Generic, TypeVar, cast

Wanted = TypeVar("Wanted")
Given = TypeVar("Given")


class _Entry(Generic[Wanted, Given]):
    """What one thread wants; it sleeps on `woken` until it has got it, or leads."""

    __slots__ = ("error", "given", "is_done", "key", "wanted", "woken")

    def __init__(self, wanted: Wanted, key: Hashable) -> None:
        self.wanted = wanted
        self.key = key
        self.woken = threading.Lock()
        self.woken.acquire()
        self.is_done = False
        self.given: Given | None = None
        self.error: BaseException | None = None


class Together(Generic[Wanted, Given]):
    """Serves what many threads want by one call of `serve`, at most `most` at a time."""

    def __init__(self, serve: Callable[[Sequence[Wanted]], Sequence[Given]], most: int) -> None:
        """`serve` returns what each gets, in order; what it raises is raised for all of them."""
        self._serve = serve
        self._most: Final = most
        self._lock = threading.Lock()
        self._waiting: deque[_Entry[Wanted, Given]] = deque()
        self._is_led = False

    def get(self, wanted: Wanted, key: Hashable = None) -> Given:
        """Return what comes of it. Those with the same key, but None, are not served together."""
        with self._lock:
            mine: _Entry[Wanted, Given] | None = _Entry(wanted, key) if self._is_led else None
            if mine is not None:
                self._waiting.append(mine)
            self._is_led = True
        if mine is None:
            try:
                return self._serve([wanted])[0]
            finally:
                self._pass_on()
        mine.woken.acquire()
        if not mine.is_done:
            self._lead(mine)
        if mine.error is not None:
            raise mine.error
        return cast("Given", mine.given)

    def _lead(self, mine: _Entry[Wanted, Given]) -> None:
        batch = self._take(mine)
        try:
            given = self._serve([entry.wanted for entry in batch])
            for entry, part in zip(batch, given, strict=True):
                entry.given = part
        except BaseException as error:
            for entry in batch:
                entry.error = error if entry is mine else _for_others(error)
            raise
        finally:
            self._pass_on()
            for entry in batch:
                entry.is_done = True
                if entry is not mine:
                    entry.woken.release()

    def _pass_on(self) -> None:
        with self._lock:
            heir = self._waiting[0] if self._waiting else None
            self._is_led = heir is not None
        if heir is not None:
            heir.woken.release()

    def _take(self, mine: _Entry[Wanted, Given]) -> list[_Entry[Wanted, Given]]:
        batch = [mine]
        keys = {mine.key}
        left = []
        with self._lock:
            self._waiting.remove(mine)
            while self._waiting and len(batch) < self._most:
                entry = self._waiting.popleft()
                if entry.key is not None and entry.key in keys:
                    left.append(entry)
                    continue
                batch.append(entry)
                keys.add(entry.key)
            self._waiting.extendleft(reversed(left))
        return batch


def _for_others(error: BaseException) -> BaseException:
    """Return what the others are told: what interrupts one thread interrupts no other."""
    if isinstance(error, Exception):
        return error
    return RuntimeError(f"The thread that led was interrupted: {error!r}")
