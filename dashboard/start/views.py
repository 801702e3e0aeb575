"""Starting a workflow: now, at a time, or repeatedly."""

from __future__ import annotations

from typing import Any, Final

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, QueryDict
from django.urls import reverse
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods

from workflows_app import Schedule, actions, errors, refusal_words
from workflows_app.engine.host import transactions
from workflows_app.engine.run import payloads
from workflows_app.engine.verbs import schedules
from workflows_app.models import Run

from .. import acts, catalogue, lookup, same
from ..catalogue import KnownWorkflow
from ..forms.documents import MOST_EDITED
from ..forms.start import NOW, StartForm
from ..pages import render
from ..request import drafts, posted
from ..request.access import DOOR, require, signed_in
from ..values import sight
from . import page as start_page

#: The button that starts a run and returns to its workflow, and the one that only shows the call.
STAY: Final = f"{posted.SEND}:stay"
SHOW: Final = "python"


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
@posted.takes(posted.SEND, STAY, SHOW, *posted.FIELDS)
def start(request: HttpRequest, workflow_id: str) -> HttpResponse:
    """Show the form of what a run is given; start a run with it, or create a schedule that does."""
    known = catalogue.known_or_404(workflow_id)
    offer = catalogue.offer_of(request.user, known)
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
        return _page(request, known, form, shows_code=True)
    if form.act():
        return _page(request, known, form)
    if form.moment != NOW:
        require(create_offer(request))
    if known.defined is None or not start_page.fits(form, known):
        return _page(request, known, form, status=422)
    return (_started if form.moment == NOW else _planned)(request, known, form)


def _source(request: HttpRequest, known: KnownWorkflow) -> Run | None:
    """Return the run that `?from=` names, whose values the form begins with; say if that fails."""
    name = request.GET.get("from", "")
    source = lookup.find(name) if name else None
    if source is None:
        if name:
            messages.warning(
                request,
                gettext("There is no run {name}, so nothing is filled in.").format(name=name),
            )
        return None
    if source.workflow_id != known.id:
        other = gettext(
            "Run {name} belongs to the workflow “{workflow}”, not to this one: its input is not "
            "filled in."
        )
        messages.warning(request, other.format(name=name, workflow=source.workflow_id))
        return None
    if payloads.size(Run, source.pk, "input") > MOST_EDITED:
        large = gettext(
            "The input of run {name} is too large to be changed in a form: run it again as it was, "
            "or use Python."
        )
        messages.warning(request, large.format(name=name))
        return None
    if not sight.values():
        text = gettext("You may not see the input of run {name}: it is not filled in.")
        messages.warning(request, text.format(name=name))
        return None
    messages.info(
        request, gettext("This is the input of run {name}; change what you like.").format(name=name)
    )
    return Run.objects.get(pk=source.pk)


# Now.


def _started(request: HttpRequest, known: KnownWorkflow, form: StartForm) -> HttpResponse:
    given = form.given
    run_id = str(given.get("run_id") or start_page.run_key(known, request.POST)).strip()
    try:
        _start(request, known, form, run_id)
    except errors.RunAlreadyStarted:
        return posted.started_already(request, run_id)
    except (errors.RunIdTaken, errors.InvalidId) as refusal:
        form.part("run_id").errors.append(refusal_words.of(refusal))
        return _page(request, known, form, status=422)
    except errors.InvalidInput as refusal:
        form.refuse(posted.problems_of(refusal))
        return _page(request, known, form, status=422)
    except errors.WorkflowError as refusal:
        form.text_errors.append(refusal_words.of(refusal))
        return _page(request, known, form, status=409)
    if form.op != STAY:
        return posted.to_run(request, run_id)
    messages.success(request, acts.ACTS["start"].done.format(run=run_id))
    return posted.go(request, reverse("signalbox:workflow", args=[known.id]))


def _start(request: HttpRequest, known: KnownWorkflow, form: StartForm, run_id: str) -> None:
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


# At a time, or repeatedly.


def _planned(request: HttpRequest, known: KnownWorkflow, form: StartForm) -> HttpResponse:
    """Show the times of a schedule; create it once exactly those have been seen."""
    schedule = start_page.schedule_of(form, start_page.run_key(known, request.POST))
    if schedule is None:
        return _page(request, known, form, status=422)
    if request.POST.get("planned") != schedule.hash():
        return _page(request, known, form, schedule=schedule)
    try:
        row = schedules.make(known.defined, schedule, actor=request.user, door=DOOR)
    except errors.WorkflowError as refusal:
        form.text_errors.append(refusal_words.of(refusal))
        return _page(request, known, form, status=409)
    messages.success(request, gettext("The schedule is created. It starts its runs by itself."))
    return posted.go(request, reverse("signalbox:schedule", args=[row.pk]))


def create_offer(request: HttpRequest) -> actions.Offer:
    """Return whether this person may create a schedule; starting its runs is checked separately."""
    return actions.offer(actions.CREATE_SCHEDULE, request.user, None)


def _ways(request: HttpRequest, known: KnownWorkflow, form: StartForm) -> list[same.Way]:
    python, calls = start_page.python_of(known, form), start_page.calls_of(known, form)
    return same.ways(request, python, calls) if python else []


def _page(
    request: HttpRequest,
    known: KnownWorkflow,
    form: StartForm,
    *,
    status: int = 200,
    schedule: Schedule | None = None,
    shows_code: bool = False,
    draft: QueryDict | None = None,
) -> HttpResponse:
    is_part = bool(request.headers.get("HX-Request"))
    sent = request.POST if draft is None else draft
    key = start_page.run_key(known, sent, request.GET.get("run", ""))
    context: dict[str, Any] = {
        "known": known,
        "form": form,
        "offer": catalogue.offer_of(request.user, known),
        "may_schedule": create_offer(request),
        "run_key": key,
        "pending": key if start_page.is_pending(known, key) else "",
        "schedule": schedule,
        "times": start_page.times_of(schedule) if schedule else [],
        "planned": schedule.hash() if schedule else "",
        "ways": _ways(request, known, form) if shows_code else [],
        "source": request.GET.get("from", ""),
    }
    if is_part:
        return render(request, "dashboard/start/page.html#form", context, status=status)
    if context["offer"].is_possible:
        context["recent"] = start_page.recent_of(known.id)
    return render(request, "dashboard/start/page.html", context, status=status)
