"""The inbox: every question that waits for a person, and claiming one."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_safe

from workflows_app import actions
from workflows_app import snoozes as stored
from workflows_app.engine.verbs import assignments
from workflows_app.languages import gettext_lazy
from workflows_app.models import Assignment, StepSnapshot
from workflows_app.planner.statuses import StepStatus

from .. import questions, snoozes, waiting
from ..lists import paging
from ..pages import render
from ..rendering.words import exact
from ..request import drafts, posted
from ..request.access import DOOR, for_answers, json_for_answers, require
from ..request.refusing import refuse_unknown_words_in_json
from . import page as inbox_page
from .page import InboxPage, OpenQuestion
from .query import InboxQuery, key_of, tabs_for

NOT_DONE = gettext_lazy(
    "You are signed in again. Nothing has changed yet: press the button once more."
)
GONE = gettext_lazy("This question is not asked any more, so nothing changed.")
NO_TIME = gettext_lazy("There is no such choice: choose one of the times offered.")


@require_safe
@for_answers
def inbox(request: HttpRequest) -> HttpResponse:
    """Show a tab and the open question; to the page's own script, only the part that changes."""
    query = InboxQuery.read(request.GET.dict()).for_whom(request.user)
    if (after := paging.number(request.GET.get("next", ""))) is not None:
        return _next(request, query, after)
    shown = request.GET.get("rows")
    is_part = shown is not None and bool(request.headers.get("HX-Request"))
    page = _page(request, query, shown if is_part else None)
    detail = _detail(request, query, page)
    context = {
        "query": query,
        "tabs": tabs_for(request.user),
        "page": page,
        "detail": detail,
        "mine": inbox_page.count_mine(request.user),
        "snoozes": snoozes.choices(timezone.now()),
        "may_answer": actions.offer(actions.RESUME, request.user, None),
        **_form(query, detail),
    }
    return render(request, f"dashboard/inbox/page.html{'#live' if is_part else ''}", context)


@require_safe
@json_for_answers
@refuse_unknown_words_in_json
def count(request: HttpRequest) -> HttpResponse:
    """Return how many questions wait for the person, as the menu shows it; empty if none do."""
    return JsonResponse({"waiting": waiting.counted_for(request)})


def _next(request: HttpRequest, query: InboxQuery, after: int) -> HttpResponse:
    """Go to the question after the one that was just answered."""
    return redirect(reverse("signalbox:inbox") + inbox_page.next_link(query, request.user, after))


def _page(request: HttpRequest, query: InboxQuery, shown: str | None) -> InboxPage:
    if shown is None or query.tab == "done":
        return inbox_page.page_of(query, request.user)
    keys = [key for text in shown.split(",") if (key := key_of(text))]
    return inbox_page.page_again(query, request.user, keys)


def _detail(request: HttpRequest, query: InboxQuery, page: InboxPage) -> OpenQuestion | None:
    step = inbox_page.step_of(query.item, request.user) if query.item else None
    if step is None:
        return None
    return inbox_page.detail_of(step, request.user, page.holders)


def _form(query: InboxQuery, detail: OpenQuestion | None) -> dict[str, Any]:
    if detail is None or not detail.is_asking:
        return {}
    form = questions.form_beside(detail.question)
    if not form.is_locked:
        form.focus_first()
    return {
        "form": form,
        "onward": reverse("signalbox:inbox") + query.link(next=detail.question.step.pk),
    }


# Claiming.


@require_http_methods(["GET", "HEAD", "POST"])
@for_answers
@posted.takes("claim")
def claim(request: HttpRequest, suspension: uuid.UUID) -> HttpResponse:
    """Record that this person intends to answer the question."""
    if request.method != "POST":
        return _back(request, suspension, "all")
    step = _asked(request, suspension)
    held = assignments.claim(step, request.user, door=DOOR)
    too_late = gettext("{person} was faster and has claimed the question.")
    return _claimed(request, suspension, held, too_late)


@require_http_methods(["GET", "HEAD", "POST"])
@for_answers
@posted.takes("release")
def release(request: HttpRequest, suspension: uuid.UUID) -> HttpResponse:
    """Give up this person's claim to a question."""
    if request.method != "POST":
        return _back(request, suspension, "mine")
    step = _asked(request, suspension)
    if not assignments.release(step, request.user, door=DOOR):
        messages.info(request, gettext("You had not claimed this question, so nothing changed."))
    return _to(suspension, "open")


