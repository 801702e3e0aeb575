"""The web process: plain requests to Django, live connections to the consumers."""

import os

from channels.routing import ProtocolTypeRouter, URLRouter
from channels.security.websocket import AllowedHostsOriginValidator
from channels.sessions import CookieMiddleware
from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dashboard.settings")
_http = get_asgi_application()

from dashboard.plain import OriginsOnly, TextsOnly
from dashboard.routes import websocket_urlpatterns

application = ProtocolTypeRouter(
    {
        "http": TextsOnly(_http),
        # A page of another site must not read runs through the visitor's cookie.
        "websocket": OriginsOnly(
            AllowedHostsOriginValidator(
                # The consumers look up the session themselves, again and again while they are open.
                CookieMiddleware(URLRouter(websocket_urlpatterns)),
            ),
        ),
    },
)
