"""The pages of one run, the numbers behind it, and its payloads as they are stored."""

import re
import time
from collections.abc import Hashable
from dataclasses import replace

from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404
from django.utils.http import content_disposition_header
from django.utils.translation import gettext
from django.views.decorators.http import require_safe

from workflows_app import actions, languages
from workflows_app.engine.run import log, payloads, step_paths
from workflows_app.jsontext import masked_text
from workflows_app.models import Run, StepSnapshot

from .. import lookup, questions
from ..graph import graphs
from ..lists.paging import SMALL_DIGITS, number
from ..live.shared import Part, parts
from ..pages import render, render_to_string
from ..request import ignoring, zones
from ..request.access import json_for_signed_in, signed_in
from ..request.refusing import refuse_unknown_words, refuse_unknown_words_in_json
from ..values import previews, sight
from . import gathering, playback, records, shown_payloads
from . import step as step_page
from .page import RunPage
from .view import TABS, View

#: Which tab of a run a person opened last.
TAB_COOKIE = "signalbox_tab"

#: The header in which the page's script says which event number it has received.
SEEN = "X-Signalbox-Seen"

#: How many events one answer of the polling twin of the socket has.
BATCH = 200

RUN_FIELDS = frozenset({"input", "result", "error", "state"})
STEP_FIELDS = frozenset({"payload", "output", "error", "suspend_payload", "resume_payload"})


@require_safe
@signed_in
def run(request: HttpRequest, run_id: str) -> HttpResponse:
    """Show a run; to the page's own script, only the part that changes."""
    headers = request.headers
    if headers.get("HX-Request") and not headers.get("HX-History-Restore-Request"):
        response = HttpResponse(part(request, run_id, number(headers.get(SEEN, ""))).html)
        # A part that is fetched because of news, perhaps in a hidden tab, does not count as a
        # choice.
        if headers.get("HX-Trigger-Name") == "tab":
            _remember_tab(request, response)
        return response
    found = lookup.run_or_404(run_id, has_values=True)
    view = _view(request, found)
    page = gathering.page_for(found, request.user, view)
    _ignore_what_is_not_there(request, page)
    response = render(request, "dashboard/run/page.html", context_of(page))
    _remember_tab(request, response)
    return response


def _ignore_what_is_not_there(request: HttpRequest, page: RunPage) -> None:
    """Report words of the address that name something that the run does not have."""
    query = request.GET.dict()
    step = query.get("step", "")
    if step and step_paths.base(step) not in page.graph.entries:
        ignoring.ignore(request, f"step={step}")
    _ignore_timeline(request, page.run)
    if not _has_asked(page):
        ignoring.ignore(request, f"question={query['question']}")
    if page.view.tab == "graph":
        ignoring.ignore_turned(request, page.sheet.unknown)


def _has_asked(page: RunPage) -> bool:
    """Return whether the address names no question, or one that the run has asked."""
    wanted = page.view.question
    if wanted is None or any(asked.step.suspension == wanted for asked in page.questions):
        return True
    return page.run.steps.filter(suspension=wanted).exists()


def _ignore_timeline(request: HttpRequest, run: Run) -> None:
    timeline = number(request.GET.get("timeline", ""), SMALL_DIGITS)
    if timeline is not None and not 1 <= timeline <= run.timeline:
        ignoring.ignore(request, f"timeline={timeline}")


def _remember_tab(request: HttpRequest, response: HttpResponse) -> None:
    if request.GET.get("tab") in TABS:
        response.set_cookie(TAB_COOKIE, request.GET["tab"], samesite="Lax", httponly=True)


def _view(request: HttpRequest, run: Run) -> View:
    view = View.read(request.GET.dict(), run, tab_of(request))
    timeline = number(request.GET.get("timeline", ""), SMALL_DIGITS)
    if view.at is None and timeline is not None:
        # An earlier timeline is shown as the run was at the last event of that timeline.
        last = playback.last_of(run, timeline) if timeline < run.timeline else None
        return replace(view, at=last)
    return view


def part(request: HttpRequest, run_id: str, seen: int | None) -> Part:
    """Return the part that changes: one that includes event number `seen`, or one drawn now.

    The request carries the address, the person and the browser's cookies; the time zone is the
    current one. A part with a number may have been drawn for another person with the same rights.
    Raises `Http404` if there is no such run.
    """

    def draw() -> Part:
        began = time.monotonic()
        found = lookup.run_or_404(run_id, has_values=True)
        page = gathering.page_for(found, request.user, _view(request, found))
        html = render_to_string("dashboard/run/page.html#live", context_of(page), request)
        # A form for an answer carries this person's own token and depends on their rights, and so
        # does each action on a run whose workflow has a permission.
        is_shared = not page.questions and not graphs.to_act(found)
        return Part(html, found.event_seq, is_shared=is_shared, began=began)

    if seen is None:
        return draw()
    # Everything but the run that a part depends on: the address and the person.
    person = zones.current_name(), languages.active(), may(request.user), sight.key()
    key = request.get_full_path(), tab_of(request), *person
    return parts.get(key, seen, draw)


def tab_of(request: HttpRequest) -> str:
    """Return the tab of a run that this browser opened last; empty if it opened none."""
    return request.COOKIES.get(TAB_COOKIE, "")


def may(person: actions.Person) -> Hashable:
    """Return everything that a person may do; equal for all who may do the same."""
    return frozenset(
        action.permission
        for action in actions.ACTIONS.values()
        if actions.offer(action, person, None).is_possible
    )


