"""The product's own ASGI application: the pages with their sockets, the API, the admin."""

from __future__ import annotations

from typing import Final

from channels.routing import ProtocolTypeRouter

from workflows_app.api.asgi import EntranceHandler, takes

from .request.limits import BodyLimits
from .request.plain import TextsOnly
from .request.unparsed import leave_forms
from .sockets import live, with_sockets

leave_forms()
_http: Final = BodyLimits(TextsOnly(EntranceHandler(), takes), takes)
application: Final = with_sockets(ProtocolTypeRouter({"http": _http, "websocket": live}))
