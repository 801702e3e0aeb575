"""Answering a step that asks: the form on a page of its own, and what sending it brings."""

import uuid
from typing import Any, Final

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from workflows_app import actions, errors, get_workflow, refusal_words
from workflows_app.models import Action, Run, StepSnapshot
from workflows_app.planner.statuses import StepStatus

from .. import acts, lookup, questions
from ..forms.decision import DECIDE, AnswerForm
from ..pages import render
from ..questions import Question
from ..request import drafts, posted
from ..request.access import DOOR, for_answers, require
from . import page as inbox_page
from .query import InboxQuery

#: The button that shows the answer as a call in Python and sends nothing.
SHOW: Final = "python"
#: Among how many questions of a run the next one is looked for.
MOST_NEXT: Final = 200


@require_http_methods(["GET", "HEAD", "POST"])
@for_answers
@posted.takes(posted.SEND, f"{posted.SEND}:", f"{DECIDE}:", SHOW, *posted.FIELDS)
def answer(request: HttpRequest, run_id: str, suspension: uuid.UUID) -> HttpResponse:
    """Show one question, and send its answer to the step that asked it and to no other."""
    run = lookup.run_or_404(run_id)
    question = _question(request, run, suspension)
    if question is None or not questions.may_look(request.user, run, question.step):
        return _gone(request, run, None)
    if request.method == "POST":
        return _sent(request, run, question)
    draft = drafts.taken(request)
    form = questions.form_for(question, draft)
    if draft is not None:
        form.focus_first()
    return _page(request, run, question, form, onward=posted.onward(request, draft))


def _sent(request: HttpRequest, run: Run, question: Question) -> HttpResponse:
    require(questions.right_of(request.user, run, question.step))
    form = questions.form_from(request, question)
    if form.act() or form.op == SHOW:
        return _page(request, run, question, form)
    if question.step.status != StepStatus.SUSPENDED:
        return _gone(request, run, question, form)
    if not form.check():
        return _page(request, run, question, form, status=422)
    return _resumed(request, run, question, form)


def _resumed(request: HttpRequest, run: Run, question: Question, form: AnswerForm) -> HttpResponse:
    try:
        get_workflow(run.workflow_id).get_run(run.run_id).resume(
            form.draft(),
            step=question.step.path,
            suspension=str(question.step.suspension),
            actor=request.user,
            door=DOOR,
            wait=False,
        )
    except errors.InvalidResumeData as refusal:
        form.refuse(posted.problems_of(refusal))
        return _page(request, run, question, form, status=422)
    except (errors.ResumeAlreadyClaimed, errors.RunNotSuspended, errors.StepNotSuspended):
        return _gone(request, run, question, form)
    except errors.WorkflowError as refusal:
        form.text_errors.append(refusal_words.of(refusal))
        return _page(request, run, question, form, status=409)
    messages.success(request, acts.ACTS["resume"].done.format(step=question.step.name))
    return posted.go(request, posted.onward(request) or _onward_from(request, run, question.step))


def _onward_from(request: HttpRequest, run: Run, step: StepSnapshot) -> str:
    """Return where to go after an answer: to the run, or to the inbox without that right."""
    if actions.may_view(request.user):
        return _next_in(request, run, step)
    return reverse("signalbox:inbox") + inbox_page.next_link(InboxQuery(), request.user, step.pk)


def _next_in(request: HttpRequest, run: Run, step: StepSnapshot) -> str:
    """Return the run's page with the next question, or the first one, or none."""
    address = reverse("signalbox:run", args=[run.run_id])
    asking = StepSnapshot.objects.asking().filter(run=run.pk).exclude(suspension=step.suspension)
    is_allowed = questions.allowed_for(request.user)
    others = filter(is_allowed, questions.asking_in(asking.order_by("pk"), MOST_NEXT))
    in_turn = sorted(others, key=lambda other: other.pk < step.pk)
    return f"{address}?question={in_turn[0].suspension}" if in_turn else address


def _question(request: HttpRequest, run: Run, suspension: uuid.UUID) -> Question | None:
    """Return the step that asked this, even if it has been answered since."""
    steps = run.steps.current().light().filter(suspension=suspension, kind="step")
    step = questions.with_payload(steps).first()
    return None if step is None else questions.question_of(run, step, request.user)


def _page(
    request: HttpRequest,
    run: Run,
    question: Question,
    form: AnswerForm,
    *,
    status: int = 200,
    onward: str = "",
) -> HttpResponse:
    if status == 200 and not request.POST and question.step.status != StepStatus.SUSPENDED:  # noqa: PLR2004
        return _gone(request, run, question, form)
    is_part = bool(request.headers.get("HX-Request"))
    template = "dashboard/inbox/answer.html#form" if is_part else "dashboard/inbox/answer.html"
    onward = onward or posted.onward(request)
    context = {
        "run": run, "question": question, "form": form, "onward": onward, "is_part": is_part,
    }  # fmt: skip
    return render(request, template, context, status=status)


def _gone(
    request: HttpRequest, run: Run, question: Question | None, form: AnswerForm | None = None
) -> HttpResponse:
    """Say that the question was answered elsewhere, and by whom; the typed text stays readable."""
    if form is not None:
        form.is_locked = True
    context: dict[str, Any] = {
        "run": run,
        "question": question,
        "form": form,
        "onward": posted.onward(request),
        "gone": _who_answered(run, question.step if question else None),
    }
    is_part = context["is_part"] = bool(request.headers.get("HX-Request"))
    template = "dashboard/inbox/answer.html#form" if is_part else "dashboard/inbox/answer.html"
    return render(request, template, context, status=409 if request.method == "POST" else 200)


def _who_answered(run: Run, step: StepSnapshot | None) -> Action | bool:
    given = run.actions.filter(verb="resume").defer("data").order_by("-pk")
    if step is not None:
        given = given.filter(path=step.path)
    return given.first() or True
