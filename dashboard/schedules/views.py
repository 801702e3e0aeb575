"""The schedules: when workflows start by themselves, what happened then, and pausing them."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_safe

from workflows_app import errors, get_workflow, refusal_words
from workflows_app.schedules import WorkflowSchedule

from .. import same
from ..lists.paging import Cursor
from ..pages import render
from ..request import drafts, posted
from ..request.access import DOOR, require, signed_in
from . import acts
from . import page as schedule_pages
from .acts import ScheduleAct, SentForm
from .page import LONGEST_NOTE, ScheduleRow


@require_safe
@signed_in
def schedules(request: HttpRequest) -> HttpResponse:
    """List every schedule with its next times; to the page's own script, only the live part."""
    after = request.GET.get("after", "").replace("\x00", "")
    items, more = schedule_pages.listed(after)
    context = {"items": items, "more": more, "is_first": not after}
    return render(request, f"dashboard/schedules/page.html{_part(request)}", context)


@require_safe
@signed_in
def schedule(request: HttpRequest, schedule_id: str) -> HttpResponse:
    """Show one schedule: the next times, the outcome of the last ones, and what may be done."""
    item = _item(schedule_id)
    past, page = schedule_pages.history(item.row, Cursor.read(request.GET.dict()))
    offers = acts.offers_of(request.user, item.row)
    context = {
        "item": item,
        "past": past,
        "page": page,
        "offers": offers,
        "reasons": dict.fromkeys(offer.why_not for offer in offers if offer.why_not),
    }
    return render(request, f"dashboard/schedules/schedule.html{_part(request)}", context)


def _part(request: HttpRequest) -> str:
    """Return the suffix of the template's name if only the part that changes is wanted."""
    return "#live" if request.headers.get("HX-Request") else ""


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
@posted.takes(named="verb")
def act(request: HttpRequest, schedule_id: str, verb: str) -> HttpResponse:
    """Say what will happen, then do it."""
    chosen = acts.ACTS[verb]
    item = _item(schedule_id)
    if request.method != "POST":
        return _confirm(request, chosen, item)
    require(acts.offer_of(chosen.action, request.user, None, item.row.workflow_id))
    offer = acts.offer_of(chosen.action, request.user, item.row, item.row.workflow_id)
    if not offer.is_possible:
        messages.warning(
            request, gettext("{why_not} Nothing changed.").format(why_not=offer.why_not)
        )
        return redirect("signalbox:schedule", schedule_id)
    if len(request.POST.get("note", "").strip()) > LONGEST_NOTE:
        return _confirm(request, chosen, item, status=422)
    _do(request, chosen, item)
    return redirect("signalbox:schedule", schedule_id)


def _do(request: HttpRequest, chosen: ScheduleAct, item: ScheduleRow) -> None:
    key = posted.run_key(request)
    handle = WorkflowSchedule(get_workflow(item.row.workflow_id), item.row)
    note = request.POST.get("note", "").strip().replace("\x00", "")
    try:
        done = chosen.perform(handle, SentForm(request.user, DOOR, key, note))
        messages.success(request, done)
    except errors.RunAlreadyStarted:
        messages.info(
            request,
            gettext("The run {key} was started already; a form starts one run.").format(key=key),
        )
    except errors.WorkflowError as refusal:
        messages.error(request, refusal_words.of(refusal))


def _confirm(
    request: HttpRequest, chosen: ScheduleAct, item: ScheduleRow, status: int = 200
) -> HttpResponse:
    will, will_not = chosen.says(item)
    typed = request.POST if request.method == "POST" else drafts.taken(request)
    context = {
        "item": item,
        "act": chosen,
        "action": chosen.action,
        "offer": acts.offer_of(chosen.action, request.user, item.row, item.row.workflow_id),
        "will": will,
        "will_not": will_not,
        "ways": same.ways(request, chosen.python(item), [chosen.call(item)]),
        "note": typed.get("note", "") if typed else "",
        "longest": LONGEST_NOTE,
        "run_key": posted.run_key(request) if chosen.starts_a_run else "",
        "is_too_long": status != 200,  # noqa: PLR2004 - the form is shown again
    }
    return render(request, "dashboard/schedules/confirm.html", context, status=status)


def _item(schedule_id: str) -> ScheduleRow:
    found = schedule_pages.find(schedule_id)
    if found is None:
        raise Http404(
            gettext(
                "There is no schedule with the id “{schedule_id}”. It may have been deleted."
            ).format(schedule_id=schedule_id)
        )
    return found
