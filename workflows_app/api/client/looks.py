"""Workflows: what there is, what each looks like, and how many of its runs are alive."""

from __future__ import annotations

from typing import Any, Final

from django.db.models import Count

from workflows_app import list_workflows
from workflows_app.api.client import graphs
from workflows_app.api.client.operations import Query, operation
from workflows_app.api.entry.answers import Answer
from workflows_app.api.entry.doorway import Call
from workflows_app.models import Run
from workflows_app.planner.statuses import RunStatus

#: The statuses that are counted.
COUNTED: Final = (RunStatus.RUNNING.value, RunStatus.SUSPENDED.value)


class ListQuery(Query):
    """How much to tell of each."""

    partial: bool = False


@operation("GET", "workflows", query=ListQuery, find=None)
def list_all(call: Call) -> Answer:
    """List the workflows that can be started, by id."""
    partial = call.query.partial
    known = [each for each in list_workflows() if call.caller.knows_of(each.id)]
    return Answer({each.id: graphs.workflow(each, is_partial=partial) for each in known})


@operation("GET", "workflows/run-counts", find=None)
def count_runs(call: Call) -> Answer:
    """Count the runs of each workflow that run, and those that wait for an answer."""
    found: dict[str, dict[str, Any]] = {
        each.id: dict.fromkeys(COUNTED, 0)
        for each in list_workflows()
        if call.caller.knows_of(each.id)
    }
    rows = Run.objects.filter(status__in=COUNTED).order_by().values_list("workflow", "status")
    for id_, status, number in rows.annotate(Count("pk")):
        if id_ in found:
            found[id_][status] = number
    return Answer(found)


@operation("GET", "workflows/<str:workflow_id>")
def show(call: Call) -> Answer:
    """Show one workflow."""
    return Answer(graphs.workflow(call.target))
