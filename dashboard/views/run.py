"""The page of one run, the numbers behind it, and its payloads as they are."""

import re
import time
from collections.abc import Hashable
from dataclasses import replace

from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, render
from django.template.loader import render_to_string
from django.utils.http import content_disposition_header
from django.views.decorators.http import require_safe

from dashboard import (
    address_words,
    cards,
    graphs,
    playback,
    previews,
    records,
    run_page,
    step_page,
    zones,
)
from dashboard.forms.form import SchemaForm
from dashboard.paging import SMALL_DIGITS, number
from dashboard.run_page import RunPage
from dashboard.run_view import TABS, View
from dashboard.shared import Part, parts
from dashboard.views import posted
from dashboard.views.access import json_for_signed_in, run_or_404, signed_in
from dashboard.views.graph import ignore_turned
from dashboard.views.refusing import exact, exact_json
from workflows_app import actions
from workflows_app.engine import log, payloads, places
from workflows_app.jsontext import masked_text
from workflows_app.models import Run, StepSnapshot

#: Which tab of a run a person looked at last.
TAB_COOKIE = "signalbox_tab"

#: In this header the page's script says up to which number it has heard of the run.
SEEN = "X-Signalbox-Seen"

#: Events in one answer of the polling twin of the socket.
BATCH = 200

RUN_FIELDS = frozenset({"input", "result", "error", "state"})
STEP_FIELDS = frozenset({"payload", "output", "error", "suspend_payload", "resume_payload"})


@require_safe
@signed_in
def run(request: HttpRequest, run_id: str) -> HttpResponse:
    """Show a run; for the page's own script, only the part that changes."""
    headers = request.headers
    if headers.get("HX-Request") and not headers.get("HX-History-Restore-Request"):
        response = HttpResponse(part(request, run_id, number(headers.get(SEEN, ""))).html)
        # A part that is fetched because of news, maybe in a tab that nobody sees, chooses nothing.
        if headers.get("HX-Trigger-Name") == "tab":
            _remember_tab(request, response)
        return response
    found = run_or_404(run_id, has_values=True)
    view = _view(request, found)
    page = run_page.page_for(found, request.user, view)
    _ignore_what_is_not_there(request, page)
    response = render(request, "dashboard/run.html", shown(page))
    _remember_tab(request, response)
    return response


def _ignore_what_is_not_there(request: HttpRequest, page: RunPage) -> None:
    """Say of an address that names what the run does not have that it does."""
    query = request.GET.dict()
    step = query.get("step", "")
    if step and places.base(step) not in page.graph.places:
        address_words.ignore(request, f"step={step}")
    _ignore_timeline(request, page.run)
    if not _has_asked(page):
        address_words.ignore(request, f"question={query['question']}")
    if page.view.tab == "graph":
        ignore_turned(request, page.sheet)


def _has_asked(page: RunPage) -> bool:
    """Return whether the question of the address, if it names one, is or was asked by the run."""
    wanted = page.view.question
    if wanted is None or any(asked.step.suspension == wanted for asked in page.questions):
        return True
    return page.run.steps.filter(suspension=wanted).exists()


def _ignore_timeline(request: HttpRequest, run: Run) -> None:
    timeline = number(request.GET.get("timeline", ""), SMALL_DIGITS)
    if timeline is not None and not 1 <= timeline <= run.timeline:
        address_words.ignore(request, f"timeline={timeline}")


def _remember_tab(request: HttpRequest, response: HttpResponse) -> None:
    if request.GET.get("tab") in TABS:
        response.set_cookie(TAB_COOKIE, request.GET["tab"], samesite="Lax", httponly=True)


def _view(request: HttpRequest, run: Run) -> View:
    view = View.read(request.GET.dict(), run, tab_of(request))
    timeline = number(request.GET.get("timeline", ""), SMALL_DIGITS)
    if view.at is None and timeline is not None:
        # An earlier timeline is the run as it stood at the last event of it.
        last = playback.last_of(run, timeline) if timeline < run.timeline else None
        return replace(view, at=last)
    return view


def part(request: HttpRequest, run_id: str, seen: int | None) -> Part:
    """Return the part that changes: one that holds event number `seen`, or drawn as it stands now.

    The request names the address, the person and the browser's cookies; the time zone is the
    current one. A part that holds a number may have been drawn for somebody else who may do the
    same. Raises `Http404` when there is no such run.
    """

    def draw() -> Part:
        began = time.monotonic()
        found = run_or_404(run_id, has_values=True)
        page = run_page.page_for(found, request.user, _view(request, found))
        html = render_to_string("dashboard/run.html#live", shown(page), request)
        # A form for an answer carries this person's own token, and asks for rights of its own; so
        # does each act on a run whose workflow has a permission.
        is_shared = not page.questions and not graphs.to_act(found)
        return Part(html, found.event_seq, is_shared=is_shared, began=began)

    if seen is None:
        return draw()
    # All that a part depends on besides its run: the address, and who looks how.
    key = request.get_full_path(), tab_of(request), zones.current_name(), may(request.user)
    return parts.get(key, seen, draw)


def tab_of(request: HttpRequest) -> str:
    """Return the tab of a run that this browser looked at last; empty: none."""
    return request.COOKIES.get(TAB_COOKIE, "")


def may(person: actions.Person) -> Hashable:
    """Return all that a person may do; the same for all who may do the same."""
    return frozenset(
        action.permission
        for action in actions.ACTIONS.values()
        if actions.offer(action, person, None).is_possible
    )


