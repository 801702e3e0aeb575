"""Whether a request came over TLS, and what follows from that.

A proxy that is trusted says so in `X-Forwarded-Proto`; the web process itself sees plain HTTP.
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Final

from django.conf import settings
from django.http import HttpRequest, HttpResponsePermanentRedirect
from django.http.response import HttpResponseBase

from workflows_app import addresses

from .both import Both

#: Where Django looks for the scheme (`SECURE_PROXY_SSL_HEADER`). No client can write it: what comes
#: in a header has a name that begins with HTTP.
SCHEME: Final = "signalbox.scheme"
_SAID: Final = "HTTP_X_FORWARDED_PROTO"


class ForwardedMiddleware(Both):
    """Believes trusted proxies, leads plain requests to TLS, and marks what was set over it."""

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        """Answer the request."""
        elsewhere = _note_scheme(request)
        if self._is_async:
            return self._answered(request, elsewhere)
        return elsewhere or _marked(request, self._get_response(request))

    async def _answered(
        self, request: HttpRequest, elsewhere: HttpResponseBase | None
    ) -> HttpResponseBase:
        return elsewhere or _marked(request, await self._get_response(request))


def _note_scheme(request: HttpRequest) -> HttpResponseBase | None:
    """Note what a trusted proxy says; return where else to go where it was asked without TLS."""
    if not addresses.is_from_proxy(request.META):
        return None
    said = str(request.META.get(_SAID, "")).rpartition(",")[2].strip().lower()
    if said not in {"http", "https"}:
        return None
    request.META[SCHEME] = said
    # With DJANGO_HTTPS=1 Django's own middleware does it, and with 0 nobody does.
    if said == "https" or settings.DJANGO_HTTPS is not None or _is_for_machines(request):
        return None
    return HttpResponsePermanentRedirect(f"https://{request.get_host()}{request.get_full_path()}")


def _is_for_machines(request: HttpRequest) -> bool:
    return request.path.lstrip("/") in settings.PLAIN_PATHS


def _marked(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    """Let cookies that were set over TLS travel over TLS alone."""
    if response.cookies and request.is_secure():
        for cookie in response.cookies.values():
            cookie["secure"] = True
    return response
