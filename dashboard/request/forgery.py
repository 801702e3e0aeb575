"""Forms without a valid token: a page of ours says so, and shows what was typed.

Django checks the token of every form, and a project has one page for those that fail. For pages of
ours the same check comes earlier, so that what somebody typed here is not lost.
"""

from __future__ import annotations

import logging
from typing import Final

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import CsrfViewMiddleware
from django.urls import resolve
from django.utils.log import log_response

from . import errors

logger = logging.getLogger("django.security.csrf")

#: A project that checks forms in a way of its own keeps it.
CHECK: Final = "django.middleware.csrf.CsrfViewMiddleware"


class _Check(CsrfViewMiddleware):
    """Django's check, which answers with a page of ours."""

    def _reject(self, request: HttpRequest, reason: str) -> HttpResponse:
        answer = errors.csrf_failure(request, reason)
        log_response(
            "Forbidden (%s): %s", reason, request.path,
            response=answer, request=request, logger=logger,
        )  # fmt: skip
        return answer


_check: Final = _Check(lambda _: HttpResponse())


def refusal(request: HttpRequest) -> HttpResponse | None:
    """Return the answer to a form whose token is not valid; None for any other request."""
    if CHECK not in settings.MIDDLEWARE:
        return None
    if "CSRF_COOKIE" not in request.META:  # Django's own may come later in a project's list
        _check.process_request(request)
    match = resolve(request.path_info, getattr(request, "urlconf", None))
    refused: HttpResponse | None = _check.process_view(request, match.func, (), {})
    return refused
