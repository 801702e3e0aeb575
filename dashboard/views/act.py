"""Acting on a run: one page for every action that needs no form, which says first what it does."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from dashboard import consequences
from dashboard.views.access import DOOR, require, run_or_404, signed_in
from workflows_app import Run as WorkflowRun
from workflows_app import actions, errors, get_workflow
from workflows_app.models import Run


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def act(request: HttpRequest, run_id: str, name: str) -> HttpResponse:
    """Say what will happen and what will not, then do it."""
    perform = _PERFORM.get(name)
    if perform is None:
        raise Http404(f"There is no action “{name}”.")
    run = run_or_404(run_id)
    action = actions.ACTIONS[name]
    offer = actions.offer(action, request.user, run)
    if request.method == "POST":
        require(actions.offer(action, request.user, None))
        return _performed(request, run, offer, perform)
    context = {
        "run": run,
        "offer": offer,
        "says": consequences.of(action, run),
        "python": consequences.as_python(action, run),
    }
    return render(request, "dashboard/act.html", context)


def _performed(
    request: HttpRequest,
    run: Run,
    offer: actions.Offer,
    perform: Callable[[HttpRequest, WorkflowRun], HttpResponse],
) -> HttpResponse:
    if not offer.is_possible:
        messages.warning(request, f"{offer.why_not} Nothing changed.")
        return redirect("run", run.run_id)
    try:
        return perform(request, get_workflow(run.workflow_id).get_run(run.run_id))
    except errors.WorkflowError as refusal:
        messages.error(request, str(refusal))
        return redirect("run", run.run_id)


def _cancel(request: HttpRequest, run: WorkflowRun) -> HttpResponse:
    run.cancel(actor=request.user, door=DOOR)
    if Run.objects.ended().filter(pk=run.pk).exists():
        messages.success(request, "The run is canceled.")
    else:
        messages.info(request, "Canceling: the running steps are asked to stop.")
    return redirect("run", run.run_id)


def _retry(request: HttpRequest, run: WorkflowRun) -> HttpResponse:
    run.retry(actor=request.user, door=DOOR, wait=False)
    messages.success(request, "What failed runs again, on a new timeline.")
    return redirect("run", run.run_id)


def _restart(request: HttpRequest, run: WorkflowRun) -> HttpResponse:
    run.restart(actor=request.user, door=DOOR, wait=False)
    messages.success(request, "The run goes on from its last active steps.")
    return redirect("run", run.run_id)


def _proceed(request: HttpRequest, run: WorkflowRun) -> HttpResponse:
    to_the_end = request.POST.get("to_the_end") == "1"
    run.proceed(per_step=not to_the_end, actor=request.user, door=DOOR, wait=False)
    messages.success(
        request, "The run goes on to its end." if to_the_end else "The next step runs."
    )
    return redirect("run", run.run_id)


def _rerun(request: HttpRequest, run: WorkflowRun) -> HttpResponse:
    again = run.rerun(actor=request.user, door=DOOR, wait=False)
    messages.success(request, f"This is the new run; it has the input of {run.run_id}.")
    return redirect("run", again.run_id)


def _delete(request: HttpRequest, run: WorkflowRun) -> HttpResponse:
    run.delete(actor=request.user, door=DOOR)
    messages.success(request, f"Run {run.run_id} is deleted.")
    return redirect("runs")


_PERFORM: Final[Mapping[str, Callable[[HttpRequest, Any], HttpResponse]]] = {
    "cancel": _cancel,
    "retry": _retry,
    "restart": _restart,
    "proceed": _proceed,
    "rerun": _rerun,
    "delete": _delete,
}
