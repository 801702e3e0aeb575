"""The bridge from the engine's threads to the live connections of one loop.

The engine calls from the thread that committed; connections live on their loop. Neither side waits:
the engine only notes that there is news. For each run, one task reads it once, writes one frame and
hands it to everybody who looks at the run.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import time
import uuid
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any, Final, Protocol
from weakref import WeakKeyDictionary

from django.db import InterfaceError, OperationalError

from workflows_app.engine.host import ports
from workflows_app.engine.host.live import without_place
from workflows_app.engine.run import log
from workflows_app.models import Run

from .load import load
from .readers import Readers

logger = logging.getLogger(__name__)

Event = dict[str, Any]

#: How many events one frame has at most.
FRAME: Final = 200

#: How many transient events are kept for one frame; older ones are dropped.
MOST_TRANSIENT: Final = 200

#: The seconds between two checks of all runs' numbers, because another process may have written.
SAFETY: Final = 2.0

#: The seconds between two frames, and the number of events a minute above which the slower applies.
PACE: Final = 0.2
SLOW_PACE: Final = 1.0
MANY: Final = 1000

#: The seconds until the log is read again after it could not be read.
RETRY: Final = 1.0


class Listener(Protocol):
    """A connection that follows a run: the number that it has reached, and how to send it more."""

    seq: int

    async def tell(self, text: str) -> None:
        """Send a frame unchanged."""


def frame(seq: int, events: list[Event]) -> str:
    """Return the frame that brings a listener up to number `seq`, as JSON."""
    return json.dumps({"type": "events", "seq": seq, "events": events})


class Follower:
    """One run that this loop follows for all connections that look at it."""

    def __init__(self, run: uuid.UUID, seq: int) -> None:
        self.loop = asyncio.get_running_loop()
        self.run = run
        self.listeners: set[Listener] = set()
        #: The number up to which its listeners have everything.
        self.last = seq
        #: Called on the loop after more was sent.
        self.on_sent: set[Callable[[], None]] = set()
        self._transient: deque[Event] = deque(maxlen=MOST_TRANSIENT)
        self._sent_at: deque[float] = deque(maxlen=MANY)
        self._news = asyncio.Event()
        self._unsubscribe: Callable[[], None] = ports.hub().subscribe(run, self._called)
        # What was committed before it began to listen is read at once.
        self._news.set()
        self._task = asyncio.create_task(self._follow())

    def _called(self, _seq: int | None, transient: list[Event]) -> None:
        _on(self.loop, lambda: self.noted(transient))

    def noted(self, transient: list[Event]) -> None:
        """Note that there is news; called on the loop."""
        self._transient.extend(map(without_place, transient))
        self._news.set()

    async def _follow(self) -> None:
        while True:
            await self._news.wait()
            self._news.clear()
            try:
                await self._send_news()
            except Exception:
                logger.exception("News of run %s could not be read; trying again.", self.run)
                self._news.set()
                await asyncio.sleep(RETRY)
            await load.rest(self._pace())

    async def _send_news(self) -> None:
        """Read what is new and send it, one frame at a time."""
        while True:
            events = await read(self.run, self.last)
            transient = list(self._transient) if len(events) < FRAME else []
            if events or transient:
                if transient:
                    self._transient.clear()
                await self._send(events, transient)
            if len(events) < FRAME:
                return

    async def _send(self, events: list[Event], transient: list[Event]) -> None:
        before = self.last
        if events:
            self.last = events[-1]["seq"]
            self._sent_at.extend([time.monotonic()] * len(events))
        text = frame(self.last, events + transient)
        for listener in list(self.listeners):
            known = listener.seq
            listener.seq = max(known, self.last)
            if known == before:
                await tell(listener, text)
                continue
            # This listener had read further when it came: it gets only what it does not have.
            rest = [event for event in events if event["seq"] > known] + transient
            if rest:
                await tell(listener, frame(listener.seq, rest))
        for call in list(self.on_sent) if events else ():
            call()

    def _pace(self) -> float:
        sent = self._sent_at
        is_many = len(sent) == MANY and time.monotonic() - sent[0] < 60  # noqa: PLR2004 - a minute
        return SLOW_PACE if is_many else PACE

    def close(self) -> None:
        """Stop listening."""
        self._unsubscribe()
        self._task.cancel()


async def tell(listener: Listener, text: str) -> None:
    """Send a frame to one of many; a connection that fails does not delay the others."""
    try:
        await listener.tell(text)
    except Exception:
        logger.exception("News could not be sent to a live connection; the others have it.")


Key = tuple[asyncio.AbstractEventLoop, uuid.UUID]

_followers: dict[Key, Follower] = {}
_looking: dict[asyncio.AbstractEventLoop, asyncio.Task[None]] = {}


async def follow(run: uuid.UUID, listener: Listener) -> Follower:
    """From now on, send a listener what follows its number, without a gap; undone by `leave`."""
    while True:
        follower = _follower(run, listener.seq)
        # There is no await between the last comparison and the joining, so nothing is missed.
        while listener.seq < follower.last:
            events = await read(run, listener.seq)
            if not events:
                break
            listener.seq = events[-1]["seq"]
            await listener.tell(frame(listener.seq, events))
        if _followers.get((follower.loop, run)) is follower:
            follower.listeners.add(listener)
            return follower


def _follower(run: uuid.UUID, seq: int) -> Follower:
    loop = asyncio.get_running_loop()
    if (loop, run) not in _followers:
        _followers[loop, run] = Follower(run, seq)
    if loop not in _looking:
        _looking[loop] = asyncio.create_task(_look(loop))
    return _followers[loop, run]


def leave(run: uuid.UUID, listener: Listener) -> None:
    """Stop sending to a listener; a run that nobody looks at is no longer followed."""
    loop = asyncio.get_running_loop()
    follower = _followers.get((loop, run))
    if follower is None:
        return
    follower.listeners.discard(listener)
    if not follower.listeners:
        del _followers[loop, run]
        follower.close()
    if not any(of is loop for of, _ in _followers) and (task := _looking.pop(loop, None)):
        task.cancel()


class _Reads:
    """The reads of logs that one loop waits for: reads of the same moment are combined."""

    def __init__(self) -> None:
        self._asked: dict[tuple[uuid.UUID, int], asyncio.Future[list[Event]]] = {}
        self._task: asyncio.Task[None] | None = None

    async def ask(self, run: uuid.UUID, after: int) -> list[Event]:
        """Return the events after a number, read after this call."""
        if (run, after) not in self._asked:
            self._asked[run, after] = asyncio.get_running_loop().create_future()
        asked = self._asked[run, after]
        if self._task is None:
            self._task = asyncio.create_task(self._read())
        # Others may wait for the same read: a caller that leaves must not cancel it.
        return await asyncio.shield(asked)

    async def _read(self) -> None:
        while self._asked:
            asked, self._asked = self._asked, {}
            found: dict[tuple[uuid.UUID, int], list[Event] | Exception]
            try:
                found = await _readers.do(partial(_found, list(asked)))
            except Exception as error:  # noqa: BLE001 - it is raised where it was asked for
                found = dict.fromkeys(asked, error)
            for key, future in asked.items():
                events = found[key]
                if isinstance(events, Exception):
                    future.set_exception(events)
                    future.exception()
                else:
                    future.set_result(events)
        self._task = None


_readers: Final = Readers("logs", 1)
_reads: WeakKeyDictionary[asyncio.AbstractEventLoop, _Reads] = WeakKeyDictionary()


async def read(run: uuid.UUID, after: int) -> list[Event]:
    """Return the events after a number; if there are many, one frame of them.

    What is asked for while logs are being read is read next, for all callers together.
    """
    return await _reads.setdefault(asyncio.get_running_loop(), _Reads()).ask(run, after)


def _found(
    asked: list[tuple[uuid.UUID, int]],
) -> dict[tuple[uuid.UUID, int], list[Event] | Exception]:
    """Return the events that were asked for, or the reason why they cannot be read."""
    try:
        return {**log.read_each(asked, FRAME)}
    except (OperationalError, InterfaceError):
        raise  # the database is away, for all of them
    except Exception:
        logger.exception("The news of %d runs could not be read together.", len(asked))
    # A run that cannot be read because it was deleted does not stop the others.
    found: dict[tuple[uuid.UUID, int], list[Event] | Exception] = {}
    for run, after in asked:
        try:
            found[run, after] = log.read(run, after, FRAME)
        except Exception as error:  # noqa: BLE001 - it is raised where it was asked for
            found[run, after] = error
    return found


def _numbers(runs: list[uuid.UUID]) -> dict[uuid.UUID, int]:
    return dict(Run.objects.filter(pk__in=runs).values_list("pk", "event_seq"))


async def _look(loop: asyncio.AbstractEventLoop) -> None:
    """Compare the numbers of all followed runs from time to time, in one query."""
    while True:
        await asyncio.sleep(SAFETY)
        mine = {run: follower for (of, run), follower in _followers.items() if of is loop}
        try:
            numbers = await _readers.do(partial(_numbers, list(mine)))
        except Exception:
            logger.exception("The numbers of the runs could not be read; trying again.")
            continue
        for run, follower in mine.items():
            if numbers.get(run, 0) > follower.last:
                follower.noted([])


class FeedBridge:
    """Collects the keys of runs that changed, for one consumer."""

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
        """Wait until runs have changed, and return their keys."""
        await self._news.wait()
        self._news.clear()
        runs, self._runs = list(self._runs), {}
        return runs

    def close(self) -> None:
        """Stop listening."""
        self._unsubscribe()


def _on(loop: asyncio.AbstractEventLoop, call: Callable[[], None]) -> None:
    with contextlib.suppress(RuntimeError):  # the loop is closed: the process is stopping
        loop.call_soon_threadsafe(call)
