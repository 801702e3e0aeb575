"""The bridge from the engine's threads to a live connection's loop.

The engine calls from whichever thread committed; a consumer lives on its loop. Nothing waits on
either side: numbers are noted, and the consumer is woken.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
import uuid
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, Final

from workflows_app.engine import ports

Event = dict[str, Any]
Read = Callable[[int], Awaitable[list[Event]]]

#: Transient events kept for a consumer that does not keep up; older ones are let go.
MOST_TRANSIENT: Final = 200

#: Events of a run kept for consumers that are a little behind.
MOST_KEPT: Final = 1000

#: Seconds after which the log is read without news: another process may have written.
LOOK: Final = 1.0


class _Followed:
    """One run as this loop hears of it: its latest events, read once for all who look at it."""

    def __init__(self, run: uuid.UUID) -> None:
        self.loop = asyncio.get_running_loop()
        self.bridges: set[RunBridge] = set()
        self.lock = asyncio.Lock()
        #: How often there was news, and how much of it was read.
        self.told = 0
        self._read = -1
        self._read_at = 0.0
        #: The events after number `floor`, up to number `last`.
        self._events: deque[Event] = deque()
        self._floor: int | None = None
        self.last = 0
        self.unsubscribe: Callable[[], None] = ports.hub().subscribe(run, self._called)

    def _called(self, _seq: int | None, transient: list[Event]) -> None:
        _on(self.loop, lambda: self._noted(transient))

    def _noted(self, transient: list[Event]) -> None:
        self.told += 1
        for bridge in self.bridges:
            bridge.noted(transient)

    @property
    def is_stale(self) -> bool:
        """Whether there is something to read, or nobody looked for a while."""
        return self._read != self.told or time.monotonic() - self._read_at > LOOK

    async def refresh(self, seq: int, read: Read, limit: int) -> None:
        """Read on from where the last reader stopped; the first begins at its own number."""
        if self._floor is None:
            self._floor = self.last = seq
        told = self.told
        events = await read(self.last)
        if len(events) < limit:
            self._read, self._read_at = told, time.monotonic()
        self._events.extend(events)
        while len(self._events) > MOST_KEPT:
            self._floor = self._events.popleft()["seq"]
        if events:
            self.last = events[-1]["seq"]

    def after(self, seq: int, limit: int) -> list[Event] | None:
        """Return the kept events that follow a number; None where they are kept no more."""
        if self._floor is None or seq < self._floor:
            return None
        return [event for event in self._events if event["seq"] > seq][:limit]


_followed: dict[tuple[asyncio.AbstractEventLoop, uuid.UUID], _Followed] = {}


class RunBridge:
    """News of one run for one consumer: that there is any, and what is in no log."""

    def __init__(self, run: uuid.UUID) -> None:
        self._key = (asyncio.get_running_loop(), run)
        self._news = asyncio.Event()
        self._transient: list[Event] = []
        if self._key not in _followed:
            _followed[self._key] = _Followed(run)
        self._shared = _followed[self._key]
        self._shared.bridges.add(self)

    def noted(self, transient: list[Event]) -> None:
        """Take in that there is news; called on the loop."""
        self._transient = [*self._transient, *transient][-MOST_TRANSIENT:]
        self._news.set()

    async def wait(self, seconds: float) -> list[Event]:
        """Wait for news, at most so long; return the transient events that came."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._news.wait(), seconds)
        self._news.clear()
        events, self._transient = self._transient, []
        return events

    async def events(self, seq: int, read: Read, limit: int) -> list[Event] | None:
        """Return about `limit` events after a number, read once for all consumers of the run.

        `read` returns the events after a number, `limit` of them where there are more. None: what
        follows the number is kept no more, and the consumer reads for itself.
        """
        shared = self._shared
        async with shared.lock:
            if shared.is_stale:
                await shared.refresh(seq, read, limit)
        return shared.after(seq, limit)

    def close(self) -> None:
        """Hear no more."""
        self._shared.bridges.discard(self)
        if not self._shared.bridges and _followed.get(self._key) is self._shared:
            del _followed[self._key]
            self._shared.unsubscribe()


class FeedBridge:
    """The keys of the runs that changed, for one consumer."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._news = asyncio.Event()
        self._runs: dict[uuid.UUID, None] = {}
        self._unsubscribe: Callable[[], None] = ports.hub().subscribe_feed(self._called)

    def _called(self, run: uuid.UUID) -> None:
        _on(self._loop, lambda: self._noted(run))

    def _noted(self, run: uuid.UUID) -> None:
        self._runs[run] = None
        self._news.set()

    async def wait(self) -> list[uuid.UUID]:
        """Wait until runs changed, and return them."""
        await self._news.wait()
        self._news.clear()
        runs, self._runs = list(self._runs), {}
        return runs

    def close(self) -> None:
        """Hear no more."""
        self._unsubscribe()


def _on(loop: asyncio.AbstractEventLoop, call: Callable[[], None]) -> None:
    try:
        loop.call_soon_threadsafe(call)
    except RuntimeError:  # the loop is closed: the process is stopping
        return
