"""Live connections: they carry news, never pages. What was missed is read back by number.

Every frame of a run is `{"type": "events", "seq": n, "events": [...]}`: the events that follow
the number the browser named, up to `n`, without a gap. A transient event has no number.

A page may order its live part: `{"look": address, "shown": n}` is answered once, when there is
more than `n`, with `{"type": "part", "seq": m, "html": ...}`; without HTML it fetches for itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
import uuid
from functools import partial
from importlib import import_module
from typing import Any, Final
from urllib.parse import parse_qs

from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncJsonWebsocketConsumer
from django.conf import settings
from django.contrib.auth import get_user
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.http import HttpRequest

from dashboard import live, live_parts
from dashboard.audience import Audience
from dashboard.live import FeedBridge, Follower
from dashboard.paging import number
from dashboard.plain import without_nul
from workflows_app import actions
from workflows_app.engine import log
from workflows_app.models import Run

FEED_PACE: Final = 1.0

#: Characters of an order that is read.
LONGEST_ORDER: Final = 4000

#: Seconds between two looks at whether the person is still signed in and allowed.
RECHECK: Final = 60.0

SIGNED_OUT, NOT_ALLOWED, NOT_FOUND = 4401, 4403, 4404


class _Guarded(AsyncJsonWebsocketConsumer):
    """A connection for people who signed in and may see runs, for as long as that is so."""

    task: asyncio.Task[None] | None = None
    person: AbstractBaseUser | AnonymousUser

    async def connect(self) -> None:
        """Accept, then close with a number that says why not: a refused handshake says nothing."""
        await self.accept()
        if code := await database_sync_to_async(self.enter)():
            await self.close(code=code)
            return
        self.task = asyncio.create_task(self.run())

    async def disconnect(self, code: int) -> None:
        """Stop listening."""
        if self.task is not None:
            self.task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self.task

    async def receive(
        self, text_data: str | None = None, bytes_data: bytes | None = None, **_kwargs: Any
    ) -> None:
        """Take what a browser sends, and do nothing: whatever it is, it ends no connection."""

    async def run(self) -> None:
        """Send news until the connection ends."""
        raise NotImplementedError

    def enter(self) -> int:
        """Return the code to close with, or 0. All that opening asks of the database is here.

        It is one visit to the thread that asks: two hundred pages may open at once.
        """
        return self.refusal()

    def refusal(self) -> int:
        """Return the code to close with, or 0; asks for the session anew."""
        request = HttpRequest()
        store = import_module(settings.SESSION_ENGINE).SessionStore
        key = self.scope["cookies"].get(settings.SESSION_COOKIE_NAME)
        request.session = store(None if key is None else without_nul(key))
        self.person = get_user(request)
        if not self.person.is_authenticated:
            return SIGNED_OUT
        return 0 if self.is_allowed() else NOT_ALLOWED

    def is_allowed(self) -> bool:
        """Whether the person may have this connection."""
        return actions.may_view(self.person)


class RunConsumer(_Guarded):
    """The events of one run, and the live part of its page when the page orders it."""

    key: uuid.UUID
    #: Up to which number the browser was told.
    seq: int
    _first: list[dict[str, Any]]
    _audience: Audience
    _follower: Follower | None = None
    _ordered: tuple[str, int] | None = None

    def enter(self) -> int:
        """Read what follows the browser's number, too."""
        if code := super().enter():
            return code
        run_id = without_nul(self.scope["url_route"]["kwargs"]["run_id"])
        found = Run.objects.filter(run_id=run_id).values_list("pk", "event_seq").first()
        if found is None:
            return NOT_FOUND
        self.key, last = found
        query = parse_qs(self.scope.get("query_string", b"").decode("latin-1"))
        seq = number(query.get("after", ["0"])[0]) or 0
        self._first = log.read(self.key, seq, live.FRAME) if seq < last else []
        self.seq = self._first[-1]["seq"] if self._first else last
        return 0

    def refusal(self) -> int:
        """Look up what the person may see of a part, too."""
        code = super().refusal()
        if not code:
            self._audience = Audience.of(self.scope, self.person)
        return code

    async def run(self) -> None:
        """Send what follows the browser's number, then let it be told what comes."""
        await self.tell(live.frame(self.seq, self._first))
        del self._first
        try:
            self._follower = await live.follow(self.key, self)
            await self._order()
            while True:
                await asyncio.sleep(RECHECK)
                if code := await database_sync_to_async(self.refusal)():
                    await self.close(code=code)
                    return
        finally:
            if self._follower is not None:
                live_parts.withdraw(self._follower, self)
            live.leave(self.key, self)

    async def receive(
        self, text_data: str | None = None, bytes_data: bytes | None = None, **_kwargs: Any
    ) -> None:
        """Take an order: `{"look": address of the page, "shown": number it shows}`."""
        if self.task is None or text_data is None or len(text_data) > LONGEST_ORDER:
            return
        # Also one that is nested too deeply, or that names what no address can.
        with contextlib.suppress(ValueError, RecursionError):
            said = json.loads(text_data)
            if isinstance(said, dict) and isinstance(said.get("look"), str):
                said["look"].encode()
                self._ordered = said["look"], number(str(said.get("shown"))) or 0
                await self._order()

    async def _order(self) -> None:
        if self._follower is None or self._ordered is None:
            return
        address, shown = self._ordered
        self._ordered = None
        audience, run_id = self._audience, self.scope["url_route"]["kwargs"]["run_id"]
        draw = partial(audience.draw, run_id, address)
        key = address, audience.key
        await live_parts.order(self._follower, self, key, shown, draw)

    async def tell(self, text: str) -> None:
        """Send a frame as it is."""
        await self.send(text)


class NowhereConsumer(_Guarded):
    """A connection to an address that there is not."""

    def enter(self) -> int:
        """Say so to those who may see what there is."""
        return super().enter() or NOT_FOUND


class FeedConsumer(_Guarded):
    """The keys of runs that changed, for lists: at most one message a second."""

    def is_allowed(self) -> bool:
        """Let those in, too, who only answer: their inbox is a list as well."""
        return super().is_allowed() or actions.offer(actions.RESUME, self.person, None).is_possible

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
                    if code := await database_sync_to_async(self.refusal)():
                        await self.close(code=code)
                        return
        finally:
            bridge.close()
