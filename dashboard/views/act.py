"""Acting on a run: one page for every action that needs no form, which says first what it does."""

from typing import Final

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from dashboard import consequences, graphs
from dashboard.views import posted
from dashboard.views.access import DOOR, require, run_or_404, signed_in
from workflows_app import acting, actions, errors, get_workflow
from workflows_app.models import Run

#: Acts on a run that stands still: sent twice, the second would act on what the first brought.
STANDING: Final = frozenset({"retry", "proceed"})
MOVED: Final = "The run has gone on since you were asked, so nothing changed. Look at it once more."


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
@posted.takes("proceed:to-the-end", named="name")
def act(request: HttpRequest, run_id: str, name: str) -> HttpResponse:
    """Say what will happen and what will not, then do it."""
    if name not in acting.ACTS:
        raise Http404(f"There is no action “{name}”.")
    run = run_or_404(run_id)
    action = actions.ACTIONS[name]
    specials = graphs.to_act(run)
    offer = actions.offer(action, request.user, run, specials)
    if request.method == "POST":
        require(actions.offer(action, request.user, None, specials))
        return _performed(request, run, offer)
    context = {
        "run": run,
        "offer": offer,
        "says": consequences.of(action, run),
        "python": consequences.as_python(action, run),
        "run_key": posted.run_key(request) if action is actions.RERUN else "",
    }
    return render(request, "dashboard/act.html", context)


def _performed(request: HttpRequest, run: Run, offer: actions.Offer) -> HttpResponse:
    if not offer.is_possible:
        messages.warning(request, f"{offer.why_not} Nothing changed.")
        return redirect("run", run.run_id)
    name = offer.action.name
    if name in STANDING and request.POST.get("seen", str(run.event_seq)) != str(run.event_seq):
        messages.warning(request, MOVED)
        return redirect("run", run.run_id)
    key = posted.run_key(request)
    try:
        live = get_workflow(run.workflow_id).get_run(run.run_id)
        if request.POST["op"] == "proceed:to-the-end":
            live.proceed(per_step=False, actor=request.user, door=DOOR, wait=False)
            shown = live.run_id
        elif name == "rerun":
            shown = live.rerun(run_id=key, actor=request.user, door=DOOR, wait=False).run_id
        else:
            shown = acting.perform(name, live, actor=request.user, door=DOOR)
    except errors.RunAlreadyStarted:
        return posted.started_already(request, key)
    except errors.WorkflowError as refusal:
        messages.error(request, str(refusal))
        return redirect("run", run.run_id)
    messages.success(request, _said(name, run))
    return redirect("run", shown) if shown else redirect("runs")


def _said(name: str, run: Run) -> str:
    if name == "cancel" and not Run.objects.ended().filter(pk=run.pk).exists():
        return "Canceling: the running steps are asked to stop."
    return _DONE[name].format(run=run.run_id)


_DONE: Final = {
    "cancel": "The run is canceled.",
    "retry": "What failed runs again, on a new timeline.",
    "restart": "The run goes on from its last active steps.",
    "proceed": "The run goes on.",
    "rerun": "This is the new run; it has the input of {run}.",
    "delete": "Run {run} is deleted.",
}
