"""The live connections: their addresses below the pages, and how a server gets to them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final

from channels.routing import URLRouter
from channels.security.websocket import AllowedHostsOriginValidator
from channels.sessions import CookieMiddleware
from django.urls import path, re_path

from . import mount
from .live.consumers import FeedConsumer, NowhereConsumer
from .request.plain import OriginsOnly
from .run.consumer import RunConsumer

Application = Callable[[Any, Any, Any], Awaitable[None]]

# Django's `path` is typed for views; Channels passes its own applications to it.
_routes: list[Any] = [
    path(f"{mount.WS}runs/<str:run_id>/", RunConsumer.as_asgi()),  # type: ignore[arg-type]
    path(f"{mount.WS}feed/", FeedConsumer.as_asgi()),  # type: ignore[arg-type]
    re_path("", NowhereConsumer.as_asgi()),  # type: ignore[arg-type]
]

#: Answers every live connection. A page of another site must not read runs through the visitor's
#: cookie. The consumers look up the session themselves, several times while they are open.
live: Final = OriginsOnly(AllowedHostsOriginValidator(CookieMiddleware(URLRouter(_routes))))


def with_sockets(application: Application) -> Application:
    """Return an ASGI application that serves live connections, and leaves the rest to this one."""

    async def served(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            await application({**scope, mount.SOCKETS: True}, receive, send)
            return
        if scope["type"] == "websocket":
            path = scope["path"].removeprefix(mount.script_name(scope))
            if (rest := mount.below(path)) is not None:
                await live({**scope, "path_remaining": rest}, receive, send)
                return
        await application(scope, receive, send)

    return served
