"""Group work: one thread does what several threads of this process want at the same time.

A thread that arrives while no other works leads: it serves all threads that arrived meanwhile, and
passes the lead to the first that came later. So a single thread never waits, and many threads share
a statement and a commit.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Hashable, Sequence
from typing import Final, Generic, TypeVar, cast

Request = TypeVar("Request")
Reply = TypeVar("Reply")


class _Entry(Generic[Request, Reply]):
    """What one thread wants; the thread sleeps on `woken` until it is served, or leads."""

    __slots__ = ("error", "given", "is_done", "key", "wanted", "woken")

    def __init__(self, wanted: Request, key: Hashable) -> None:
        self.wanted = wanted
        self.key = key
        self.woken = threading.Lock()
        self.woken.acquire()
        self.is_done = False
        self.given: Reply | None = None
        self.error: BaseException | None = None


class Together(Generic[Request, Reply]):
    """Serves many threads with one call of `serve`, at most `most` at a time."""

    def __init__(self, serve: Callable[[Sequence[Request]], Sequence[Reply]], most: int) -> None:
        """`serve` returns one result for each, in order; its errors are raised in all threads."""
        self._serve = serve
        self._most: Final = most
        self._lock = threading.Lock()
        self._waiting: deque[_Entry[Request, Reply]] = deque()
        self._is_led = False

    def get(self, wanted: Request, key: Hashable = None) -> Reply:
        """Return the result. Requests with the same key, unless None, are not served together."""
        with self._lock:
            mine: _Entry[Request, Reply] | None = _Entry(wanted, key) if self._is_led else None
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
        return cast("Reply", mine.given)

    def _lead(self, mine: _Entry[Request, Reply]) -> None:
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

    def _take(self, mine: _Entry[Request, Reply]) -> list[_Entry[Request, Reply]]:
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
    """Return the error for the other threads, because an interruption concerns one thread only."""
    if isinstance(error, Exception):
        return error
    return RuntimeError(f"The leading thread was interrupted: {error!r}")
