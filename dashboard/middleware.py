"""The one middleware that a project adds: all that the pages need, and nothing for other pages.

The product, whose pages are all its own, has `GuardMiddleware` as well, which does for every page
of it what must come before Django's middlewares.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable
from contextlib import AbstractContextManager
from typing import Final

from asgiref.sync import sync_to_async
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils import timezone

from workflows_app import addresses, request_lines
from workflows_app.engine.host import entrance
from workflows_app.engine.host.entrance import Entrance

from . import mount
from .request import errors, forgery, ids, limits, parts, plain, policy, zones
from .request.both import Both

#: The mark of a request that was looked at before.
_GUARDED: Final = "_signalbox_guarded"


class GuardMiddleware(Both):
    """Of the product: no page takes large bodies or NULs, or loads anything from elsewhere.

    It comes before everything that reads cookies, queries or forms.
    """

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        """Answer the request."""
        if self._is_async:
            return self._answered(request)
        return policy.add(_guarded(request) or self._get_response(request))

    async def _answered(self, request: HttpRequest) -> HttpResponseBase:
        refusal = await sync_to_async(_guarded)(request)
        return policy.add(refusal or await self._get_response(request))


class SignalboxMiddleware(Both):
    """Comes after Django's AuthenticationMiddleware, because times are shown in a person's zone.

    A page has an id, under which the log and the audit trail know it; takes no body that is too
    large, no NULs and no forged form; shows times in its person's zone; may load nothing from
    elsewhere.
    """

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        """Answer the request."""
        if not hasattr(request, _GUARDED) and not mount.holds(request):
            response: HttpResponseBase | Awaitable[HttpResponseBase] = self._get_response(request)
            return response
        if self._is_async:
            return self._answered(request)
        began = time.perf_counter()
        is_known = bool(entrance.current().request_id)
        with _entered(request) as known:
            answer: HttpResponseBase | None = _prepared(request)
            if answer is None:
                with timezone.override(zones.of(request)):
                    answer = self._get_response(request)
            return _finished(request, answer, known, None if is_known else began)

    async def _answered(self, request: HttpRequest) -> HttpResponseBase:
        began = time.perf_counter()
        is_known = bool(entrance.current().request_id)
        with _entered(request) as known:
            answer: HttpResponseBase | None = await sync_to_async(_prepared)(request)
            if answer is None:
                with timezone.override(await sync_to_async(zones.of)(request)):
                    answer = await self._get_response(request)
            return _finished(request, answer, known, None if is_known else began)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """Answer with our own page where one of our pages finds nothing or may not be seen."""
        if not mount.is_ours(request.resolver_match):
            return None
        if isinstance(exception, Http404):
            return errors.not_found(request, exception)
        if isinstance(exception, PermissionDenied):
            return errors.not_allowed(request, exception)
        return None


def _entered(request: HttpRequest) -> AbstractContextManager[Entrance]:
    return entrance.entered(request.headers.get(ids.HEADER, ""), addresses.client(request))


def _prepared(request: HttpRequest) -> HttpResponse | None:
    """Make what was sent readable; return why it is refused, if it is."""
    if hasattr(request, _GUARDED):  # in the product, whose page for forged forms is ours anyway
        return None
    return _guarded(request) or forgery.refusal(request)


def _guarded(request: HttpRequest) -> HttpResponse | None:
    setattr(request, _GUARDED, True)
    if (refusal := limits.refusal(request)) is not None:
        return refusal
    plain.clean(request)
    return None


def _finished(
    request: HttpRequest, answer: HttpResponseBase, known: Entrance, began: float | None
) -> HttpResponseBase:
    """Complete an answer; `began` is None where somebody else writes the line about it."""
    answer.headers[policy.HEADER] = policy.policy()
    answer.headers[ids.HEADER] = known.request_id
    parts.mark(request, answer)
    if began is not None:
        request_lines.write(request, answer, began)
    return answer
