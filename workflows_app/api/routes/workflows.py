"""Workflows: what there is to run, its versions, and creating runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Final, Literal

from pydantic import Field

from workflows_app import get_workflow, permissions
from workflows_app.api.entry import lists, rules
from workflows_app.api.entry.answers import Answer
from workflows_app.api.entry.doorway import Call, Result
from workflows_app.api.entry.inputs import Body, Include, Page, Query, Wait
from workflows_app.api.entry.operations import Resource
from workflows_app.api.entry.refusals import Refusal
from workflows_app.api.routes import find, waiting
from workflows_app.api.routes.verbs import Times, Tracing, times
from workflows_app.api.shapes import runs as run_shapes
from workflows_app.api.shapes import schemas
from workflows_app.definition import registry
from workflows_app.engine.run import accepted, holds
from workflows_app.engine.verbs import schedules
from workflows_app.models import Run, Schedule, WorkflowVersion
from workflows_app.run import Run as LiveRun

resource: Final = Resource("workflows")
MISSING: Final = "WorkflowNotFound"
PARTS: Final = ("graph", "schemas")


class Parts(Query):
    """What to give beside what is always there."""

    include: list[str] = Field(default_factory=list, description="`graph`, `schemas`.")


class WorkflowsQuery(Page, Parts):
    """Which part of the list."""


def _parts(given: Sequence[str]) -> frozenset[str]:
    names = frozenset(name for name in given if name)
    if unknown := sorted(names - set(PARTS)):
        listed = ", ".join(map(repr, unknown))
        raise Refusal(
            "InvalidRequest",
            f"There is nothing called {listed} to include; there is {', '.join(PARTS)}.",
            unknown=unknown,
        )
    return names


@resource.get("/workflows", gives={200: schemas.page_of(schemas.Workflow)}, query=WorkflowsQuery,
              refuses=["InvalidCursor"])  # fmt: skip
def list_workflows(call: Call) -> Answer:
    """List the workflows, by id: those of the code, and those that only their runs remember."""
    parts = _parts(call.query.include)
    stored = WorkflowVersion.objects.order_by().values_list("workflow", flat=True).distinct()
    known = {*stored, *(each.id for each in registry.all())}
    page = lists.of_few(call, sorted(filter(call.caller.knows_of, known)))
    page.data["items"] = _listed(page.data["items"], parts)
    return page


@resource.get("/workflows/{workflow_id}", gives={200: schemas.Workflow}, query=Parts,
              find=find.known_workflow, not_found=[MISSING])  # fmt: skip
def get_workflow_by_id(call: Call) -> Answer:
    """Show one workflow, with its graph or its types where that is asked for."""
    (shown,) = _listed([call.target], _parts(call.query.include))
    return Answer(shown)


def _listed(ids: Sequence[str], parts: frozenset[str]) -> list[dict[str, Any]]:
    rows = Schedule.objects.filter(workflow__in=ids, is_defined=True)
    stored: dict[str, set[str]] = {}
    for id_, key in rows.values_list("workflow", "pk"):
        stored.setdefault(id_, set()).add(key)
    halted = holds.intakes_of(ids)
    return [
        {
            **_shown(id_, parts, len(stored.get(id_, set()) | _of_code(id_))),
            "intake": run_shapes.halted(halted.get(id_)),
        }
        for id_ in ids
    ]


def _of_code(id_: str) -> set[str]:
    """Return the keys of the schedules that code has, which may not be stored yet."""
    definition = registry.find(id_)
    return set() if definition is None else set(schedules.keys_of(definition))


def _shown(id_: str, parts: frozenset[str], number: int) -> dict[str, Any]:
    graph, version = _graph_of(id_)
    found: dict[str, Any] = {
        "id": id_,
        "title": graph.get("title") or "",
        "description": graph.get("description") or "",
        "metadata": graph.get("metadata") or {},
        "permission": graph.get("permission"),
        "version": version,
        "schedules": number,
    }
    if "graph" in parts:
        found["graph"] = graph
    if "schemas" in parts:
        kinds = ("input", "output", "state", "request_context")
        found["schemas"] = {kind: graph.get(f"{kind}_schema") for kind in kinds}
    return found


def _graph_of(id_: str) -> tuple[Mapping[str, Any], str]:
    """Return the graph of a workflow, by the code of this process or as it was stored last."""
    definition = registry.find(id_)
    if definition is not None:
        return definition.graph(), definition.version_hash
    latest = WorkflowVersion.objects.filter(workflow=id_).order_by("-pk").first()
    return ({}, "") if latest is None else (latest.graph, latest.hash)


@resource.get("/workflows/{workflow_id}/versions", gives={200: schemas.page_of(schemas.Version)},
              query=Page, find=find.known_workflow, not_found=[MISSING],
              refuses=["InvalidCursor"])  # fmt: skip
def list_versions(call: Call) -> Answer:
    """List the shapes that a workflow has had, the newest first."""
    rows = WorkflowVersion.objects.filter(workflow=call.target).order_by("-pk")
    stored = list(rows.values_list("hash", "created_at"))
    definition = registry.find(call.target)
    present = definition.version_hash if definition is not None else None
    if present is not None and present not in {hash_ for hash_, _ in stored}:
        stored.insert(0, (present, None))  # type: ignore[arg-type]  # it has had no run yet
    known = [
        {"version": hash_, "created_at": at, "is_current": hash_ == present} for hash_, at in stored
    ]
    return lists.of_few(call, known)


# The intake.


class PauseIntake(Body):
    """What a pause of the intake takes."""

    reason: str = ""


@resource.post("/workflows/{workflow_id}/intake/pause", rules.STEER, body=PauseIntake,
               find=find.workflow, gives={200: schemas.Workflow}, not_found=[MISSING],
               refuses=["InvalidInput"])  # fmt: skip
def pause_intake(call: Call) -> Answer:
    """Keep the workflow's runs that have not begun pending, however they are started."""
    call.target.pause_intake(call.body.reason, **call.acts)
    (shown,) = _listed([call.target.id], frozenset())
    return Answer(shown)


