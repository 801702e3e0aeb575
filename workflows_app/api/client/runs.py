"""Runs: making one, the list, one run, deleting it, and restarting those that lost their worker."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Final, Literal

from django.db.models import QuerySet
from pydantic import BeforeValidator, Field

from workflows_app import Workflow, permissions
from workflows_app.api.client import records
from workflows_app.api.client.operations import Body, Query, operation
from workflows_app.api.entry import rules
from workflows_app.api.entry.answers import Answer
from workflows_app.api.entry.doorway import Call
from workflows_app.api.entry.refusals import Refusal
from workflows_app.api.routes import find
from workflows_app.engine.run import accepted
from workflows_app.models import Run
from workflows_app.run import Run as LiveRun

#: Runs of a list that is not asked for page by page, and of the largest page.
USUAL: Final = 100
MOST: Final = 1000
#: What offsets and pages may reach.
_LAST: Final = 2**31

Status = Literal[
    "pending", "running", "waiting", "suspended", "paused", "success", "failed", "canceled",
    "bailed", "skipped", "tripwire",
]  # fmt: skip


def named(call: Call, run_id: str) -> LiveRun:
    """Return the run of the workflow of the address. Raises RunNotFound."""
    workflow: Workflow = call.target
    return workflow.get_run(_without_nul(run_id))


def _without_nul(run_id: str) -> str:
    if "\0" in run_id:
        raise Refusal("NotFound", "Not Found")
    return run_id


def made(call: Call, run_id: str | None, resource_id: str | None, given: Any) -> LiveRun:
    """Return the run with this id, made where there is none, for somebody who may start it.

    A wrong input is refused before there is a run, which nobody would come back to.
    """
    workflow: Workflow = call.target
    permissions.require(workflow, call.caller.user)
    if run_id is None or not Run.objects.filter(run_id=run_id).exists():
        accepted.workflow_input(workflow, given)
    return workflow.create_run(run_id, resource_id)


class NewRunQuery(Query):
    """The id of a run."""

    run_id: str | None = None


class NewRun(Body):
    """What a new run is given; there are no scorers to disable."""

    resource_id: str | None = None


@operation(
    "POST", "workflows/<str:workflow_id>/create-run", rules.START, query=NewRunQuery, body=NewRun
)
def create(call: Call) -> Answer:
    """Return a run by its id, and make it where there is none."""
    workflow: Workflow = call.target
    permissions.require(workflow, call.caller.user)
    run = workflow.create_run(call.query.run_id, call.body.resource_id)
    return Answer({"runId": run.run_id})


# Looking.


def _moment(text: object) -> object:
    """Read a moment as JavaScript writes it; one without an offset is in UTC."""
    if not isinstance(text, str):
        return text
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


Moment = Annotated[datetime, BeforeValidator(_moment)]


class RunsQuery(Query):
    """Which runs: by page, or by the older `limit` and `offset`."""

    page: int | None = Field(None, ge=0, le=_LAST)
    per_page: int | None = Field(None, ge=1, le=MOST)
    limit: int | None = Field(None, ge=1, le=MOST)
    offset: int | None = Field(None, ge=0, le=_LAST)
    from_date: Moment | None = None
    to_date: Moment | None = None
    resource_id: str | None = None
    status: Status | None = None

    @property
    def span(self) -> slice:
        """Which of all that match."""
        size = self.per_page or self.limit
        if size is None:
            return slice(0, USUAL)
        page = self.page if self.page is not None else (self.offset or 0) // size
        return slice(page * size, (page + 1) * size)


@operation("GET", "workflows/<str:workflow_id>/runs", query=RunsQuery, find=find.known_workflow)
def list_runs(call: Call) -> Answer:
    """List the runs of a workflow, the newest first."""
    found = _matching(call)
    wanted = records.asked(call)
    page = records.rows(found.order_by("-pk")[call.query.span], wanted)
    stories = [records.Story.of(call, row) for row in page]
    return Answer({"runs": [records.snapshot(each) for each in stories], "total": found.count()})


def _matching(call: Call) -> QuerySet[Run]:
    query = call.query
    exact = {
        "created_at__gte": query.from_date,
        "created_at__lte": query.to_date,
        "resource_id": query.resource_id,
        "status": query.status,
    }
    given = {name: value for name, value in exact.items() if value is not None}
    return Run.objects.filter(workflow_id=call.target, **given)


class RunQuery(Query):
    """What to tell of a run."""

    fields: str = ""
    with_nested_workflows: bool = True

    @property
    def wanted(self) -> frozenset[str] | None:
        """The fields that are named. Raises InvalidRequest for what is none."""
        named = frozenset(part.strip() for part in self.fields.split(",")) - {""}
        if unknown := sorted(named - records.FIELDS):
            raise Refusal(
                "InvalidRequest",
                f"A run has no {', '.join(unknown)} to choose; fields are "
                f"{', '.join(sorted(records.FIELDS))}.",
                unknown=unknown,
            )
        return named or None


RUN: Final = "workflows/<str:workflow_id>/runs/<str:run_id>"


@operation("GET", RUN, query=RunQuery, find=find.known_workflow)
def show(call: Call) -> Answer:
    """Show one run."""
    fields = call.query.wanted
    row = find.run(call)
    if row.workflow_id != call.target:
        raise Refusal("RunNotFound", f"There is no run {row.run_id!r} of this workflow.")
    story = records.read(call, row.pk)
    return Answer(records.one(story, fields, with_nested=call.query.with_nested_workflows))


# Ending.


@operation("DELETE", RUN, rules.DELETE_RUN)
def delete(call: Call) -> Answer:
    """Delete a run that is not active, and all that is known of it."""
    named(call, call.path["run_id"]).delete(**call.acts)
    return Answer({"message": "Workflow run deleted"})


@operation("POST", f"{RUN}/cancel", rules.CANCEL)
def cancel(call: Call) -> Answer:
    """Cancel a run; one that has ended is left as it is."""
    return Answer(named(call, call.path["run_id"]).cancel(**call.acts))


def _restart_all(call: Call) -> Answer:
    """Restart the runs of a workflow that lost their worker."""
    workflow: Workflow = call.target
    permissions.require(workflow, call.caller.user)
    number = len(workflow.restart_all_active_runs(**call.acts))
    return Answer({"message": f"Workflow runs restarted: {number}"})


for _form in ("", "-async"):
    operation(
        "POST",
        f"workflows/<str:workflow_id>/restart-all-active-workflow-runs{_form}",
        rules.STEER,
    )(_restart_all)
