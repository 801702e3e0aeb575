"""The name of each request, under which the log and the audit trail know it.

A caller may give it as `X-Request-Id`, so that its own log and this one can be read together.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable
from typing import Final

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from workflows_app import addresses, request_lines
from workflows_app.engine.host import entrance
from workflows_app.engine.host.entrance import Entrance

from .both import Both

HEADER: Final = "X-Request-Id"


class RequestIdMiddleware(Both):
    """Gives each request an id, its answer too, and writes a line about both."""

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        """Answer the request."""
        if self._is_async:
            return self._answered(request)
        began = time.perf_counter()
        with entrance.entered(request.headers.get(HEADER, ""), addresses.client(request)) as known:
            response: HttpResponseBase = self._get_response(request)
            return _told(request, response, known, began)

    async def _answered(self, request: HttpRequest) -> HttpResponseBase:
        began = time.perf_counter()
        with entrance.entered(request.headers.get(HEADER, ""), addresses.client(request)) as known:
            response: HttpResponseBase = await self._get_response(request)
            return _told(request, response, known, began)


def _told(
    request: HttpRequest, response: HttpResponseBase, known: Entrance, began: float
) -> HttpResponseBase:
    response[HEADER] = known.request_id
    request_lines.write(request, response, began)
    return response
