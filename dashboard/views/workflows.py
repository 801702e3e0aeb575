"""The workflows: what they are, what they take, and starting one."""

from __future__ import annotations

import uuid
from collections.abc import Mapping

from django.contrib import messages
from django.db.models import Count
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.views.decorators.http import require_http_methods, require_safe

from dashboard import catalogue, graphs, rows, run_page
from dashboard.catalogue import Known
from dashboard.filters import Filters
from dashboard.forms.fields import MISSING
from dashboard.forms.form import SchemaForm
from dashboard.forms.summary import lines_of
from dashboard.travel_page import MOST_EDITED
from dashboard.views import drafts, posted
from dashboard.views.access import DOOR, require, signed_in
from workflows_app import actions, errors, jsontext
from workflows_app.engine import payloads
from workflows_app.models import Run
from workflows_app.models.fields import uuid7
from workflows_app.planner.statuses import RunStatus

RECENT = 10
#: Entries of a graph that its page lists.
MOST_PLACES = 200
ALIVE = [RunStatus.RUNNING, RunStatus.WAITING, RunStatus.SUSPENDED, RunStatus.PAUSED]


@require_safe
@signed_in
def workflows(request: HttpRequest) -> HttpResponse:
    """List every workflow that this process defines, or that has runs."""
    counted = Run.objects.filter(status__in=ALIVE).order_by()
    counts: dict[str, dict[str, int]] = {}
    for name, status, number in counted.values_list("workflow", "status").annotate(Count("pk")):
        counts.setdefault(name, {})[status] = number
    listed = [
        {"known": known, "counts": counts.get(known.id, {}), "offer": _offer(request, known)}
        for known in catalogue.all_known()
    ]
    return render(request, "dashboard/workflows.html", {"listed": listed})


@require_safe
@signed_in
def workflow(request: HttpRequest, workflow_id: str) -> HttpResponse:
    """Show one workflow: its graph, what it takes and gives, its latest runs."""
    known = _known(workflow_id)
    versions = catalogue.versions_of(known)
    shown = next((v for v in versions if v.hash == request.GET.get("version")), None)
    graph = known.graph if shown is None else graphs.of_version(shown.pk)
    recent = list(rows.joined(Filters(workflow=workflow_id).wanted())[:RECENT])
    places = list(graph.places.values())
    context = {
        "known": known,
        "graph": graph,
        "versions": versions,
        "version": shown,
        "paces": catalogue.paces_of(workflow_id),
        "places": places[:MOST_PLACES],
        "places_left_out": max(len(places) - MOST_PLACES, 0),
        "rows": rows.rows_of(recent),
        "types": [
            ("Input", lines_of(graph.json.get("input_schema"))),
            ("Result", lines_of(graph.json.get("output_schema"))),
        ],
        "offer": _offer(request, known),
        "boxes": [(box, "") for box in graph.drawing.boxes] if graph.drawing else [],
        "lines": [(line, True) for line in graph.drawing.lines] if graph.drawing else [],
    }
    return render(request, "dashboard/workflow.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def start(request: HttpRequest, workflow_id: str) -> HttpResponse:
    """Show the form of the workflow's input, and start a run with what was typed."""
    known = _known(workflow_id)
    offer = _offer(request, known)
    schema = known.graph.json.get("input_schema")
    if request.method != "POST":
        draft = drafts.taken(request)
        value = MISSING if draft is not None else _first_value(request, known)
        form = posted.fresh_form(schema, draft, value=value)
        form.is_locked = not offer.is_possible
        return _form(request, known, form, draft=draft)
    require(offer)
    form = posted.form_from(request, schema)
    if form.act():
        return _form(request, known, form)
    return _started(request, known, form)


def _first_value(request: HttpRequest, known: Known) -> object:
    """Return what the form holds at first: the input of the run that `?from=` names, if any."""
    name = request.GET.get("from", "")
    source = run_page.find(name) if name else None
    if source is None:
        if name:
            messages.warning(request, f"There is no run {name}, so nothing is filled in.")
        return MISSING
    if source.workflow_id != known.id:
        other = f"Run {name} is one of the workflow “{source.workflow_id}”, not of this one"
        messages.warning(request, f"{other}: its input is not filled in.")
        return MISSING
    if payloads.size(Run, source.pk, "input") > MOST_EDITED:
        large = f"The input of run {name} is too large to be changed in a form"
        messages.warning(request, f"{large}: run it again as it was, or use Python.")
        return MISSING
    text = payloads.run_input(source.pk)
    if text == jsontext.NULL:
        return MISSING
    messages.info(request, f"This is the input of run {name}; change what you like.")
    return jsontext.loads(text)


def _started(request: HttpRequest, known: Known, form: SchemaForm) -> HttpResponse:
    defined = known.defined
    if defined is None or not posted.fits(form, known.load):
        return _form(request, known, form, status=422)
    run_id = _run_key(known, request.POST)
    try:
        run = defined.create_run(run_id=run_id)
        run.start(form.draft(), actor=request.user, door=DOOR, wait=False)
    except errors.RunAlreadyStarted:
        return posted.started_already(request, run_id)
    except errors.InvalidInput as refusal:
        form.refuse(posted.problems_of(refusal))
        return _form(request, known, form, status=422)
    except errors.WorkflowError as refusal:
        form.text_errors.append(str(refusal))
        return _form(request, known, form, status=409)
    return posted.to_run(request, run_id)


def _form(
    request: HttpRequest,
    known: Known,
    form: SchemaForm,
    status: int = 200,
    draft: QueryDict | None = None,
) -> HttpResponse:
    run_id = _run_key(known, request.POST if draft is None else draft, request.GET.get("run", ""))
    is_part = bool(request.headers.get("HX-Request"))
    template = "dashboard/start.html#form" if is_part else "dashboard/start.html"
    context = {
        "known": known,
        "form": form,
        "offer": _offer(request, known),
        "run_key": run_id,
        "pending": run_id if _is_pending(known, run_id) else "",
    }
    return render(request, template, context, status=status)


def _run_key(known: Known, sent: Mapping[str, str], asked: str = "") -> str:
    """Return the id that the form's run gets, so that a form sent twice starts one run.

    It is that of a run which waits to be started where the form or the address names one.
    """
    key = sent.get("run_key") or asked
    if _is_pending(known, key):
        return key
    try:
        return str(uuid.UUID(key))
    except ValueError:
        return str(uuid7())


def _is_pending(known: Known, run_id: str) -> bool:
    if not run_id or "\0" in run_id:  # PostgreSQL takes no such text
        return False
    waiting = Run.objects.filter(status=RunStatus.PENDING, workflow=known.id)
    return waiting.filter(run_id=run_id).exists()


def _known(workflow_id: str) -> Known:
    known = catalogue.find(workflow_id)
    if known is None:
        raise Http404(f"There is no workflow with the id “{workflow_id}”.")
    return known


def _offer(request: HttpRequest, known: Known) -> actions.Offer:
    if known.defined is None:
        return actions.Offer(
            actions.START,
            "The code of this workflow is not in this process, so it cannot be started from here.",
        )
    return actions.offer(actions.START, request.user, None, known.graph.permission)
