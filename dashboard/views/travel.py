"""Time travel and forks: choose from where and with what, read the plan, then go."""

from dataclasses import replace
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from dashboard import graphs, travel_page
from dashboard.forms.form import SchemaForm
from dashboard.travel_page import INPUT, LONGEST_REASON, Asked, BadChanges
from dashboard.views import drafts, posted
from dashboard.views.access import DOOR, require, run_or_404, signed_in
from workflows_app import Run as WorkflowRun
from workflows_app import actions, errors, get_workflow
from workflows_app.models import Run


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
@posted.takes("pick:", "edit:", "reset:", "plan", "start")
def travel(request: HttpRequest, run_id: str) -> HttpResponse:
    """Show the three parts; begin when that was asked for and the plan still holds."""
    run = run_or_404(run_id)
    draft = drafts.taken(request) if request.method != "POST" else None
    try:
        asked = _asked(request, run, draft)
    except BadChanges as mistake:
        messages.error(request, str(mistake))
        return redirect("run-travel", run_id)
    verb, _, of = request.POST.get("op", "").partition(":")
    if verb == "pick":
        asked = asked.at(of)
    if verb == "edit":
        return _edited(request, run, asked, of)
    if verb == "reset":
        asked = asked.without(of)
    if verb == "start":
        return _begun(request, run, asked)
    return _page(request, run, asked)


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
@posted.takes(posted.SEND, *posted.FIELDS)
def value(request: HttpRequest, run_id: str) -> HttpResponse:
    """Take the form of one value, and show the page with it; nothing is begun by that."""
    run = run_or_404(run_id)
    draft = drafts.taken(request) if request.method != "POST" else None
    if request.method != "POST" and draft is None:
        return redirect("run-travel", run_id)
    try:
        asked = _asked(request, run, draft)
    except BadChanges as mistake:
        messages.error(request, str(mistake))
        return redirect("run-travel", run_id)
    if draft is not None:
        of = draft.get("of", "")
        form = posted.fresh_form(_schema(run, of, asked), draft)
        form.focus_first()
        return _value_page(request, run, (asked, of), form)
    of = request.POST.get("of", "")
    form = posted.form_from(request, _schema(run, of, asked))
    if not form.act() and form.check():
        return _page(request, run, asked.with_value(of, form.draft()))
    return _value_page(request, run, (asked, of), form)


def _asked(request: HttpRequest, run: Run, draft: QueryDict | None) -> Asked:
    given = request.POST if request.method == "POST" else draft
    asked = Asked.read(given or request.GET, path=request.GET.get("from", ""))
    in_place = asked.in_place or (given is None and not run.is_ended)
    return replace(asked, in_place=in_place, order=graphs.of_run(run).paths)


def _live(run: Run) -> WorkflowRun:
    try:
        return get_workflow(run.workflow_id).get_run(run.run_id)
    except errors.WorkflowNotFound:
        raise Http404(
            f"The code of workflow “{run.workflow_id}” is not in this process, so its runs cannot "
            "be steered from here."
        ) from None


def _page(request: HttpRequest, run: Run, asked: Asked, status: int = 200) -> HttpResponse:
    page = travel_page.page_for(run, _live(run), asked)
    context = {
        "run": run,
        "page": page,
        "offer": page.offer(request.user),
        "input_of": INPUT,
        "run_key": posted.run_key(request),
        "longest": LONGEST_REASON,
    }
    return render(request, "dashboard/travel.html", context, status=status)


def _edited(request: HttpRequest, run: Run, asked: Asked, of: str) -> HttpResponse:
    try:
        current = (
            asked.changed[of] if of in asked.changed else travel_page.recorded(run, of, asked.path)
        )
    except BadChanges as mistake:
        messages.warning(request, str(mistake))
        return _page(request, run, asked)
    form = posted.fresh_form(_schema(run, of, asked), value=current)
    return _value_page(request, run, (asked, of), form)


def _value_page(
    request: HttpRequest, run: Run, what: tuple[Asked, str], form: SchemaForm
) -> HttpResponse:
    asked, of = what
    hidden = {
        "of": of,
        "from": asked.path,
        "changed": asked.changed_text,
        "per_step": "1" if asked.per_step else "",
        "mode": "here" if asked.in_place else "new",
        "reason": asked.reason,
    }
    label = f"The input of {asked.path}" if of == INPUT else f"The result of {of}"
    context = {"run": run, "asked": asked, "form": form, "hidden": hidden, "label": label}
    status = 422 if form.complaints else 200
    return render(request, "dashboard/travel_value.html", context, status=status)


def _schema(run: Run, of: str, asked: Asked) -> dict[str, Any] | None:
    place = graphs.of_run(run).places.get(asked.path if of == INPUT else of)
    step = place.step if place else None
    found = (step or {}).get("input_schema" if of == INPUT else "output_schema")
    return dict(found) if found else None


def _begun(request: HttpRequest, run: Run, asked: Asked) -> HttpResponse:
    action = actions.TRAVEL if asked.in_place else actions.FORK
    require(actions.offer(action, request.user, None, graphs.to_act(run)))
    try:
        begun = _set_off(request, _live(run), asked)
    except errors.RunAlreadyStarted:
        return posted.started_already(request, posted.run_key(request))
    except errors.PlanOutdated:
        messages.warning(request, "The run changed meanwhile; here is the new plan.")
        return _page(request, run, asked, status=409)
    except errors.NotPermitted:  # the plan's offer says so
        return _page(request, run, asked, status=403)
    except errors.WorkflowError as refusal:
        messages.error(request, str(refusal))
        return _page(request, run, asked, status=409)
    where = "on a new timeline" if asked.in_place else f"of {run.run_id}, as a new run"
    messages.success(request, f"It goes on from “{asked.path}”, {where}.")
    return redirect("run", begun)


def _set_off(request: HttpRequest, live: WorkflowRun, asked: Asked) -> str:
    """Travel or fork as planned; return the run to watch."""
    token = request.POST.get("token")
    options: dict[str, Any] = {
        **asked.options, "per_step": asked.per_step, "wait": False, "actor": request.user,
        "door": DOOR, "reason": asked.reason,
    }  # fmt: skip
    if asked.in_place:
        live.time_travel(asked.path, plan=token, **options)
        return live.run_id
    if live.plan_time_travel(asked.path, **asked.options).token != token:
        raise errors.PlanOutdated("The run or its workflow has changed since this was planned.")
    return live.fork(asked.path, run_id=posted.run_key(request), **options).run_id
