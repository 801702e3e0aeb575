"""Canceling a run, after saying what will happen and what will not."""

from django.contrib import messages
from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from dashboard.views.access import require, run_or_404, signed_in
from workflows_app import actions, conf, errors, get_workflow
from workflows_app.models import Run
from workflows_app.planner.statuses import StepStatus

WAITING = (StepStatus.QUEUED, StepStatus.SUSPENDED, StepStatus.WAITING, StepStatus.PAUSED)


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def cancel(request: HttpRequest, run_id: str) -> HttpResponse:
    """Ask, then cancel."""
    run = run_or_404(run_id)
    offer = actions.offer(actions.CANCEL, request.user, run)
    if request.method == "POST":
        require(actions.offer(actions.CANCEL, request.user, None))
        return _canceled(request, run)
    will, will_not = consequences(run)
    context = {"run": run, "offer": offer, "will": will, "will_not": will_not}
    return render(request, "dashboard/cancel.html", context)


def _canceled(request: HttpRequest, run: Run) -> HttpResponse:
    if run.is_ended:
        messages.warning(request, f"The run had ended already ({run.status}); nothing changed.")
        return redirect("run", run.run_id)
    try:
        get_workflow(run.workflow_id).get_run(run.run_id).cancel(actor=request.user)
    except errors.WorkflowError as refusal:
        messages.error(request, str(refusal))
        return redirect("run", run.run_id)
    if Run.objects.ended().filter(pk=run.pk).exists():
        messages.success(request, "The run is canceled.")
    else:
        messages.info(request, "Canceling: the running steps are asked to stop.")
    return redirect("run", run.run_id)


def consequences(run: Run) -> tuple[list[str], list[str]]:
    """Return, in sentences, what a cancel of this run would do now, and what it would not."""
    steps = run.steps.current().filter(kind="step").order_by()
    counted = dict(steps.values_list("status").annotate(Count("pk")))
    running = counted.get(StepStatus.RUNNING, 0)
    waiting = sum(counted.get(status, 0) for status in WAITING)
    finished = counted.get(StepStatus.SUCCESS, 0)
    will = ["Nothing new starts."]
    if waiting:
        verb = _s(waiting, "waits becomes", "wait become")
        will.append(f"{_steps(waiting)} that {verb} canceled.")
    if run.suspended_count:
        will.append("What was asked can no longer be answered.")
    if running:
        grace = conf.get("CANCEL_GRACE_SECONDS")
        will.append(
            f"{_steps(running)} now running {_s(running, 'is', 'are')} asked to stop. "
            f"What does not stop within {grace:g} s is given up, and its late result is dropped."
        )
    else:
        will.append("The run ends at once, as canceled. It cannot be undone.")
    will_not = []
    if finished:
        done = f"What {_steps(finished)} already did is not undone"
        will_not.append(f"{done}: rows written and messages sent stay.")
    will_not.append("Nothing is deleted: the run, its steps and its log stay to be read.")
    return will, will_not


def _steps(number: int) -> str:
    return f"{number} step{'' if number == 1 else 's'}"


def _s(number: int, one: str, many: str) -> str:
    return one if number == 1 else many
