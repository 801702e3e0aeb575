"""The inbox: every question that waits for a person, and claiming one."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from dashboard import inbox_page, paging, snoozes
from dashboard.inbox_page import Detail, Page, Wanted
from dashboard.templatetags.signalbox import exact
from dashboard.views import drafts, posted
from dashboard.views.access import DOOR, for_answers, json_for_answers, require
from dashboard.views.refusing import exact_json
from dashboard.views.run import form_for
from workflows_app import actions
from workflows_app.engine import assignments
from workflows_app.models import StepSnapshot
from workflows_app.planner.statuses import StepStatus

NOT_DONE = "You are signed in again. Nothing has changed yet: press the button once more."
GONE = "This question is not asked any more, so nothing changed."
NO_TIME = "Choose until when to put it off: there is no such choice."


@require_safe
@for_answers
def inbox(request: HttpRequest) -> HttpResponse:
    """Show a tab and the question that is open; for the page's own script, what may change."""
    wanted = Wanted.read(request.GET.dict()).for_whom(request.user)
    if (after := paging.number(request.GET.get("next", ""))) is not None:
        return _next(request, wanted, after)
    shown = request.GET.get("rows")
    is_part = shown is not None and bool(request.headers.get("HX-Request"))
    page = _page(request, wanted, shown if is_part else None)
    detail = _detail(request, wanted, page)
    context = {
        "wanted": wanted,
        "tabs": inbox_page.tabs_for(request.user),
        "page": page,
        "detail": detail,
        "mine": inbox_page.count_mine(request.user),
        "snoozes": snoozes.choices(timezone.now()),
        "may_answer": actions.offer(actions.RESUME, request.user, None),
        **_form(wanted, detail),
    }
    return render(request, f"dashboard/inbox.html{'#live' if is_part else ''}", context)


@require_safe
@json_for_answers
@exact_json
def count(request: HttpRequest) -> HttpResponse:
    """Return how many questions wait for the person, as the menu shows it; empty for none."""
    return JsonResponse({"waiting": inbox_page.counted_for(request)})


def _next(request: HttpRequest, wanted: Wanted, after: int) -> HttpResponse:
    """Go to the question after the one that was just answered."""
    return redirect(reverse("inbox") + inbox_page.next_link(wanted, request.user, after))


def _page(request: HttpRequest, wanted: Wanted, shown: str | None) -> Page:
    if shown is None or wanted.tab == "done":
        return inbox_page.page_of(wanted, request.user)
    keys = [key for text in shown.split(",") if (key := inbox_page.key_of(text))]
    return inbox_page.page_again(wanted, request.user, keys)


def _detail(request: HttpRequest, wanted: Wanted, page: Page) -> Detail | None:
    step = inbox_page.step_of(wanted.item, request.user) if wanted.item else None
    if step is None:
        return None
    return inbox_page.detail_of(step, request.user, page.holders)


def _form(wanted: Wanted, detail: Detail | None) -> dict[str, Any]:
    if detail is None or not detail.is_asking:
        return {}
    form = form_for(detail.run, detail.question)
    if not form.is_locked:
        form.focus_first()
    return {
        "form": form,
        "onward": reverse("inbox") + wanted.link(next=detail.question.step.pk),
    }


# Claiming.


@require_http_methods(["GET", "HEAD", "POST"])
@for_answers
@posted.takes("claim")
def claim(request: HttpRequest, suspension: uuid.UUID) -> HttpResponse:
    """Note that this person means to answer the question."""
    if request.method != "POST":
        return _back(request, suspension, "all")
    step = _asked(request, suspension)
    held = assignments.claim(step, request.user, door=DOOR)
    if held is None:
        messages.info(request, GONE)
    elif held.person_id != request.user.pk:
        text = f"{held.person.get_username()} was faster: the question is claimed already."
        messages.warning(request, text)
        return _to(suspension, "all")
    return _to(suspension, "mine")


