"""Answering a step that asks: the form by itself, and what came of sending it."""

import uuid
from typing import Final

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from dashboard import graphs, inbox_page, previews
from dashboard.forms.form import SchemaForm
from dashboard.run_page import Question
from dashboard.views import drafts, posted
from dashboard.views.access import DOOR, for_answers, require, run_or_404
from workflows_app import actions, errors, get_workflow
from workflows_app.models import Action, Run, StepSnapshot
from workflows_app.planner.statuses import StepStatus

#: The button that shows the answer as a call from Python, and sends nothing.
SHOW: Final = "python"
#: Questions of a run among which the next one is looked for.
MOST_NEXT: Final = 200


@require_http_methods(["GET", "HEAD", "POST"])
@for_answers
@posted.takes(posted.SEND, f"{posted.SEND}:", SHOW, *posted.FIELDS)
def answer(request: HttpRequest, run_id: str, suspension: uuid.UUID) -> HttpResponse:
    """Show one question, and send its answer to the step that asked it, and to no other."""
    run = run_or_404(run_id)
    question = _question(request, run, suspension)
    if question is None or not inbox_page.may_look(request.user, run, question.step):
        return _gone(request, run, None)
    if request.method == "POST":
        return _sent(request, run, question)
    draft = drafts.taken(request)
    form = posted.fresh_form(_schema(question), draft)
    form.is_locked = not question.offer.is_possible
    if draft is not None:
        form.focus_first()
    return _page(request, run, question, form, onward=posted.onward(request, draft))


def _sent(request: HttpRequest, run: Run, question: Question) -> HttpResponse:
    require(actions.offer(actions.RESUME, request.user, None, graphs.to_answer(run, question.step)))
    form = posted.form_from(request, _schema(question))
    if form.act() or form.op == SHOW:
        return _page(request, run, question, form)
    if question.step.status != StepStatus.SUSPENDED:
        return _gone(request, run, question, form)
    if not form.check():
        return _page(request, run, question, form, status=422)
    return _resumed(request, run, question, form)


def _resumed(request: HttpRequest, run: Run, question: Question, form: SchemaForm) -> HttpResponse:
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
        form.text_errors.append(str(refusal))
        return _page(request, run, question, form, status=409)
    messages.success(request, f"Your answer to “{question.step.name}” was taken. The run goes on.")
    return posted.go(request, posted.onward(request) or _onward_from(request, run, question.step))


def _onward_from(request: HttpRequest, run: Run, step: StepSnapshot) -> str:
    """Return where to go from an answer: to the run, or to the inbox for those who see no runs."""
    if actions.may_view(request.user):
        return _next_in(request, run, step)
    return reverse("inbox") + inbox_page.next_link(inbox_page.Wanted(), request.user, step.pk)


def _next_in(request: HttpRequest, run: Run, step: StepSnapshot) -> str:
    """Return the page of the run with the question after this one, or the first; or without."""
    address = reverse("run", args=[run.run_id])
    asking = StepSnapshot.objects.asking().filter(run=run.pk).exclude(suspension=step.suspension)
    rows = asking.order_by("pk").values_list("pk", "suspension", *inbox_page.ANSWERABLE)
    may = inbox_page.allowed_for(request.user)
    keys = [(pk, key) for pk, key, *of in rows[:MOST_NEXT] if may(tuple(of))]
    after = [key for pk, key in keys if pk > step.pk] or [key for _, key in keys]
    return f"{address}?question={after[0]}" if after else address


def _question(request: HttpRequest, run: Run, suspension: uuid.UUID) -> Question | None:
    """Return the step that asked this, also when it has been answered since."""
    steps = run.steps.current().light().filter(suspension=suspension, kind="step")
    step = previews.with_previews(steps, ["suspend_payload"]).first()
    if step is None:
        return None
    place = graphs.place_of(run, step)
    payload = previews.preview_of(step, "suspend_payload")
    offer = actions.offer(actions.RESUME, request.user, run, graphs.to_answer(run, step))
    return Question(step, place, payload, offer)


def _schema(question: Question) -> dict[str, object] | None:
    return dict(question.place.resume_schema or {}) if question.place else None


def _page(
    request: HttpRequest,
    run: Run,
    question: Question,
    form: SchemaForm,
    *,
    status: int = 200,
    onward: str = "",
) -> HttpResponse:
    if status == 200 and not request.POST and question.step.status != StepStatus.SUSPENDED:  # noqa: PLR2004
        return _gone(request, run, question, form)
    is_part = bool(request.headers.get("HX-Request"))
    template = "dashboard/answer.html#form" if is_part else "dashboard/answer.html"
    onward = onward or posted.onward(request)
    context = {"run": run, "question": question, "form": form, "onward": onward}
    return render(request, template, context, status=status)


def _gone(
    request: HttpRequest, run: Run, question: Question | None, form: SchemaForm | None = None
) -> HttpResponse:
    """Say that the question was answered elsewhere, and by whom; what was typed stays to read."""
    if form is not None:
        form.is_locked = True
    context = {
        "run": run,
        "question": question,
        "form": form,
        "onward": posted.onward(request),
        "gone": _who_answered(run, question.step if question else None),
    }
    is_part = bool(request.headers.get("HX-Request"))
    template = "dashboard/answer.html#form" if is_part else "dashboard/answer.html"
    return render(request, template, context, status=409 if request.method == "POST" else 200)


def _who_answered(run: Run, step: StepSnapshot | None) -> Action | bool:
    given = run.actions.filter(verb="resume").defer("data").order_by("-pk")
    if step is not None:
        given = given.filter(path=step.path)
    return given.first() or True
