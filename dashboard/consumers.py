"""Live connections: they carry news, never pages. What was missed is read back by number.

Every frame of a run is `{"type": "events", "seq": n, "events": [...]}`: the events that follow
the number the browser named, up to `n`, without a gap. A transient event has no number.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
import uuid
from collections import deque
from functools import partial
from importlib import import_module
from typing import Any, Final
from urllib.parse import parse_qs

from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncJsonWebsocketConsumer
from django.conf import settings
from django.contrib.auth import get_user
from django.http import HttpRequest

from dashboard.live import FeedBridge, RunBridge
from workflows_app import actions
from workflows_app.engine import log
from workflows_app.models import Run

#: Events in one frame.
FRAME: Final = 200

#: Seconds between two looks at the run's number: another process may have written.
SAFETY: Final = 2.0

#: Seconds between two frames, and above how many events a minute it is the slower.
PACE: Final = 0.1
SLOW_PACE: Final = 1.0
MANY: Final = 1000

FEED_PACE: Final = 1.0

#: Seconds between two looks at whether the person is still signed in and allowed.
RECHECK: Final = 60.0

SIGNED_OUT, NOT_ALLOWED, NOT_FOUND = 4401, 4403, 4404


class _Guarded(AsyncJsonWebsocketConsumer):
    """A connection for people who signed in and may see runs, for as long as that is so."""

    task: asyncio.Task[None] | None = None

    async def connect(self) -> None:
        """Accept, then close with a number that says why not: a refused handshake says nothing."""
        await self.accept()
        if code := await self.refusal():
            await self.close(code=code)
            return
        self.task = asyncio.create_task(self.run())

    async def disconnect(self, code: int) -> None:
        """Stop listening."""
        if self.task is not None:
            self.task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self.task

    async def run(self) -> None:
        """Send news until the connection ends."""
        raise NotImplementedError

    @database_sync_to_async
    def refusal(self) -> int:
        """Return the code to close with, or 0; asks for the session anew."""
        request = HttpRequest()
        store = import_module(settings.SESSION_ENGINE).SessionStore
        request.session = store(self.scope["session"].session_key)
        person = get_user(request)
        if not person.is_authenticated:
            return SIGNED_OUT
        return 0 if actions.may_view(person) else NOT_ALLOWED


class RunConsumer(_Guarded):
    """The events of one run."""

    async def run(self) -> None:
        """Send what follows the browser's number, then what comes."""
        key = await self._key()
        if key is None:
            await self.close(code=NOT_FOUND)
            return
        query = parse_qs(self.scope.get("query_string", b"").decode("latin-1"))
        after = query.get("after", ["0"])[0]
        seq = int(after) if after.isascii() and after.isdigit() and len(after) < 19 else 0  # noqa: PLR2004
        bridge = RunBridge(key)
        try:
            await self._follow(key, seq, bridge)
        finally:
            bridge.close()

    async def _follow(self, key: uuid.UUID, seq: int, bridge: RunBridge) -> None:
        checked = time.monotonic()
        sent: deque[float] = deque(maxlen=MANY)
        transient: list[dict[str, Any]] = []
        is_first = True
        while True:
            events, last = await self._next(key, seq, bridge, is_first=is_first)
            if events or transient or is_first:
                seq = last
                await self.send_json({"type": "events", "seq": seq, "events": events + transient})
                sent.extend([time.monotonic()] * len(events))
                is_first = False
            if len(events) < FRAME:
                await asyncio.sleep(_pace(sent))
                transient = await bridge.wait(SAFETY)
            else:
                transient = []
            if time.monotonic() - checked > RECHECK:
                checked = time.monotonic()
                if code := await self.refusal():
                    await self.close(code=code)
                    return

    async def _next(
        self, key: uuid.UUID, seq: int, bridge: RunBridge, *, is_first: bool
    ) -> tuple[list[dict[str, Any]], int]:
        """Return the next events, read once for all who look at the run, and the last number.

        What a browser says at first, and what is no longer kept, is looked up for it alone.
        """
        if not is_first:
            found = await bridge.events(seq, partial(self._read, key), FRAME)
            if found is not None:
                return found, found[-1]["seq"] if found else seq
        return await self._news(key, seq)

    @database_sync_to_async
    def _read(self, key: uuid.UUID, seq: int) -> list[dict[str, Any]]:
        return log.read(key, seq, FRAME)

    @database_sync_to_async
    def _key(self) -> uuid.UUID | None:
        run_id = self.scope["url_route"]["kwargs"]["run_id"]
        return Run.objects.filter(run_id=run_id).values_list("pk", flat=True).first()

    @database_sync_to_async
    def _news(self, key: uuid.UUID, seq: int) -> tuple[list[dict[str, Any]], int]:
        last = Run.objects.filter(pk=key).values_list("event_seq", flat=True).first() or 0
        if last <= seq:
            return [], last
        events = log.read(key, seq, FRAME)
        return events, events[-1]["seq"] if events else seq


def _pace(sent: deque[float]) -> float:
    is_many = len(sent) == MANY and time.monotonic() - sent[0] < 60  # noqa: PLR2004 - a minute
    return SLOW_PACE if is_many else PACE


class FeedConsumer(_Guarded):
    """The keys of runs that changed, for lists: at most one message a second."""

    async def run(self) -> None:
        """Send the keys of changed runs."""
        bridge = FeedBridge()
        checked = time.monotonic()
        try:
            await self.send_json({"type": "ready"})
            while True:
                runs = await bridge.wait()
                await self.send_json({"type": "runs", "runs": [str(run) for run in runs]})
                await asyncio.sleep(FEED_PACE)
                if time.monotonic() - checked > RECHECK:
                    checked = time.monotonic()
                    if code := await self.refusal():
                        await self.close(code=code)
                        return
        finally:
            bridge.close()