@require_safe
@signed_in
def step(request: HttpRequest, run_id: str, path: str) -> HttpResponse:
    """Show one step: its input, its result, its attempts, its items."""
    found = lookup.run_or_404(run_id)
    page = step_page.page_for(found, path, request.GET.dict(), request.user)
    if page is None:
        raise Http404(
            gettext("Run {run_id} has no step “{path}”; it may not have been reached yet.").format(
                run_id=run_id, path=path
            )
        )
    _ignore_timeline(request, found)
    is_part = request.headers.get("HX-Request") and not request.headers.get(
        "HX-History-Restore-Request"
    )
    part = "#live" if is_part else ""
    return render(request, f"dashboard/run/step.html{part}", {"run": found, "page": page})


def context_of(page: RunPage) -> dict[str, object]:
    """Return what the template needs: the page, and an empty form for each open question."""
    forms = [(question, questions.form_beside(question)) for question in page.opened]
    for question, form in forms:
        if question.step.suspension == page.view.question:
            form.focus_first()
    return {"page": page, "run": page.run, "questions": forms, "tabs": TABS}


@require_safe
@signed_in
def log_page(request: HttpRequest, run_id: str) -> HttpResponse:
    """Show the event log, a hundred events at a time, back to the first."""
    found = lookup.run_or_404(run_id)
    events = gathering.events_of(found, number(request.GET.get("before", "")))
    context = {"run": found, "events": events, "oldest": events[-1]["seq"] if events else 0}
    return render(request, "dashboard/run/log.html", context)


@require_safe
@json_for_signed_in
@refuse_unknown_words_in_json
def events(request: HttpRequest, run_id: str) -> HttpResponse:
    """Return the events after a number: the polling twin of the socket."""
    found = sight.rows(Run.objects.only("pk", "event_seq").filter(run_id=run_id)).first()
    if found is None:
        error = {
            "type": "RunNotFound",
            "message": gettext("There is no run {run_id!r}.").format(run_id=run_id),
            "details": {},
        }
        return JsonResponse({"error": error}, status=404)
    after = number(request.GET.get("after", "0")) or 0
    read = log.read(found.pk, after, BATCH) if after < found.event_seq else []
    news = [*map(sight.event, read)]
    seq = news[-1]["seq"] if news else min(after, found.event_seq)
    return JsonResponse({"type": "events", "seq": seq, "last": found.event_seq, "events": news})


@require_safe
@signed_in
def value_of_run(request: HttpRequest, run_id: str, field: str) -> HttpResponse:
    """Show one value of a run as a tree; to the page's own script, only the tree."""
    if field not in RUN_FIELDS:
        raise Http404(gettext("A run has no such payload."))
    found = lookup.run_or_404(run_id)
    payload = shown_payloads.one_of_run(found, field)
    return _value(request, {"run": found, "payload": payload})


@require_safe
@signed_in
def value_of_step(request: HttpRequest, run_id: str, step: int, field: str) -> HttpResponse:
    """Show one value of a step as a tree; to the page's own script, only the tree."""
    found = lookup.run_or_404(run_id)
    shown = records.with_keys(found, [step], previews.TREE_LIMIT)
    if field not in STEP_FIELDS or not shown:
        raise Http404(gettext("The run has no step with such a payload."))
    known = shown_payloads.of_record(found, shown[0])
    payload = next((each for each in known if each.field == field), None)
    return _value(request, {"run": found, "step": shown[0], "payload": payload})


def _value(request: HttpRequest, context: dict[str, object]) -> HttpResponse:
    if request.headers.get("HX-Request"):
        return render(request, "dashboard/run/value.html#value", context)
    is_dialog = bool(request.headers.get("X-Dialog"))
    shown = {"level": 3 if is_dialog else 2, "is_dialog": is_dialog}
    return render(request, "dashboard/run/value.html", context | shown)


@require_safe
@signed_in
@refuse_unknown_words
def raw_run(request: HttpRequest, run_id: str, field: str) -> HttpResponse:
    """Return one payload of a run as it is stored."""
    if field not in RUN_FIELDS:
        raise Http404(gettext("A run has no such payload."))
    found = lookup.run_or_404(run_id)
    sight.require_values()
    name = f"{found.workflow_id}-{run_id}-{field}"
    return _raw(request, payloads.read(Run, found.pk, field), name)


@require_safe
@signed_in
@refuse_unknown_words
def raw_step(request: HttpRequest, run_id: str, step: int, field: str) -> HttpResponse:
    """Return one payload of a step as it was given or returned, wherever it is stored."""
    if field not in STEP_FIELDS:
        raise Http404(gettext("A step has no such payload."))
    rows: QuerySet[StepSnapshot] = StepSnapshot.objects.light().filter(run__run_id=run_id)
    found = get_object_or_404(sight.rows(rows, "run__workflow_id"), pk=step)
    sight.require_values()
    name = f"{run_id}-{found.path}-{field}"
    if field == "payload":
        return _raw(request, payloads.payload_of(found), name)
    if field == "output":
        return _raw(request, payloads.output_of(found), name)
    return _raw(request, payloads.read(StepSnapshot, found.pk, field), name)


def _raw(request: HttpRequest, text: str, name: str) -> HttpResponse:
    """Return JSON to look at, or with `?download=1` to save as a file."""
    response = HttpResponse(masked_text(text), content_type="application/json; charset=utf-8")
    is_kept = request.GET.get("download") == "1"
    file = re.sub(r"[^\w.\[\]-]+", "-", name) + ".json"
    response.headers["Content-Disposition"] = content_disposition_header(is_kept, file) or "inline"
    return response
