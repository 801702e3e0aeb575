"""Runs: the list, one run, its result, and what belongs to it."""

from __future__ import annotations

from typing import Any, Final, Literal

from django.db.models import Q, QuerySet
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from pydantic import Field

from workflows_app import finding, results
from workflows_app.api.entry import answers, lists, rules
from workflows_app.api.entry.answers import Answer
from workflows_app.api.entry.doorway import Call
from workflows_app.api.entry.inputs import Include, Moment, Page, Wait
from workflows_app.api.entry.lists import Order
from workflows_app.api.entry.operations import Resource
from workflows_app.api.routes import find, waiting
from workflows_app.api.shapes import audit, errors, questions, related, schemas, steps, values
from workflows_app.api.shapes import runs as run_shapes
from workflows_app.engine.run import payloads, timelines
from workflows_app.jsontext import dumps
from workflows_app.models import Run, StepSnapshot
from workflows_app.planner.statuses import RunStatus
from workflows_app.threads import in_thread

resource: Final = Resource("runs")
MISSING: Final = "RunNotFound"


class RunsQuery(Page, Include):
    """Which runs."""

    status: list[RunStatus] = Field(default_factory=list, description="Any of these.")
    workflow: str | None = None
    resource_id: str | None = None
    tag: list[str] = Field(default_factory=list, description="Any of these.")
    started_after: Moment | None = None
    started_before: Moment | None = None
    run_id: str | None = None
    q: str | None = Field(None, description="A run id or its beginning, or a whole resource id.")
    waiting_for_me: bool = Field(
        default=False, description="With a question that the caller may answer."
    )
    order: Literal["-created_at", "created_at"] = "-created_at"


@resource.get("/runs", gives={200: schemas.page_of(schemas.Run)}, query=RunsQuery,
              refuses=["InvalidCursor"])  # fmt: skip
def list_runs(call: Call) -> Answer:
    """List runs, the newest first."""
    wanted = run_shapes.asked(call)
    return lists.page(
        call,
        lambda: run_shapes.rows(_matching(call), wanted),
        lambda: Order(("pk",), is_newest_first=call.query.order == "-created_at"),
        lambda found: run_shapes.listed(call, found, wanted),
    )


def _matching(call: Call) -> QuerySet[Run]:
    query = call.query
    rows = call.caller.known(Run.objects.all())
    exact = {
        "workflow_id": query.workflow,
        "resource_id": query.resource_id,
        "run_id": query.run_id,
        "started_at__gt": query.started_after,
        "started_at__lt": query.started_before,
        "status__in": [status.value for status in query.status] or None,
    }
    rows = rows.filter(**{name: value for name, value in exact.items() if value is not None})
    if query.tag:
        rows = rows.alias(tags_text=payloads.as_text("tags")).filter(_tagged(query.tag))
    if query.q is not None:
        text = finding.clean(query.q)
        rows = rows.filter(finding.by_id(text) | finding.by_resource(text)) if text else rows
    return rows.filter(questions.waiting_for(call.caller)) if query.waiting_for_me else rows


def _tagged(tags: list[str]) -> Q:
    found = Q()
    for tag in tags:
        found |= Q(tags_text__contains=str(dumps(tag)))
    return found


@resource.get("/runs/{run_id}", gives={200: schemas.Run, 304: None}, query=Include, find=find.run,
              not_found=[MISSING])  # fmt: skip
def get_run(call: Call) -> Answer | HttpResponseBase:
    """Show one run; `If-None-Match` with its `ETag` is answered with 304 while nothing changed."""
    run: Run = call.target
    wanted = run_shapes.asked(call)
    tag = etag(run)
    given = call.request.headers.get("If-None-Match", "")
    if given.strip() == "*" or tag in (
        each.strip().removeprefix("W/") for each in given.split(",")
    ):
        response = HttpResponse(status=304)
        del response["Content-Type"]
        return answers.dressed(response, {"ETag": tag})
    shown = run_shapes.one(call, run.pk, wanted)
    return Answer(shown, headers={"ETag": f'"{shown["revision"]}"'})


def etag(run: Run) -> str:
    """Return what tells whether a run has changed."""
    return f'"{run.revision}"'


# The result.


class ResultQuery(Wait, Include):
    """Whether to wait for it; its values are there without `include`."""


RESULT: Final = ("input", "result", "suspend_payload")


def _names_of_result(call: Call) -> None:
    """Refuse names that a result does not have. Raises InvalidRequest."""
    values.asked(call.caller, call.query.include, RESULT, also={"output": "result"})


@resource.get("/runs/{run_id}/result", gives={200: schemas.Result, 202: schemas.Result},
              query=ResultQuery, find=find.run, ready=_names_of_result,
              not_found=[MISSING])  # fmt: skip
async def get_result(call: Call) -> Answer:
    """Show where a run stands and what came of it; with `wait`, once it has settled."""
    is_settled = not call.query.wait or await waiting.until_settled(call.target.pk, call.query)
    return await in_thread(_result)(call, 200 if is_settled else 202)


def _result(call: Call, status: int) -> Answer:
    run: Run = call.target
    inline = call.query.inline
    wanted = values.all_of(call.caller, ("input", "result"), inline=inline)
    row = run_shapes.rows(Run.objects.all(), wanted).get(pk=run.pk)
    (shown,) = run_shapes.listed(call, [row], wanted)
    of_steps = values.all_of(call.caller, steps.VALUES, inline=inline)
    rows = list(steps.in_order(row))
    listed = steps.listed(call, row, rows, of_steps)
    kept = ("status", "run_id", "workflow_id", "suspended", "trace_id", "input", "result")
    found: dict[str, Any] = {key: shown[key] for key in kept if key in shown}
    found["error"] = _whole_error(call, row)
    found["span_id"] = row.span_id or None
    for step in listed:
        step.pop("withheld", None)
    found["steps"] = {step["path"]: step for step in listed}
    if call.caller.sees_values:
        found["suspend_payload"] = _questions_of(call, row)
    else:
        found["withheld"] = list(RESULT)
    return Answer(found, status)


