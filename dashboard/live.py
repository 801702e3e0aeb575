"""The bridge from the engine's threads to a live connection's loop.

The engine calls from whichever thread committed; a consumer lives on its loop. Nothing waits on
either side: numbers are noted, and the consumer is woken.
"""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import Callable
from typing import Any, Final

from workflows_app.engine import ports

Event = dict[str, Any]

#: Transient events kept for a consumer that does not keep up; older ones are let go.
MOST_TRANSIENT: Final = 200


class RunBridge:
    """News of one run for one consumer: that there is any, and what is in no log."""

    def __init__(self, run: uuid.UUID) -> None:
        self._loop = asyncio.get_running_loop()
        self._news = asyncio.Event()
        self._transient: list[Event] = []
        self._unsubscribe: Callable[[], None] = ports.hub().subscribe(run, self._called)

    def _called(self, _seq: int | None, transient: list[Event]) -> None:
        _on(self._loop, lambda: self._noted(transient))

    def _noted(self, transient: list[Event]) -> None:
        self._transient = [*self._transient, *transient][-MOST_TRANSIENT:]
        self._news.set()

    async def wait(self, seconds: float) -> list[Event]:
        """Wait for news, at most so long; return the transient events that came."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._news.wait(), seconds)
        self._news.clear()
        events, self._transient = self._transient, []
        return events

    def close(self) -> None:
        """Hear no more."""
        self._unsubscribe()


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
