"""The schedules: when workflows start by themselves, what came of it, and stopping that."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from dashboard import schedule_pages
from dashboard.paging import Place
from dashboard.schedule_pages import LONGEST_NOTE, Item
from dashboard.views import drafts, posted
from dashboard.views.access import DOOR, require, signed_in
from workflows_app import actions, errors, get_workflow
from workflows_app.actions import Action
from workflows_app.schedules import WorkflowSchedule


@require_safe
@signed_in
def schedules(request: HttpRequest) -> HttpResponse:
    """List every schedule with its next times; for the page's own script, the live part."""
    after = request.GET.get("after", "").replace("\x00", "")
    items, more = schedule_pages.listed(after)
    context = {"items": items, "more": more, "is_first": not after}
    return render(request, f"dashboard/schedules.html{_part(request)}", context)


@require_safe
@signed_in
def schedule(request: HttpRequest, schedule_id: str) -> HttpResponse:
    """Show one schedule: the next times, what came of the last ones, what may be done."""
    item = _item(schedule_id)
    past, page = schedule_pages.history(item.row, Place.read(request.GET.dict()))
    offers = schedule_pages.offers(request.user, item.row)
    context = {
        "item": item,
        "past": past,
        "page": page,
        "offers": offers,
        "reasons": dict.fromkeys(offer.why_not for offer in offers if offer.why_not),
    }
    return render(request, f"dashboard/schedule.html{_part(request)}", context)


def _part(request: HttpRequest) -> str:
    """Return what a template's name ends with where only the part that changes is wanted."""
    return "#live" if request.headers.get("HX-Request") else ""


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
@posted.takes(named="verb")
def act(request: HttpRequest, schedule_id: str, verb: str) -> HttpResponse:
    """Say what will happen, then do it."""
    action = actions.SCHEDULE_ACTIONS[f"{verb}-schedule"]
    item = _item(schedule_id)
    if request.method != "POST":
        return _confirm(request, action, item)
    require(schedule_pages.offer(action, request.user, None, item.row.workflow_id))
    offer = schedule_pages.offer(action, request.user, item.row, item.row.workflow_id)
    if not offer.is_possible:
        messages.warning(request, f"{offer.why_not} Nothing changed.")
        return redirect("schedule", schedule_id)
    if len(request.POST.get("note", "").strip()) > LONGEST_NOTE:
        return _confirm(request, action, item, status=422)
    _do(request, action, item)
    return redirect("schedule", schedule_id)


def _do(request: HttpRequest, action: Action, item: Item) -> None:
    key = posted.run_key(request)
    handle = WorkflowSchedule(get_workflow(item.row.workflow_id), item.row)
    try:
        match action.name:
            case "pause-schedule":
                note = request.POST.get("note", "").strip().replace("\x00", "")
                handle.pause(note, actor=request.user, door=DOOR)
                messages.success(request, "The schedule is paused.")
            case "unpause-schedule":
                handle.unpause(actor=request.user, door=DOOR)
                messages.success(request, "The schedule fires again.")
            case _:
                run = handle.run_now(actor=request.user, door=DOOR, run_id=key)
                messages.success(request, f"The run {run.run_id} was started.")
    except errors.RunAlreadyStarted:
        messages.info(request, f"The run {key} was started already; a form starts one run.")
    except errors.WorkflowError as refusal:
        messages.error(request, str(refusal))


def _confirm(request: HttpRequest, action: Action, item: Item, status: int = 200) -> HttpResponse:
    will, will_not = schedule_pages.consequences(action, item)
    typed = request.POST if request.method == "POST" else drafts.taken(request)
    context = {
        "item": item,
        "action": action,
        "verb": action.name.removesuffix("-schedule"),
        "offer": schedule_pages.offer(action, request.user, item.row, item.row.workflow_id),
        "will": will,
        "will_not": will_not,
        "python": schedule_pages.as_python(action, item),
        "takes_note": action is actions.PAUSE_SCHEDULE,
        "note": typed.get("note", "") if typed else "",
        "longest": LONGEST_NOTE,
        "run_key": posted.run_key(request) if action is actions.TRIGGER_SCHEDULE else "",
        "is_too_long": status != 200,  # noqa: PLR2004 - the form is shown again
    }
    return render(request, "dashboard/schedule_confirm.html", context, status=status)


def _item(schedule_id: str) -> Item:
    found = schedule_pages.find(schedule_id)
    if found is None:
        raise Http404(
            f"There is no schedule with the id “{schedule_id}”. It may have been deleted."
        )
    return found
