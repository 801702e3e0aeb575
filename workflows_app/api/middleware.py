"""The first middleware: it knows each request by an id, and takes those of the API past the others.

The middlewares of pages hold a thread for as long as a request lasts. Requests of the API may wait
for minutes and follow a run for hours, and what they need of a session they look up themselves.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import cache, lru_cache
from typing import Any, Final

from asgiref.sync import async_to_sync, iscoroutinefunction, markcoroutinefunction
from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.middleware.security import SecurityMiddleware
from django.urls import NoReverseMatch, ResolverMatch, get_urlconf, resolve, reverse

from workflows_app.api.entry import doorway

HEADER: Final = "X-Request-Id"
#: Where an ASGI scope has a path and what of the API it leads to, once that was looked up.
FOUND: Final = "signalbox.found"
#: The namespaces of the API's addresses: its own, and those of the public JavaScript client.
NAMESPACES: Final = ("signalbox_api", "signalbox_client")


#: Characters of an address from which on nobody remembers where it leads.
_LONG: Final = 200


class EntranceMiddleware:
    """Gives each request an id, and answers those of the API."""

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self._get_response = get_response
        self._security = SecurityMiddleware(lambda _: None)  # type: ignore[arg-type]
        self._is_async = iscoroutinefunction(get_response)
        if self._is_async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        """Answer the request."""
        if self._is_async:
            return self._answered(request)
        if (match := _match(request)) is not None:
            return async_to_sync(self._by_api)(request, match)
        with doorway.entered(request) as entry:
            response: HttpResponseBase = self._get_response(request)
        response[HEADER] = entry.request_id
        return response

    async def _answered(self, request: HttpRequest) -> HttpResponseBase:
        if (match := _match(request)) is not None:
            return await self._by_api(request, match)
        with doorway.entered(request) as entry:
            response: HttpResponseBase = await self._get_response(request)
        response[HEADER] = entry.request_id
        return response

    async def _by_api(self, request: HttpRequest, match: ResolverMatch) -> HttpResponseBase:
        elsewhere = self._security.process_request(request)
        if elsewhere is not None:
            return elsewhere
        request.resolver_match = match
        response: Any = await match.func(request, *match.args, **match.kwargs)
        return self._security.process_response(request, response)


def is_for_api(scope: Any) -> bool:
    """Return whether a request is one of the API's, and note in its scope where it leads."""
    match = match_of(scope["path"])
    scope[FOUND] = (scope["path"], match)
    return match is not None


def _match(request: HttpRequest) -> ResolverMatch | None:
    known: Any = getattr(request, "scope", {}).get(FOUND)
    if known is not None and known[0] == request.path_info:
        match: ResolverMatch | None = known[1]
        return match
    return match_of(request.path_info)


def match_of(path: str) -> ResolverMatch | None:
    """Return what of the API an address leads to; None where it leads elsewhere."""
    if not takes(path):
        return None
    urls = get_urlconf() or settings.ROOT_URLCONF
    match = _resolved(path, urls) if len(path) < _LONG else resolve(path)
    return match if match.namespace in NAMESPACES else None


@lru_cache(maxsize=512)
def _resolved(path: str, urls: str) -> ResolverMatch:
    """Return where an address leads: programs ask for the same ones again and again."""
    return resolve(path, urls)


def takes(path: str) -> bool:
    """Return whether the API answers at an address, if only that there is nothing."""
    return path.startswith(prefixes())


@cache
def prefixes() -> tuple[str, ...]:
    """Return what the addresses of the API begin with; nothing where it is not served."""
    found = []
    for namespace in NAMESPACES:
        with suppress(NoReverseMatch):
            found.append(reverse(f"{namespace}:nothing"))
    return tuple(found)
