"""What a page may load: nothing inline and nothing from other hosts.

So a payload that a workflow shows can never become a script.
"""

from __future__ import annotations

from collections.abc import Awaitable
from functools import cache
from typing import Any, Final

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from .both import Both

HEADER: Final = "Content-Security-Policy"
_POLICY: Final = (
    "default-src 'none'",
    "base-uri 'none'",
    "connect-src 'self'",
    "font-src 'self'",
    "frame-ancestors 'none'",
    "img-src 'self' data:",
    "manifest-src 'self'",
    "script-src 'self'",
    "style-src 'self'",
)


@cache
def policy() -> str:
    """Return the policy of a page.

    A form may also lead to where the project's own policy says: signing out, for example, to the
    site where people sign in.
    """
    own: Any = getattr(settings, "SECURE_CSP", None) or {}
    own = own or getattr(settings, "CONTENT_SECURITY_POLICY", {}).get("DIRECTIVES", {})
    targets = dict.fromkeys(["'self'", *own.get("form-action", ())])
    return "; ".join((*_POLICY, f"form-action {' '.join(map(str, targets))}"))


def add(response: HttpResponseBase) -> HttpResponseBase:
    """Add the policy to an answer that has none."""
    response.headers.setdefault(HEADER, policy())
    return response


class PolicyMiddleware(Both):
    """Adds the policy to every answer of the product, those of the admin too."""

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        """Answer the request."""
        return self._answered(request) if self._is_async else add(self._get_response(request))

    async def _answered(self, request: HttpRequest) -> HttpResponseBase:
        return add(await self._get_response(request))