@resource.post("/workflows/{workflow_id}/intake/resume", rules.STEER, find=find.workflow,
               gives={200: schemas.Workflow}, not_found=[MISSING])  # fmt: skip
def resume_intake(call: Call) -> Answer:
    """Let the workflow's runs begin again; those that waited begin now, in order."""
    call.target.resume_intake(**call.acts)
    (shown,) = _listed([call.target.id], frozenset())
    return Answer(shown)


# Creating runs.


class NewRun(Times):
    """What a new run is given."""

    input: Any = None
    run_id: str | None = None
    resource_id: str | None = None
    unique: str | None = Field(None, description="A key that one run of the workflow holds.")
    unique_for: Literal["active", "ever"] | float = Field(
        "active", description="How long the run holds it; a number is seconds from its creation."
    )
    initial_state: dict[str, Any] | None = None
    request_context: dict[str, Any] | None = None
    tags: list[str] | None = None
    tracing_options: Tracing | None = None
    per_step: bool = False
    start: bool = True


class NewRunQuery(Wait, Include):
    """Whether to wait, and which values to give."""


@resource.post(
    "/workflows/{workflow_id}/runs", rules.START, query=NewRunQuery, body=NewRun,
    find=find.workflow, ready=run_shapes.asked, gives={201: schemas.Run, 200: schemas.Run},
    not_found=[MISSING],
    refuses=["InvalidInput", "InvalidRequestContext", "InvalidTraceId", "InvalidId",
             "InvalidDeadline", "RunAlreadyStarted", "RunIdTaken", "PayloadTooLarge"],
)  # fmt: skip
def create_run(call: Call) -> Result:
    """Create a run and start it; the run of a `run_id` that is pending is started, too."""
    body: NewRun = call.body
    until = times(body)
    run, is_new = _created(call)
    status = 201 if is_new else 200
    if not body.start:
        return waiting.shown(call, run.pk, status, is_new=is_new)
    run.start(
        body.input,
        initial_state=body.initial_state,
        per_step=body.per_step,
        request_context=body.request_context,
        tracing_options=_tracing(body),
        **until,
        **call.acts,
        wait=False,
    )
    return waiting.answered(call, run.pk, status, is_new=is_new, begun=run.as_begun())


def _created(call: Call) -> tuple[LiveRun, bool]:
    body: NewRun = call.body
    definition = call.target
    known = Run.objects.filter(run_id=body.run_id).first() if body.run_id is not None else None
    if known is not None and known.workflow_id == definition.id and not body.start:
        return get_workflow(definition.id).get_run(known.run_id), False
    permissions.require(definition, call.caller.user)
    if known is None and body.start:
        if body.unique is None:
            return LiveRun.unwritten(definition, body.run_id, body.resource_id), True
        # Refused before there is a run, which nobody would come back to.
        accepted.workflow_input(definition, body.input)
    run = definition.create_run(
        body.run_id, body.resource_id, unique=body.unique, unique_for=_span(body.unique_for)
    )
    return run, run.is_new


def _span(said: Any) -> Any:
    """Return for how long a run holds its key, as `create_run` takes it."""
    if isinstance(said, str):
        return said
    try:
        return timedelta(seconds=said)
    except (OverflowError, ValueError):
        return said  # refused there


def _tracing(body: NewRun) -> dict[str, Any] | None:
    said = body.tracing_options
    given = None if said is None else said.model_dump(exclude_unset=True)
    return given if body.tags is None else {**(given or {}), "tags": body.tags}
