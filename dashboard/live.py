"""The bridge from the engine's threads to the live connections of one loop.

The engine calls from whichever thread committed; connections live on their loop. Nothing waits on
either side: that there is news is noted, and for each run one task reads it once, writes one frame
and hands that to all who look at the run.
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

from dashboard.load import load
from dashboard.readers import Readers
from workflows_app.engine import log, ports
from workflows_app.engine.live import without_place
from workflows_app.models import Run

logger = logging.getLogger(__name__)

Event = dict[str, Any]

#: Events in one frame.
FRAME: Final = 200

#: Transient events kept for one frame; older ones are let go.
MOST_TRANSIENT: Final = 200

#: Seconds between two looks at the numbers of all runs: another process may have written.
SAFETY: Final = 2.0

#: Seconds between two frames, and above how many events a minute it is the slower.
PACE: Final = 0.2
SLOW_PACE: Final = 1.0
MANY: Final = 1000

#: Seconds until the log is asked again after it could not be read.
RETRY: Final = 1.0


class Listener(Protocol):
    """A connection that follows a run: up to which number it was told, and how to tell it more."""

    seq: int

    async def tell(self, text: str) -> None:
        """Send a frame as it is."""


def frame(seq: int, events: list[Event]) -> str:
    """Return the frame that brings a listener to number `seq`, as JSON."""
    return json.dumps({"type": "events", "seq": seq, "events": events})


class Follower:
    """One run as this loop hears of it, for all connections that look at it."""

    def __init__(self, run: uuid.UUID, seq: int) -> None:
        self.loop = asyncio.get_running_loop()
        self.run = run
        self.listeners: set[Listener] = set()
        #: Up to which number its listeners were told.
        self.last = seq
        #: Called on the loop after more was told.
        self.told: set[Callable[[], None]] = set()
        self._transient: deque[Event] = deque(maxlen=MOST_TRANSIENT)
        self._told_at: deque[float] = deque(maxlen=MANY)
        self._news = asyncio.Event()
        self._unsubscribe: Callable[[], None] = ports.hub().subscribe(run, self._called)
        # What was committed before it began to listen is read at once.
        self._news.set()
        self._task = asyncio.create_task(self._follow())

    def _called(self, _seq: int | None, transient: list[Event]) -> None:
        _on(self.loop, lambda: self.noted(transient))

    def noted(self, transient: list[Event]) -> None:
        """Take in that there is news; called on the loop."""
        self._transient.extend(map(without_place, transient))
        self._news.set()

    async def _follow(self) -> None:
        while True:
            await self._news.wait()
            self._news.clear()
            try:
                await self._tell()
            except Exception:
                logger.exception("News of run %s could not be read; trying again.", self.run)
                self._news.set()
                await asyncio.sleep(RETRY)
            await load.rest(self._pace())

    async def _tell(self) -> None:
        """Read what is new and tell it, a frame at a time."""
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
            self._told_at.extend([time.monotonic()] * len(events))
        text = frame(self.last, events + transient)
        for listener in list(self.listeners):
            known = listener.seq
            listener.seq = max(known, self.last)
            if known == before:
                await tell(listener, text)
                continue
            # It read further than this when it came: it is told what it does not know.
            rest = [event for event in events if event["seq"] > known] + transient
            if rest:
                await tell(listener, frame(listener.seq, rest))
        for call in list(self.told) if events else ():
            call()

    def _pace(self) -> float:
        told = self._told_at
        is_many = len(told) == MANY and time.monotonic() - told[0] < 60  # noqa: PLR2004 - a minute
        return SLOW_PACE if is_many else PACE

    def close(self) -> None:
        """Hear no more."""
        self._unsubscribe()
        self._task.cancel()


async def tell(listener: Listener, text: str) -> None:
    """Send a frame to one of many: a connection that fails does not keep the others waiting."""
    try:
        await listener.tell(text)
    except Exception:
        logger.exception("A live connection could not be told; the others were.")


Key = tuple[asyncio.AbstractEventLoop, uuid.UUID]

_followers: dict[Key, Follower] = {}
_looking: dict[asyncio.AbstractEventLoop, asyncio.Task[None]] = {}


async def follow(run: uuid.UUID, listener: Listener) -> Follower:
    """Tell a listener what follows its number, from now on, without a gap; undone by `leave`."""
    while True:
        follower = _follower(run, listener.seq)
        # Nothing waits between the last comparison and the joining, so nothing falls between.
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
    """Tell a listener no more; a run that nobody looks at is followed no more."""
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
    """The looks at logs that one loop waits for: those of one moment are one look."""

    def __init__(self) -> None:
        self._asked: dict[tuple[uuid.UUID, int], asyncio.Future[list[Event]]] = {}
        self._task: asyncio.Task[None] | None = None

    async def ask(self, run: uuid.UUID, after: int) -> list[Event]:
        """Return the events after a number, read after this was asked for."""
        if (run, after) not in self._asked:
            self._asked[run, after] = asyncio.get_running_loop().create_future()
        asked = self._asked[run, after]
        if self._task is None:
            self._task = asyncio.create_task(self._read())
        # Others may wait for the same: who leaves does not take it from them.
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
    """Return the events after a number, a frame of them where there are more.

    What is asked for while the logs are read is read next, for all who ask together.
    """
    return await _reads.setdefault(asyncio.get_running_loop(), _Reads()).ask(run, after)


def _found(
    asked: list[tuple[uuid.UUID, int]],
) -> dict[tuple[uuid.UUID, int], list[Event] | Exception]:
    """Return the events that were asked for, or why they cannot be read."""
    try:
        return {**log.read_each(asked, FRAME)}
    except (OperationalError, InterfaceError):
        raise  # the database is away, for all of them
    except Exception:
        logger.exception("The news of %d runs could not be read together.", len(asked))
    # One run that cannot be read, as it was deleted, is not in the way of the others.
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
    """Compare the numbers of all followed runs now and then, in one query."""
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
    with contextlib.suppress(RuntimeError):  # the loop is closed: the process is stopping
        loop.call_soon_threadsafe(call)