@require_http_methods(["GET", "HEAD", "POST"])
@for_answers
@posted.takes("release")
def release(request: HttpRequest, suspension: uuid.UUID) -> HttpResponse:
    """Give a question back that this person had claimed."""
    if request.method != "POST":
        return _back(request, suspension, "mine")
    step = _asked(request, suspension)
    if not assignments.release(step, request.user, door=DOOR):
        messages.info(request, "You had not claimed this question, so nothing changed.")
    return _to(suspension, "open")


@require_http_methods(["GET", "HEAD", "POST"])
@for_answers
@posted.takes("take-over")
def take_over(request: HttpRequest, suspension: uuid.UUID) -> HttpResponse:
    """Ask, then take a question over from the person who had claimed it."""
    if request.method == "POST":
        return _taken_over(request, suspension)
    step = _step_or_404(request, suspension)
    held = inbox_page.holders_of([suspension]).get(suspension)
    is_asking = step.status == StepStatus.SUSPENDED
    if held is None or held.person_id == request.user.pk or not is_asking:
        return _to(suspension, "all")
    offer = actions.offer(actions.RESUME, request.user, step.run, inbox_page.specials_of(step))
    context = {"step": step, "held": held, "offer": offer}
    return render(request, "dashboard/take_over.html", context)


def _taken_over(request: HttpRequest, suspension: uuid.UUID) -> HttpResponse:
    step = _asked(request, suspension)
    seen = paging.number(request.POST.get("holder", "")) or 0
    held = assignments.claim(step, request.user, instead_of=seen, door=DOOR)
    if held is None:
        messages.info(request, GONE)
    elif held.person_id != request.user.pk:
        text = f"Nothing changed: {held.person.get_username()} has claimed it meanwhile."
        messages.warning(request, text)
        return _to(suspension, "all")
    return _to(suspension, "mine")


# Putting off.


@require_http_methods(["GET", "HEAD", "POST"])
@for_answers
@posted.takes("later:")
def put_off(request: HttpRequest, suspension: uuid.UUID) -> HttpResponse:
    """Hide a question from this person for a time, and go on to the next."""
    if request.method != "POST":
        return _back(request, suspension, "all")
    step = _step_or_404(request, suspension)
    wanted = Wanted.read(request.POST.dict())
    if step.status != StepStatus.SUSPENDED:
        messages.info(request, GONE)
        return redirect(reverse("inbox") + wanted.link(item=suspension))
    until = snoozes.put_off(step, request.user, request.POST["op"].removeprefix("later:"))
    if until is None:
        messages.warning(request, NO_TIME)
        return redirect(reverse("inbox") + wanted.link(item=suspension))
    text = f"Put off until {exact(until)}; others still see it."
    messages.success(request, text, extra_tags=reverse("inbox-again", args=[suspension]))
    return redirect(reverse("inbox") + inbox_page.next_link(wanted, request.user, step.pk))


@require_http_methods(["GET", "HEAD", "POST"])
@for_answers
@posted.takes("again")
def show_again(request: HttpRequest, suspension: uuid.UUID) -> HttpResponse:
    """Show a question again that this person had put off."""
    if request.method == "POST" and not snoozes.show_again(suspension, request.user):
        messages.info(request, "You had not put this question off, so nothing changed.")
    return _back(request, suspension, "all") if request.method != "POST" else _to(suspension, "all")


def _asked(request: HttpRequest, suspension: uuid.UUID) -> StepSnapshot:
    """Return the step that asks, for somebody who may answer it."""
    step = _step_or_404(request, suspension)
    require(actions.offer(actions.RESUME, request.user, None, inbox_page.specials_of(step)))
    return step


def _step_or_404(request: HttpRequest, suspension: uuid.UUID) -> StepSnapshot:
    step = inbox_page.step_of(suspension, request.user)
    if step is None:
        raise Http404("There is no such question. Its run may have been deleted.")
    return step


def _back(request: HttpRequest, suspension: uuid.UUID, tab: str) -> HttpResponse:
    """Lead somebody to the question who was signed out when they pressed its button."""
    drafts.taken(request, NOT_DONE)
    return _to(suspension, tab)


def _to(suspension: uuid.UUID, tab: str) -> HttpResponse:
    return redirect(reverse("inbox") + Wanted(tab=tab).link(item=suspension))
