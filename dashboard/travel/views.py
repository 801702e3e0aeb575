"""Time travel and forks: choose the step and the values, read the plan, then go."""

from dataclasses import replace
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods

from workflows_app import Run as WorkflowRun
from workflows_app import actions, errors, get_workflow, refusal_words
from workflows_app.models import Run

from .. import acts, lookup, same
from ..forms.form import SchemaForm
from ..graph import graphs
from ..pages import render
from ..request import drafts, posted
from ..request.access import DOOR, require, signed_in
from . import page as travel_page
from .page import INPUT, LONGEST_REASON, BadChanges, TravelChoice


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
@posted.takes("pick:", "edit:", "reset:", "plan", "start")
def travel(request: HttpRequest, run_id: str) -> HttpResponse:
    """Show the three parts; go if that was asked for and the plan is still the same."""
    run = lookup.run_or_404(run_id)
    draft = drafts.taken(request) if request.method != "POST" else None
    try:
        choice = _chosen(request, run, draft)
    except BadChanges as mistake:
        messages.error(request, str(mistake))
        return redirect("signalbox:run-travel", run_id)
    verb, _, of = request.POST.get("op", "").partition(":")
    if verb == "pick":
        choice = choice.at(of)
    if verb == "edit":
        return _edited(request, run, choice, of)
    if verb == "reset":
        choice = choice.without(of)
    if verb == "start":
        return _begun(request, run, choice)
    return _page(request, run, choice)


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
@posted.takes(posted.SEND, *posted.FIELDS)
def value(request: HttpRequest, run_id: str) -> HttpResponse:
    """Accept the form of one value, and show the page with it; this starts nothing."""
    run = lookup.run_or_404(run_id)
    draft = drafts.taken(request) if request.method != "POST" else None
    if request.method != "POST" and draft is None:
        return redirect("signalbox:run-travel", run_id)
    try:
        choice = _chosen(request, run, draft)
    except BadChanges as mistake:
        messages.error(request, str(mistake))
        return redirect("signalbox:run-travel", run_id)
    if draft is not None:
        of = draft.get("of", "")
        form = posted.fresh_form(_schema(run, of, choice), draft)
        form.focus_first()
        return _value_page(request, run, (choice, of), form)
    of = request.POST.get("of", "")
    form = posted.form_from(request, _schema(run, of, choice))
    if not form.act() and form.check():
        return _page(request, run, choice.with_value(of, form.draft()))
    return _value_page(request, run, (choice, of), form)


def _chosen(request: HttpRequest, run: Run, draft: QueryDict | None) -> TravelChoice:
    given = request.POST if request.method == "POST" else draft
    choice = TravelChoice.read(given or request.GET, path=request.GET.get("from", ""))
    in_place = choice.in_place or (given is None and not run.is_ended)
    return replace(choice, in_place=in_place, order=graphs.of_run(run).paths)


def _live(run: Run) -> WorkflowRun:
    try:
        return get_workflow(run.workflow_id).get_run(run.run_id)
    except errors.WorkflowNotFound:
        raise Http404(
            gettext(
                "The code of workflow “{workflow_id}” is not in this process, so "
                "its runs cannot be steered from here."
            ).format(workflow_id=run.workflow_id)
        ) from None


def _page(request: HttpRequest, run: Run, choice: TravelChoice, status: int = 200) -> HttpResponse:
    page = travel_page.page_for(run, _live(run), choice)
    context = {
        "run": run,
        "page": page,
        "offer": page.offer(request.user),
        "input_of": INPUT,
        "run_key": posted.run_key(request),
        "ways": same.ways(request, page.python, page.calls),
        "longest": LONGEST_REASON,
    }
    return render(request, "dashboard/travel/page.html", context, status=status)


def _edited(request: HttpRequest, run: Run, choice: TravelChoice, of: str) -> HttpResponse:
    try:
        current = (
            choice.changed[of]
            if of in choice.changed
            else travel_page.recorded(run, of, choice.path)
        )
    except BadChanges as mistake:
        messages.warning(request, str(mistake))
        return _page(request, run, choice)
    form = posted.fresh_form(_schema(run, of, choice), value=current)
    return _value_page(request, run, (choice, of), form)


def _value_page(
    request: HttpRequest, run: Run, what: tuple[TravelChoice, str], form: SchemaForm
) -> HttpResponse:
    choice, of = what
    hidden = {
        "of": of,
        "from": choice.path,
        "changed": choice.changed_text,
        "per_step": "1" if choice.per_step else "",
        "mode": "here" if choice.in_place else "new",
        "reason": choice.reason,
    }
    label = (
        gettext("The input of {path}").format(path=choice.path)
        if of == INPUT
        else gettext("The result of {of}").format(of=of)
    )
    context = {"run": run, "choice": choice, "form": form, "hidden": hidden, "label": label}
    status = 422 if form.complaints else 200
    return render(request, "dashboard/travel/change.html", context, status=status)


def _schema(run: Run, of: str, choice: TravelChoice) -> dict[str, Any] | None:
    entry = graphs.of_run(run).entries.get(choice.path if of == INPUT else of)
    step = entry.step if entry else None
    found = (step or {}).get("input_schema" if of == INPUT else "output_schema")
    return dict(found) if found else None


def _begun(request: HttpRequest, run: Run, choice: TravelChoice) -> HttpResponse:
    action = actions.TRAVEL if choice.in_place else actions.FORK
    require(actions.offer(action, request.user, None, graphs.to_act(run)))
    try:
        begun = _set_off(request, _live(run), choice)
    except errors.RunAlreadyStarted:
        return posted.started_already(request, posted.run_key(request))
    except errors.PlanOutdated:
        messages.warning(request, gettext("The run changed meanwhile; here is the new plan."))
        return _page(request, run, choice, status=409)
    except errors.NotPermitted:  # the plan's offer says so
        return _page(request, run, choice, status=403)
    except errors.WorkflowError as refusal:
        messages.error(request, refusal_words.of(refusal))
        return _page(request, run, choice, status=409)
    done = acts.ACTS[action.name].done
    messages.success(request, done.format(step=choice.path, run=run.run_id))
    return redirect("signalbox:run", begun)


def _set_off(request: HttpRequest, live: WorkflowRun, choice: TravelChoice) -> str:
    """Travel or fork as planned; return the run to watch."""
    token = request.POST.get("token")
    options: dict[str, Any] = {
        **choice.options, "per_step": choice.per_step, "wait": False, "actor": request.user,
        "door": DOOR, "reason": choice.reason,
    }  # fmt: skip
    if choice.in_place:
        live.time_travel(choice.path, plan=token, **options)
        return live.run_id
    if live.plan_time_travel(choice.path, **choice.options).token != token:
        raise errors.PlanOutdated(
            gettext("The run or its workflow has changed since this was planned.")
        )
    return live.fork(choice.path, run_id=posted.run_key(request), **options).run_id