@require_safe
@signed_in
def step(request: HttpRequest, run_id: str, path: str) -> HttpResponse:
    """Show one step by itself: what it got, what came of it, its attempts, its items."""
    found = run_or_404(run_id)
    page = step_page.page_for(found, path, request.GET.dict(), request.user)
    if page is None:
        raise Http404(f"Run {run_id} has no step “{path}”; it may not have been reached yet.")
    _ignore_timeline(request, found)
    is_part = request.headers.get("HX-Request") and not request.headers.get(
        "HX-History-Restore-Request"
    )
    part = "#live" if is_part else ""
    return render(request, f"dashboard/step.html{part}", {"run": found, "page": page})


def shown(page: RunPage) -> dict[str, object]:
    """Return what the template needs: the page, and an empty form for each open question."""
    forms = [(question, form_for(page.run, question)) for question in page.opened]
    for question, form in forms:
        if question.step.suspension == page.view.question:
            form.focus_first()
    return {"page": page, "run": page.run, "questions": forms, "tabs": TABS}


def form_for(run: Run, question: run_page.Question) -> SchemaForm:
    """Return the form that answers a question, as it is first shown."""
    schema = question.place.resume_schema if question.place else None
    form = posted.fresh_form(schema, prefix=f"q{question.step.pk}-")
    form.is_locked = not question.offer.is_possible
    return form


@require_safe
@signed_in
def log_page(request: HttpRequest, run_id: str) -> HttpResponse:
    """Show the event log, a hundred at a time, back to the first."""
    found = run_or_404(run_id)
    events = run_page.events_of(found, number(request.GET.get("before", "")))
    context = {"run": found, "events": events, "oldest": events[-1]["seq"] if events else 0}
    return render(request, "dashboard/log.html", context)


@require_safe
@json_for_signed_in
@exact_json
def events(request: HttpRequest, run_id: str) -> HttpResponse:
    """Return the events after a number: the polling twin of the socket."""
    found = Run.objects.only("pk", "event_seq", "status").filter(run_id=run_id).first()
    if found is None:
        error = {"type": "RunNotFound", "message": f"There is no run {run_id!r}.", "details": {}}
        return JsonResponse({"error": error}, status=404)
    after = number(request.GET.get("after", "0")) or 0
    news = log.read(found.pk, after, BATCH) if after < found.event_seq else []
    seq = news[-1]["seq"] if news else min(after, found.event_seq)
    return JsonResponse({"type": "events", "seq": seq, "last": found.event_seq, "events": news})


@require_safe
@signed_in
def value_of_run(request: HttpRequest, run_id: str, field: str) -> HttpResponse:
    """Show one value of a run as a tree; for the page's own script, only the tree."""
    if field not in RUN_FIELDS:
        raise Http404("A run has no such payload.")
    found = run_or_404(run_id)
    payload = cards.payload_of_run(found, field)
    return _value(request, {"run": found, "payload": payload})


@require_safe
@signed_in
def value_of_step(request: HttpRequest, run_id: str, step: int, field: str) -> HttpResponse:
    """Show one value of a step as a tree; for the page's own script, only the tree."""
    found = run_or_404(run_id)
    shown = records.shown(found, [step], previews.TREE_LIMIT)
    if field not in STEP_FIELDS or not shown:
        raise Http404("The run has no step with such a payload.")
    known = cards.payloads_of(found, shown[0])
    payload = next((each for each in known if each.field == field), None)
    return _value(request, {"run": found, "step": shown[0], "payload": payload})


def _value(request: HttpRequest, context: dict[str, object]) -> HttpResponse:
    if request.headers.get("HX-Request"):
        return render(request, "dashboard/value.html#value", context)
    is_dialog = bool(request.headers.get("X-Dialog"))
    shown = {"level": 3 if is_dialog else 2, "is_dialog": is_dialog}
    return render(request, "dashboard/value.html", context | shown)


@require_safe
@signed_in
@exact
def raw_run(request: HttpRequest, run_id: str, field: str) -> HttpResponse:
    """Return one payload of a run as it is stored."""
    if field not in RUN_FIELDS:
        raise Http404("A run has no such payload.")
    found = run_or_404(run_id)
    name = f"{found.workflow_id}-{run_id}-{field}"
    return _raw(request, payloads.read(Run, found.pk, field), name)


@require_safe
@signed_in
@exact
def raw_step(request: HttpRequest, run_id: str, step: int, field: str) -> HttpResponse:
    """Return one payload of a step as it is stored, wherever it stands."""
    if field not in STEP_FIELDS:
        raise Http404("A step has no such payload.")
    rows: QuerySet[StepSnapshot] = StepSnapshot.objects.light().filter(run__run_id=run_id)
    found = get_object_or_404(rows, pk=step)
    name = f"{run_id}-{found.path}-{field}"
    if field == "payload":
        return _raw(request, payloads.payload_of(found), name)
    if field == "output":
        return _raw(request, payloads.output_of(found), name)
    return _raw(request, payloads.read(StepSnapshot, found.pk, field), name)


def _raw(request: HttpRequest, text: str, name: str) -> HttpResponse:
    """Return JSON to be looked at, or with `?download=1` to be kept as a file."""
    response = HttpResponse(masked_text(text), content_type="application/json; charset=utf-8")
    is_kept = request.GET.get("download") == "1"
    file = re.sub(r"[^\w.\[\]-]+", "-", name) + ".json"
    response.headers["Content-Disposition"] = content_disposition_header(is_kept, file) or "inline"
    return response
