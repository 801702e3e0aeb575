"""Who may see a page: people who signed in and may see runs. What they may do, `actions` says."""

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, Final, ParamSpec, cast

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse

from dashboard import run_page
from dashboard.views import drafts
from workflows_app import actions
from workflows_app.actions import Offer
from workflows_app.models import Run

P = ParamSpec("P")
View = Callable[Concatenate[HttpRequest, P], HttpResponse]

#: What the audit trail says of acts that come from the pages.
DOOR: Final = "page"

NOT_SEEN = "You need the permission to see runs. Ask whoever looks after Signalbox."


def signed_in(view: View[P]) -> View[P]:
    """Let people in who signed in and may see runs; what others had typed is kept for them."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        if not request.user.is_authenticated:
            return drafts.to_sign_in(request)
        if not actions.may_view(request.user):
            raise PermissionDenied(NOT_SEEN)
        return view(request, *args, **kwargs)

    return cast("View[P]", guarded)


def json_for_signed_in(view: View[P]) -> View[P]:
    """Do the same for addresses that scripts ask: they get a status, not a page."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        if not request.user.is_authenticated:
            return _refused("You are signed out.", 401)
        if not actions.may_view(request.user):
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
