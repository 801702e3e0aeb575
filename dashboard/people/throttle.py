"""Who has guessed wrong too often may not sign in with a password for a while.

Failures are counted by account, from wherever they come, and by address, for whatever account. A
sign-in link works meanwhile, and so does whoever is signed in.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from axes.backends import AxesStandaloneBackend
from axes.handlers.database import AxesDatabaseHandler
from django.contrib.auth.forms import AuthenticationForm
from django.db.models import Sum
from django.http import HttpRequest, HttpResponse

from workflows_app import addresses
from workflows_app.languages import gettext_lazy

from ..pages import render

#: Failures of one account, from all addresses, after which it is shut for a while.
MOST: Final = 5
#: So many times as many may come from one address: many people may share it.
SHARED: Final = 4
#: For how long; it does not grow by what is tried meanwhile.
SHUT_FOR: Final = timedelta(minutes=15)

REFUSED: Final = gettext_lazy(
    "Signing in has failed too often, so this is refused for 15 minutes. Try "
    "again then, or ask an administrator, who can delete the access attempts "
    "in /admin/."
)


class ThrottleBackend(AxesStandaloneBackend):  # type: ignore[misc]
    """Stops a sign-in that is shut. What no browser asks for (a test, a script) is let through."""

    def authenticate(self, request: HttpRequest | None, *args: Any, **credentials: Any) -> None:
        """Sign nobody in; raise PermissionDenied, which Django understands, where it is shut."""
        if request is not None:
            super().authenticate(request, *args, **credentials)


class Failures(AxesDatabaseHandler):  # type: ignore[misc]
    """Counts failures by account and by address."""

    def get_failures(self, request: HttpRequest, credentials: dict[str, Any] | None = None) -> int:
        """Return the larger number of failures: of the account, or of the address by its share."""
        by_account, by_address = (
            attempts.aggregate(number=Sum("failures_since_start"))["number"] or 0
            for attempts in self.get_user_attempts(request, credentials)
        )
        return max(by_account, by_address // SHARED)


def address(request: HttpRequest) -> str | None:
    """Return the address of whoever signs in; None where it is not known."""
    return addresses.client(request) or None


def refused(
    request: HttpRequest, _response: HttpResponse | None, _credentials: Mapping[str, Any] | None
) -> HttpResponse:
    """Answer a sign-in that is shut: with the page of signing in, and what was typed for later."""
    context = {
        "form": AuthenticationForm(request),
        "next": request.POST.get("next", ""),
        "draft": request.POST.get("draft", ""),
        "notice": REFUSED,
    }
    answer = render(request, "dashboard/people/sign_in.html", context, status=429)
    answer["Retry-After"] = str(int(SHUT_FOR.total_seconds()))
    return answer
