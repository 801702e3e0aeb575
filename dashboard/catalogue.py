"""What workflows there are: those the code defines here, and those only their runs remember."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from dashboard import graphs
from dashboard.forms.wording import humanised
from dashboard.graphs import Graph
from workflows_app import errors, get_workflow, list_workflows
from workflows_app.models import Workflow, WorkflowVersion


@dataclass(frozen=True)
class Known:
    """One workflow by name. `defined` is None when no code here defines it."""

    id: str
    graph: Graph
    defined: Any = None
    notes: str = ""

    @property
    def title(self) -> str:
        """What people call it."""
        return self.graph.json.get("title") or humanised(self.id)

    @property
    def description(self) -> str:
        """What its author says of it."""
        return self.graph.json.get("description") or ""

    @property
    def load(self) -> Callable[[str], object] | None:
        """The check of an input by the workflow's own type; None where it takes anything."""
        if self.defined is None or not self.defined.validate_inputs:
            return None
        load: Callable[[str], object] = self.defined.input.load
        return load


def all_known() -> list[Known]:
    """Return every workflow, by id."""
    found = {defined.id: _defined(defined) for defined in list_workflows()}
    for row in Workflow.objects.exclude(pk__in=found.keys()):
        if (known := _remembered(row)) is not None:
            found[row.pk] = known
    return [found[key] for key in sorted(found)]


def find(workflow_id: str) -> Known | None:
    """Return one workflow, or None."""
    row = Workflow.objects.filter(pk=workflow_id).first()
    try:
        defined = get_workflow(workflow_id)
    except errors.WorkflowNotFound:
        return _remembered(row) if row else None
    return _defined(defined, row.notes if row else "")


def _defined(defined: Any, notes: str = "") -> Known:
    return Known(defined.id, _graph(defined), defined, notes)


@lru_cache(maxsize=256)
def _graph(defined: Any) -> Graph:
    return graphs.prepared(defined.graph())


def _remembered(row: Workflow) -> Known | None:
    versions = WorkflowVersion.objects.filter(workflow=row).order_by("-pk")
    latest = versions.values_list("pk", flat=True).first()
    return None if latest is None else Known(row.pk, graphs.of_version(latest), None, row.notes)
