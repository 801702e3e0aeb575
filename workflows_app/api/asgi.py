"""The handler of a web process: no request of the API comes to a middleware that holds a thread.

Django runs a middleware that can do both in a thread wherever the one behind it needs a thread. So
the first one stands here once more, before the chain. Django also visits a thread when a request
begins and when it ends, to look after the connections of that thread; those of the API's threads
are looked after where they work. A body of the API that is too large is read no further than it may
be long.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Final

from asgiref.sync import sync_to_async
from django import db
from django.core import cache, signals
from django.core.exceptions import RequestAborted
from django.core.handlers import base
from django.core.handlers.asgi import ASGIHandler, get_script_prefix
from django.dispatch import Signal
from django.urls import set_script_prefix

from workflows_app import conf
from workflows_app.api.entry import inputs
from workflows_app.api.middleware import EntranceMiddleware, is_for_api, takes

__all__ = ["EntranceHandler", "takes"]

Receive = Callable[[], Awaitable[Any]]

#: Receivers of Django's own, which look after the thread that answers a request.
_OF_THREADS: Final = frozenset(
    {db.reset_queries, db.close_old_connections, cache.close_caches, base.reset_urlconf}
)


class EntranceHandler(ASGIHandler):
    """Django's own handler, with the way to the API in front of all middlewares."""

    def load_middleware(self, is_async: bool = False) -> None:  # noqa: FBT001, FBT002 - Django's own
        """Load the middlewares of the settings, and put the way to the API before them."""
        super().load_middleware(is_async)
        behind: Any = self._middleware_chain  # type: ignore[has-type]
        self._middleware_chain = EntranceMiddleware(behind)

    async def __call__(self, scope: Any, receive: Receive, send: Any) -> None:
        """Answer a request."""
        if scope["type"] == "http" and is_for_api(scope):
            # Not in a context with a thread of its own: the API's threads are shared.
            await self._answer(scope, _limited(scope, receive), send)
        else:
            await super().__call__(scope, receive, send)

    async def _answer(self, scope: Any, receive: Receive, send: Any) -> None:
        """Answer a request of the API as `handle` does, but without visits to a thread."""
        with suppress(RequestAborted):
            body = await self.read_body(receive)
            set_script_prefix(get_script_prefix(scope))
            if self._is_heard(signals.request_started):
                await signals.request_started.asend(sender=type(self), scope=scope)
            try:
                await self._unless_gone(receive, self._respond(scope, body, send))
            finally:
                body.close()

    async def _unless_gone(self, receive: Receive, answer: Awaitable[None]) -> None:
        """Answer, unless the client leaves before. Raises RequestAborted if it does."""
        answering: asyncio.Future[None] = asyncio.ensure_future(answer)
        leaving = asyncio.ensure_future(self.listen_for_disconnect(receive))
        try:
            await asyncio.wait({answering, leaving}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (leaving, answering):
                task.cancel()
            await asyncio.gather(leaving, answering, return_exceptions=True)
        (leaving if answering.cancelled() else answering).result()

    async def _respond(self, scope: Any, body: Any, send: Any) -> None:
        request, refused = self.create_request(scope, body)
        response: Any = refused if request is None else await self.run_get_response(request)
        try:
            await self.send_response(response, send)
        finally:
            if self._is_heard(signals.request_finished):
                await sync_to_async(response.close)()
            else:
                _close(response)

    def _is_heard(self, signal: Signal) -> bool:
        """Return whether a project listens to this signal, too."""
        return any(
            receiver not in _OF_THREADS
            for receivers in signal._live_receivers(type(self))  # noqa: SLF001
            for receiver in receivers
        )


def _close(response: Any) -> None:
    """Let go of what a response holds; those that Django tells of it would look after a thread."""
    for close in response._resource_closers:  # noqa: SLF001
        with suppress(Exception):
            close()
    response.closed = True


def _limited(scope: Any, receive: Receive) -> Receive:
    """Return what receives a body no further than one byte more than it may be long.

    One whose length is said to be more is not received. The rest is dropped as it comes.
    """
    is_ended = False
    left = conf.get("MAX_BODY_BYTES")
    said = dict(scope["headers"]).get(b"content-length", b"")
    if said.isdigit() and int(said) > left:
        scope[inputs.TOO_LARGE] = True

    async def received() -> Any:
        nonlocal left, is_ended
        while is_ended or inputs.TOO_LARGE not in scope:
            message = await receive()
            if message["type"] != "http.request":
                return message
            left -= len(message.get("body", b""))
            if left < 0:
                scope[inputs.TOO_LARGE] = True
            if not is_ended and left >= 0:
                return message
        is_ended = True
        return _NO_MORE

    return received


_NO_MORE: Final = {"type": "http.request", "body": b"", "more_body": False}
