"""Who may see a page: people who have signed in and may see runs. `actions` has the rest.

What they may see on it, `sight` knows from here on.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, Final, ParamSpec, cast

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext

from workflows_app import actions
from workflows_app.actions import Offer
from workflows_app.languages import gettext_lazy

from ..values import sight
from . import drafts

P = ParamSpec("P")
View = Callable[Concatenate[HttpRequest, P], HttpResponse]

#: The door that the audit trail names for actions on the pages.
DOOR: Final = "page"

NOT_SEEN = gettext_lazy(
    "You need the permission to see runs. It is called {view}; ask the person "
    "who runs Signalbox for it."
)


def may_answer(person: actions.Person) -> bool:
    """Return whether the person may answer questions at all."""
    return actions.offer(actions.RESUME, person, None).is_possible


def signed_in(view: View[P]) -> View[P]:
    """Let in people who have signed in and may see runs; keep what others had typed for later."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        if not request.user.is_authenticated:
            return drafts.to_sign_in(request)
        if not actions.may_view(request.user):
            if request.path == reverse("signalbox:home") and may_answer(request.user):
                return redirect("signalbox:inbox")
            raise PermissionDenied(NOT_SEEN.format(view=actions.VIEW))
        with sight.seen_by(request.user):
            return view(request, *args, **kwargs)

    return cast("View[P]", guarded)


def for_answers(view: View[P]) -> View[P]:
    """Also let in people who may answer but not see runs: they see what they may answer."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        if request.user.is_authenticated and may_answer(request.user):
            with sight.seen_by(request.user):
                return view(request, *args, **kwargs)
        return seeing(request, *args, **kwargs)

    seeing = signed_in(view)
    return cast("View[P]", guarded)


def json_for_signed_in(view: View[P]) -> View[P]:
    """Do the same as `signed_in` for addresses that scripts ask: they get a status, not a page."""
    return _json_for(view, actions.may_view)


def json_for_answers(view: View[P]) -> View[P]:
    """Do the same as `for_answers` for addresses that scripts ask."""
    return _json_for(view, lambda person: actions.may_view(person) or may_answer(person))


def _json_for(view: View[P], may: Callable[[actions.Person], bool]) -> View[P]:
    @wraps(view)
    def guarded(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        if not request.user.is_authenticated:
            return _refused(gettext("You are signed out."), 401)
        if not may(request.user):
            return _refused(NOT_SEEN.format(view=actions.VIEW), 403)
        with sight.seen_by(request.user):
            return view(request, *args, **kwargs)

    return cast("View[P]", guarded)


def _refused(message: str, status: int) -> JsonResponse:
    error: dict[str, Any] = {
        "type": "Refused",
        "message": message,
        "details": {},
    }
    return JsonResponse({"error": error}, status=status)


def require(offer: Offer) -> None:
    """Refuse a person who may not do this at all; the engine refuses what a run forbids."""
    if not offer.is_possible:
        raise PermissionDenied(offer.why_not)
