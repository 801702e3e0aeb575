"""A live connection: open only for people who may have it, and only as long as they may."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from importlib import import_module
from typing import Any, Final

from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncJsonWebsocketConsumer
from django.conf import settings
from django.contrib.auth import get_user
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.http import HttpRequest

from workflows_app import actions

from ..request.plain import without_nul
from . import open_sockets

#: The seconds between two checks that the person is still signed in and allowed.
RECHECK: Final = 60.0

#: The codes with which a connection is closed.
SIGNED_OUT, NOT_ALLOWED, NOT_FOUND = 4401, 4403, 4404
#: The session has too many connections, or this one says too much: a page asks for itself then.
TOO_MANY: Final = 4429

#: Messages that a connection may bring in a second.
MOST_A_SECOND: Final = 20


class Guarded(AsyncJsonWebsocketConsumer):
    """A connection for people who have signed in and may see runs, as long as both are true."""

    task: asyncio.Task[None] | None = None
    person: AbstractBaseUser | AnonymousUser
    _is_counted = False

    async def connect(self) -> None:
        """Accept, then close with a code that says why not: a refused handshake says nothing."""
        self._came: deque[float] = deque(maxlen=MOST_A_SECOND)
        await self.accept()
        if code := await database_sync_to_async(self.enter)() or self._count():
            await self.close(code=code)
            return
        self.task = asyncio.create_task(self.run())

    async def disconnect(self, code: int) -> None:
        """Stop listening."""
        if self._is_counted:
            self._is_counted = False
            open_sockets.leave(self._session)
        if self.task is not None:
            self.task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self.task

    async def receive(
        self, text_data: str | None = None, bytes_data: bytes | None = None, **_kwargs: Any
    ) -> None:
        """Take what a browser sends; close the connection if that is too much in a second.

        Whatever it is, it ends no connection by itself.
        """
        now = time.monotonic()
        if len(self._came) == MOST_A_SECOND and now - self._came[0] < 1.0:
            await self.close(code=TOO_MANY)
            return
        self._came.append(now)
        if text_data is not None:
            await self.heard(text_data)

    async def heard(self, text: str) -> None:
        """Take what a browser says; most connections do nothing with it."""

    async def run(self) -> None:
        """Send news until the connection ends."""
        raise NotImplementedError

    def enter(self) -> int:
        """Return the code to close with, or 0; all that opening asks of the database is here.

        It is one visit to the thread that reads, because two hundred pages may open at once.
        """
        return self.refusal()

    def refusal(self) -> int:
        """Return the code to close with, or 0; reads the session again."""
        request = HttpRequest()
        store = import_module(settings.SESSION_ENGINE).SessionStore
        request.session = store(self._session or None)
        self.person = get_user(request)
        if not self.person.is_authenticated:
            return SIGNED_OUT
        return 0 if self.is_allowed() else NOT_ALLOWED

    @property
    def _session(self) -> str:
        """The key of the session that the browser names; empty where it names none."""
        return without_nul(self.scope["cookies"].get(settings.SESSION_COOKIE_NAME, ""))

    def _count(self) -> int:
        """Count this connection to its session; return the code to close with, or 0."""
        self._is_counted = open_sockets.enter(self._session)
        return 0 if self._is_counted else TOO_MANY

    def is_allowed(self) -> bool:
        """Whether the person may have this connection."""
        return actions.may_view(self.person)
