"""Starting a workflow: now, at a time, or again and again."""

from __future__ import annotations

from typing import Any, Final

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from dashboard import run_page, start_page
from dashboard.catalogue import Known
from dashboard.forms.start import NOW, StartForm
from dashboard.travel_page import MOST_EDITED
from dashboard.views import drafts, posted
from dashboard.views.access import DOOR, require, signed_in
from dashboard.views.workflows import known_or_404, offer_of
from workflows_app import Schedule, actions, errors
from workflows_app.engine import payloads, schedules, transactions
from workflows_app.models import Run

#: The button that starts a run and goes back to its workflow, and the one that only shows the call.
STAY: Final = f"{posted.SEND}:stay"
SHOW: Final = "python"


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
@posted.takes(posted.SEND, STAY, SHOW, *posted.FIELDS)
def start(request: HttpRequest, workflow_id: str) -> HttpResponse:
    """Show the form of what a run is given; start one with it, or make a schedule that does."""
    known = known_or_404(workflow_id)
    offer = offer_of(request, known)
    if request.method != "POST":
        draft = drafts.taken(request)
        form = start_page.fresh(
            known, draft, None if draft is not None else _source(request, known)
        )
        form.is_locked = not offer.is_possible
        if draft is not None:
            form.focus_first()
        return _page(request, known, form, draft=draft)
    require(offer)
    form = start_page.sent(request, known)
    if form.op == SHOW:
        return _page(request, known, form, python=start_page.python_of(known, form))
    if form.act():
        return _page(request, known, form)
    if form.moment != NOW:
        require(create_offer(request))
    if known.defined is None or not start_page.fits(form, known):
        return _page(request, known, form, status=422)
    return (_started if form.moment == NOW else _planned)(request, known, form)


def _source(request: HttpRequest, known: Known) -> Run | None:
    """Return the run that `?from=` names, whose values the form begins with; say if it cannot."""
    name = request.GET.get("from", "")
    source = run_page.find(name) if name else None
    if source is None:
        if name:
            messages.warning(request, f"There is no run {name}, so nothing is filled in.")
        return None
    if source.workflow_id != known.id:
        other = f"Run {name} is one of the workflow “{source.workflow_id}”, not of this one"
        messages.warning(request, f"{other}: its input is not filled in.")
        return None
    if payloads.size(Run, source.pk, "input") > MOST_EDITED:
        large = f"The input of run {name} is too large to be changed in a form"
        messages.warning(request, f"{large}: run it again as it was, or use Python.")
        return None
    messages.info(request, f"This is the input of run {name}; change what you like.")
    return Run.objects.get(pk=source.pk)


# Now.


def _started(request: HttpRequest, known: Known, form: StartForm) -> HttpResponse:
    given = form.given
    run_id = str(given.get("run_id") or start_page.run_key(known, request.POST)).strip()
    try:
        _start(request, known, form, run_id)
    except errors.RunAlreadyStarted:
        return posted.started_already(request, run_id)
    except (errors.RunIdTaken, errors.InvalidId) as refusal:
        form.part("run_id").errors.append(str(refusal))
        return _page(request, known, form, status=422)
    except errors.InvalidInput as refusal:
        form.refuse(posted.problems_of(refusal))
        return _page(request, known, form, status=422)
    except errors.WorkflowError as refusal:
        form.text_errors.append(str(refusal))
        return _page(request, known, form, status=409)
    if form.op != STAY:
        return posted.to_run(request, run_id)
    messages.success(request, f"Run {run_id} was started.")
    return posted.go(request, reverse("workflow", args=[known.id]))


def _start(request: HttpRequest, known: Known, form: StartForm, run_id: str) -> None:
    given = form.given
    tags = given.get("tags")
    with transactions.write():  # a refused start leaves no run
        run = known.defined.create_run(run_id=run_id, resource_id=given.get("resource_id"))
        run.start(
            form.draft(),
            initial_state=given.get("initial_state"),
            request_context=given.get("request_context"),
            tracing_options={"tags": tags} if tags else None,
            actor=request.user,
            door=DOOR,
            wait=False,
        )


# At a time, or again and again.


def _planned(request: HttpRequest, known: Known, form: StartForm) -> HttpResponse:
    """Print the times of a schedule; make it when exactly those were seen."""
    schedule = start_page.schedule_of(form, start_page.run_key(known, request.POST))
    if schedule is None:
        return _page(request, known, form, status=422)
    if request.POST.get("planned") != schedule.hash():
        return _page(request, known, form, schedule=schedule)
    try:
        row = schedules.make(known.defined, schedule, actor=request.user, door=DOOR)
    except errors.WorkflowError as refusal:
        form.text_errors.append(str(refusal))
        return _page(request, known, form, status=409)
    messages.success(request, "The schedule is made. It starts its runs by itself.")
    return posted.go(request, reverse("schedule", args=[row.pk]))


def create_offer(request: HttpRequest) -> actions.Offer:
    """Return whether this person may make a schedule; to start its runs is asked besides."""
    return actions.offer(actions.CREATE_SCHEDULE, request.user, None)


def _page(
    request: HttpRequest,
    known: Known,
    form: StartForm,
    *,
    status: int = 200,
    schedule: Schedule | None = None,
    python: str = "",
    draft: QueryDict | None = None,
) -> HttpResponse:
    is_part = bool(request.headers.get("HX-Request"))
    sent = request.POST if draft is None else draft
    key = start_page.run_key(known, sent, request.GET.get("run", ""))
    context: dict[str, Any] = {
        "known": known,
        "form": form,
        "offer": offer_of(request, known),
        "may_schedule": create_offer(request),
        "run_key": key,
        "pending": key if start_page.is_pending(known, key) else "",
        "schedule": schedule,
        "times": start_page.times_of(schedule) if schedule else [],
        "planned": schedule.hash() if schedule else "",
        "python": python,
        "source": request.GET.get("from", ""),
    }
    if is_part:
        return render(request, "dashboard/start.html#form", context, status=status)
    if context["offer"].is_possible:
        context["recent"] = start_page.recent_of(known.id)
    return render(request, "dashboard/start.html", context, status=status)