def _whole_error(call: Call, row: Run) -> Any:
    return errors.shown(getattr(row, "error_text", None), is_whole=call.caller.sees_values)


def _questions_of(call: Call, row: Run) -> dict[str, Any]:
    asking = [step for step in results.suspended_steps(row.pk) if step.kind == "step"]
    most = values.MOST if not call.query.inline else 2**62
    texts = values.of_steps(asking, ["suspend_payload"], most)
    return {
        step.path: values.given(
            texts.get((step.pk, "suspend_payload")),
            steps.value_address(call, row.run_id, step.pk, "suspend_payload"),
        )
        for step in asking
    }


# Its steps.


class StepsQuery(Page, Include):
    """Which steps, with which values."""


BY_START: Final = Order(("began", "pk"), is_newest_first=False)


@resource.get("/runs/{run_id}/steps", gives={200: schemas.page_of(schemas.Step)}, query=StepsQuery,
              find=find.run, not_found=[MISSING], refuses=["InvalidCursor"])  # fmt: skip
def list_steps(call: Call) -> Answer:
    """List the steps of a run in the order of their start."""
    wanted = steps.asked(call)
    return lists.page(
        call,
        lambda: steps.shown_of(call.target),
        lambda: BY_START,
        lambda found: steps.listed(call, call.target, found, wanted),
    )


@resource.get("/runs/{run_id}/steps/{path}", gives={200: schemas.Step}, query=Include,
              find=find.step, not_found=[MISSING, "StepNotFound"])  # fmt: skip
def get_step(call: Call) -> Answer:
    """Show one step, with its values."""
    run, step = call.target
    call.query.include = [*call.query.include, *steps.VALUES]
    wanted = steps.asked(call)
    rows = list(steps.rows(StepSnapshot.objects.filter(pk=step.pk)))
    (shown,) = steps.listed(call, run, rows, wanted)
    return Answer(shown)


@resource.get("/runs/{run_id}/steps/{path}/iterations",
              gives={200: schemas.page_of(schemas.Step)}, query=StepsQuery, find=find.step,
              not_found=[MISSING, "StepNotFound"], refuses=["InvalidCursor"])  # fmt: skip
def list_iterations(call: Call) -> Answer:
    """List the items of a foreach, or the rounds of a loop, in order."""
    run, step = call.target
    wanted = steps.asked(call)
    return lists.page(
        call,
        lambda: steps.inside_of(run, step),
        lambda: Order(("position", "pk"), is_newest_first=False),
        lambda found: steps.listed(call, run, found, wanted),
    )


# What else belongs to it.


@resource.get("/runs/{run_id}/timelines", gives={200: schemas.page_of(schemas.Timeline)},
              query=Page, find=find.run, not_found=[MISSING],
              refuses=["InvalidCursor"])  # fmt: skip
def list_timelines(call: Call) -> Answer:
    """List the timelines of a run, the oldest first, the current one last."""
    rows = timelines.listed(call.target.pk)
    return lists.of_few(
        call,
        [
            {
                "number": row.number,
                "cause": row.cause,
                "step": row.step or None,
                "actor": row.actor or None,
                "started_at": row.started_at,
                "status": row.status,
            }
            for row in rows
        ],
    )


@resource.get("/runs/{run_id}/audit", gives={200: schemas.page_of(schemas.AuditRow)}, query=Page,
              find=find.run, not_found=[MISSING], refuses=["InvalidCursor"])  # fmt: skip
def list_run_audit(call: Call) -> Answer:
    """List who did what to a run, the newest first."""
    return lists.page(
        call,
        lambda: audit.of_run(call.target),
        lambda: Order(("pk",)),
        lambda found: audit.listed(call.caller, found),
    )


@resource.get("/runs/{run_id}/related", gives={200: schemas.page_of(schemas.RelatedRun)},
              query=Page, find=find.run, not_found=[MISSING],
              refuses=["InvalidCursor"])  # fmt: skip
def list_related(call: Call) -> Answer:
    """List the runs that a run belongs to: who started it, what it started, who waits for whom."""
    return lists.of_few(call, related.listed(call.caller, call.target))


class SuspensionsQuery(Page, Include):
    """Which part of the list, and how large values are given, which are there by themselves."""


@resource.get("/runs/{run_id}/suspensions", gives={200: schemas.page_of(schemas.Suspension)},
              query=SuspensionsQuery, find=find.run, not_found=[MISSING],
              refuses=["InvalidCursor"])  # fmt: skip
def list_suspensions(call: Call) -> Answer:
    """List what the steps of a run ask or wait for, the oldest first."""
    questions.check_names(call)
    asking = StepSnapshot.objects.suspended().filter(run=call.target.pk)
    return lists.page(
        call,
        lambda: questions.rows(asking),
        lambda: Order(("pk",), is_newest_first=False),
        lambda found: questions.suspensions(call, found),
    )


@resource.get("/runs/{run_id}/values/{name}", rules.VIEW, gives={200: None}, find=find.run,
              not_found=[MISSING, "NotFound"])  # fmt: skip
def get_value(call: Call) -> HttpResponseBase:
    """Give one value of a run by itself, as the `$ref` of an answer says."""
    call.caller.require(rules.VALUES)
    text = values.named(call.target, call.path["name"])
    return answers.bare(values.whole(text))
