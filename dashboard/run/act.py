"""Acting on a run: one page, for every action without a form, that first says what will happen."""

from collections.abc import Mapping
from typing import Final

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods

from workflows_app import actions, errors, get_workflow, refusal_words
from workflows_app.languages import gettext_lazy
from workflows_app.models import Run

from .. import acts, lookup, same
from ..acts import RunAct
from ..graph import graphs
from ..pages import render
from ..request import posted
from ..request.access import DOOR, require, signed_in

#: A cancel that waits for running steps.
CANCELING: Final = gettext_lazy("Canceling: the running steps are asked to stop.")
#: The most characters of a reason.
MOST_REASON: Final = 500
MOVED: Final = gettext_lazy(
    "The run has moved on since you were asked, so nothing changed. Look at it again."
)


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
@posted.takes(*acts.VARIANTS, named="name")
def act(request: HttpRequest, run_id: str, name: str) -> HttpResponse:
    """Say what will happen and what will not, then do it."""
    chosen = acts.ACTS.get(name)
    if chosen is None or chosen.says is None:
        raise Http404(gettext("There is no action “{name}”.").format(name=name))
    run = lookup.run_or_404(run_id)
    specials = graphs.to_act(run)
    offer = actions.offer(chosen.action, request.user, run, specials)
    if request.method == "POST":
        if not posted.is_known(request.POST.getlist(posted.OP), chosen.ops):
            return posted.no_button(request)  # the button belongs to another dialog
        require(actions.offer(chosen.action, request.user, None, specials))
        return _performed(request, run, chosen, offer)
    context = {
        "run": run,
        "offer": offer,
        "act": chosen,
        "says": chosen.says(run),
        "variants": chosen.variants_of(run),
        "most_reason": MOST_REASON,
        "step": _step(request.GET) if chosen.takes_step else "",
        "ways": same.ways(request, chosen.python(run), chosen.calls(run)),
        "run_key": posted.run_key(request) if chosen.starts_a_run else "",
    }
    return render(request, "dashboard/run/act.html", context)


def _performed(
    request: HttpRequest, run: Run, chosen: RunAct, offer: actions.Offer
) -> HttpResponse:
    if not offer.is_possible:
        messages.warning(
            request, gettext("{why_not} Nothing changed.").format(why_not=offer.why_not)
        )
        return redirect("signalbox:run", run.run_id)
    seen = request.POST.get("seen", str(run.event_seq))
    if chosen.needs_same_event and seen != str(run.event_seq):
        messages.warning(request, MOVED)
        return redirect("signalbox:run", run.run_id)
    key = posted.run_key(request)
    try:
        live = get_workflow(run.workflow_id).get_run(run.run_id)
        op = request.POST[posted.OP]
        reason = request.POST.get("reason", "")[:MOST_REASON]
        step = _step(request.POST)
        shown = chosen.perform(
            op, live, key=key, actor=request.user, door=DOOR, reason=reason, step=step
        )
    except errors.RunAlreadyStarted:
        return posted.started_already(request, key)
    except errors.WorkflowError as refusal:
        messages.error(request, refusal_words.of(refusal))
        return redirect("signalbox:run", run.run_id)
    messages.success(request, _said(chosen, run))
    return redirect("signalbox:run", shown) if shown else redirect("signalbox:runs")


def _step(given: Mapping[str, str]) -> str:
    """Return the path of the step that is meant; empty for the only one."""
    return given.get("step", "").replace("\x00", "")[:1000]


def _said(chosen: RunAct, run: Run) -> str:
    if chosen.action is actions.CANCEL and not Run.objects.ended().filter(pk=run.pk).exists():
        return CANCELING
    return chosen.done.format(run=run.run_id)
