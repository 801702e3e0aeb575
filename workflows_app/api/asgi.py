"""The handler of a web process: no request of the API comes to a middleware that holds a thread.

Django runs a middleware that can do both in a thread wherever the one behind it needs a thread. So
the first one stands here once more, before the chain. A body of the API that is too large is read
no further than it may be long.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final

from django.core.handlers.asgi import ASGIHandler

from workflows_app import conf
from workflows_app.api.entry import inputs
from workflows_app.api.middleware import EntranceMiddleware, match_of, takes

__all__ = ["EntranceHandler", "takes"]

Receive = Callable[[], Awaitable[Any]]


class EntranceHandler(ASGIHandler):
    """Django's own handler, with the way to the API in front of all middlewares."""

    def load_middleware(self, is_async: bool = False) -> None:  # noqa: FBT001, FBT002 - Django's own
        """Load the middlewares of the settings, and put the way to the API before them."""
        super().load_middleware(is_async)
        behind: Any = self._middleware_chain  # type: ignore[has-type]
        self._middleware_chain = EntranceMiddleware(behind)

    async def __call__(self, scope: Any, receive: Receive, send: Any) -> None:
        """Answer a request."""
        if scope["type"] == "http" and match_of(scope["path"]) is not None:
            # Not in a context with a thread of its own: the API's threads are shared.
            await self.handle(scope, _limited(scope, receive), send)
        else:
            await super().__call__(scope, receive, send)


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