@require_http_methods(["GET", "HEAD", "POST"])
@for_answers
@posted.takes("take-over")
def take_over(request: HttpRequest, suspension: uuid.UUID) -> HttpResponse:
    """Ask for confirmation, then take over a question from the person who has claimed it."""
    if request.method == "POST":
        return _taken_over(request, suspension)
    step = _step_or_404(request, suspension)
    held = inbox_page.holders_of([suspension]).get(suspension)
    is_asking = step.status == StepStatus.SUSPENDED
    if held is None or held.person_id == request.user.pk or not is_asking:
        return _to(suspension, "all")
    offer = questions.offer_of(request.user, step.run, step)
    context = {"step": step, "held": held, "offer": offer}
    return render(request, "dashboard/inbox/take_over.html", context)


def _taken_over(request: HttpRequest, suspension: uuid.UUID) -> HttpResponse:
    step = _asked(request, suspension)
    seen = paging.number(request.POST.get("holder", "")) or 0
    held = assignments.claim(step, request.user, instead_of=seen, door=DOOR)
    too_late = gettext("Nothing changed: {person} has claimed it in the meantime.")
    return _claimed(request, suspension, held, too_late)


def _claimed(
    request: HttpRequest, suspension: uuid.UUID, held: Assignment | None, too_late: str
) -> HttpResponse:
    """Say who has the question now, if it is not this person, and lead on."""
    if held is None:
        messages.info(request, GONE)
    elif held.person_id != request.user.pk:
        messages.warning(request, too_late.format(person=held.person.get_username()))
        return _to(suspension, "all")
    return _to(suspension, "mine")


# Snoozing.


@require_http_methods(["GET", "HEAD", "POST"])
@for_answers
@posted.takes("later:")
def put_off(request: HttpRequest, suspension: uuid.UUID) -> HttpResponse:
    """Hide a question from this person for a time, and go to the next one."""
    if request.method != "POST":
        return _back(request, suspension, "all")
    step = _step_or_404(request, suspension)
    query = InboxQuery.read(request.POST.dict())
    if step.status != StepStatus.SUSPENDED:
        messages.info(request, GONE)
        return redirect(reverse("signalbox:inbox") + query.link(item=suspension))
    name = request.POST["op"].removeprefix("later:")
    until = snoozes.put_off(step, request.user, name, door=DOOR)
    if until is None:
        messages.warning(request, NO_TIME)
        return redirect(reverse("signalbox:inbox") + query.link(item=suspension))
    text = gettext("Put off until {until}; others still see it.").format(until=exact(until))
    messages.success(request, text, extra_tags=reverse("signalbox:inbox-again", args=[suspension]))
    return redirect(reverse("signalbox:inbox") + inbox_page.next_link(query, request.user, step.pk))


@require_http_methods(["GET", "HEAD", "POST"])
@for_answers
@posted.takes("again")
def show_again(request: HttpRequest, suspension: uuid.UUID) -> HttpResponse:
    """Show a question again that this person had snoozed."""
    if request.method == "POST" and not stored.show_again(suspension, request.user, door=DOOR):
        messages.info(request, gettext("You had not put this question off, so nothing changed."))
    return _back(request, suspension, "all") if request.method != "POST" else _to(suspension, "all")


def _asked(request: HttpRequest, suspension: uuid.UUID) -> StepSnapshot:
    """Return the step that asks, for a person who may answer it."""
    step = _step_or_404(request, suspension)
    require(questions.right_of(request.user, step.run, step))
    return step


def _step_or_404(request: HttpRequest, suspension: uuid.UUID) -> StepSnapshot:
    step = inbox_page.step_of(suspension, request.user)
    if step is None:
        raise Http404(gettext("There is no such question. Its run may have been deleted."))
    return step


def _back(request: HttpRequest, suspension: uuid.UUID, tab: str) -> HttpResponse:
    """Lead a person who was signed out when they pressed a question's button back to it."""
    drafts.taken(request, NOT_DONE)
    return _to(suspension, tab)


def _to(suspension: uuid.UUID, tab: str) -> HttpResponse:
    return redirect(reverse("signalbox:inbox") + InboxQuery(tab=tab).link(item=suspension))
