"""The page that pauses or resumes the intake of a workflow, after it has said what will happen."""

from __future__ import annotations

from typing import Final

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods

from workflows_app import actions, errors, permissions, refusal_words
from workflows_app.actions import Action, Offer, Person
from workflows_app.languages import gettext_lazy
from workflows_app.models import Workflow

from .. import catalogue, same
from ..catalogue import KnownWorkflow
from ..consequences import Consequences, of_intake
from ..pages import render
from ..request import posted
from ..request.access import DOOR, require, signed_in
from ..same import Call

#: The most characters of a reason.
MOST_REASON: Final = 500
ACTIONS: Final = {"pause": actions.PAUSE_INTAKE, "resume": actions.RESUME_INTAKE}
_DONE: Final = {
    "pause": gettext_lazy("The intake is paused: runs that have not begun wait."),
    "resume": gettext_lazy("The intake is resumed: runs that waited begin."),
}


def offer_of(person: Person, known: KnownWorkflow) -> Offer | None:
    """Return what a person may do with the intake now; None without the workflow's code."""
    if known.defined is None:
        return None
    row = known.row or Workflow(id=known.id)
    action = actions.PAUSE_INTAKE if row.intake is None else actions.RESUME_INTAKE
    return actions.offer(action, person, row, permissions.to_start(known.id))


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
@posted.takes(named="verb")
def act(request: HttpRequest, workflow_id: str, verb: str) -> HttpResponse:
    """Say what will happen, then do it."""
    action = ACTIONS.get(verb)
    known = catalogue.known_or_404(workflow_id)
    if action is None or known.defined is None:
        text = gettext("There is no “{verb}” for the intake of “{workflow}”.")
        raise Http404(text.format(verb=verb, workflow=workflow_id))
    row = known.row or Workflow(id=workflow_id)
    specials = permissions.to_start(workflow_id)
    offer = actions.offer(action, request.user, row, specials)
    if request.method == "POST":
        require(actions.offer(action, request.user, None, specials))
        _do(request, known, verb, offer)
        return redirect("signalbox:workflow", workflow_id)
    says = of_intake(workflow_id, is_pause=verb == "pause")
    context = {**_context(request, known, action, says), "offer": offer, "verb": verb}
    return render(request, "dashboard/workflows/intake.html", context)


def _context(
    request: HttpRequest, known: KnownWorkflow, action: Action, says: Consequences
) -> dict[str, object]:
    verb = action.name.replace("-", "_")
    python = f"get_workflow({known.id!r}).{verb}()"
    call = Call(f"workflows/{known.id}/intake/{action.name.partition('-')[0]}")
    return {
        "known": known,
        "says": says,
        "longest": MOST_REASON,
        "ways": same.ways(request, python, [call]),
    }


def _do(request: HttpRequest, known: KnownWorkflow, verb: str, offer: Offer) -> None:
    if not offer.is_possible:
        text = gettext("{why_not} Nothing changed.").format(why_not=offer.why_not)
        messages.warning(request, text)
        return
    reason = request.POST.get("reason", "").strip().replace("\x00", "")[:MOST_REASON]
    try:
        if verb == "pause":
            known.defined.pause_intake(reason, actor=request.user, door=DOOR)
        else:
            known.defined.resume_intake(actor=request.user, door=DOOR)
    except errors.WorkflowError as refusal:
        messages.error(request, refusal_words.of(refusal))
    else:
        messages.success(request, _DONE[verb])
