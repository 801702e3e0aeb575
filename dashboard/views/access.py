"""Who may see a page: people who signed in and may see runs. What they may do, `actions` says."""

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, Final, ParamSpec, cast

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.urls import reverse

from dashboard import inbox_page, run_page
from dashboard.views import drafts
from workflows_app import actions
from workflows_app.actions import Offer
from workflows_app.models import Run

P = ParamSpec("P")
View = Callable[Concatenate[HttpRequest, P], HttpResponse]

#: What the audit trail says of acts that come from the pages.
DOOR: Final = "page"

NOT_SEEN = (
    f"You need the permission to see runs. It is called {actions.VIEW}; ask whoever looks after "
    "Signalbox for it."
)


def signed_in(view: View[P]) -> View[P]:
    """Let people in who signed in and may see runs; what others had typed is kept for them."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        if not request.user.is_authenticated:
            return drafts.to_sign_in(request)
        if not actions.may_view(request.user):
            if request.path == reverse("home") and inbox_page.may_answer(request.user):
                return redirect("inbox")
            raise PermissionDenied(NOT_SEEN)
        return view(request, *args, **kwargs)

    return cast("View[P]", guarded)


def for_answers(view: View[P]) -> View[P]:
    """Let in those, too, who may not see runs and may answer: they see what they may answer."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        if request.user.is_authenticated and inbox_page.may_answer(request.user):
            return view(request, *args, **kwargs)
        return seeing(request, *args, **kwargs)

    seeing = signed_in(view)
    return cast("View[P]", guarded)


def json_for_signed_in(view: View[P]) -> View[P]:
    """Do as `signed_in` for addresses that scripts ask: they get a status, not a page."""
    return _json_for(view, actions.may_view)


def json_for_answers(view: View[P]) -> View[P]:
    """Do as `for_answers` for addresses that scripts ask."""
    return _json_for(view, lambda person: actions.may_view(person) or inbox_page.may_answer(person))


def _json_for(view: View[P], may: Callable[[actions.Person], bool]) -> View[P]:
    @wraps(view)
    def guarded(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        if not request.user.is_authenticated:
            return _refused("You are signed out.", 401)
        if not may(request.user):
            return _refused(NOT_SEEN, 403)
        return view(request, *args, **kwargs)

    return cast("View[P]", guarded)


def _refused(message: str, status: int) -> JsonResponse:
    error: dict[str, Any] = {"type": "Refused", "message": message, "details": {}}
    return JsonResponse({"error": error}, status=status)


def run_or_404(run_id: str, *, has_values: bool = False) -> Run:
    """Return the run, or show the page that says there is none.

    With `has_values`, with the beginnings of its values.
    """
    run = run_page.find(run_id, has_values=has_values)
    if run is None:
        raise Http404(f"There is no run with the id “{run_id}”. It may have been deleted.")
    return run


def require(offer: Offer) -> None:
    """Refuse a person who may not do this at all; what the run refuses is the engine's to say."""
    if not offer.is_possible:
        raise PermissionDenied(offer.why_not)
