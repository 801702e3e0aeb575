"""What a page may load: nothing inline and nothing from other hosts.

So a payload that a workflow shows can never become a script.
"""

from __future__ import annotations

from functools import cache
from typing import Any, Final

from django.conf import settings
from django.http.response import HttpResponseBase

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
