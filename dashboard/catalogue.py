"""What workflows there are: those the code defines here, and those only their runs remember."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

from django.db.models import Max

from dashboard import graphs
from dashboard.forms.wording import humanised
from dashboard.graphs import Graph
from workflows_app import errors, get_workflow, list_workflows
from workflows_app.definition.changes import Shape, difference, shape_of_json
from workflows_app.models import Workflow, WorkflowVersion

MOST_VERSIONS: Final = 20


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
    # Versions are numbered as they come, so the highest is the latest.
    rows = Workflow.objects.exclude(pk__in=found.keys()).annotate(latest=Max("versions"))
    for row in rows:
        if row.latest is not None:
            found[row.pk] = Known(row.pk, graphs.of_version(row.latest), None, row.notes)
    return [found[key] for key in sorted(found)]


def find(workflow_id: str) -> Known | None:
    """Return one workflow, or None."""
    row = Workflow.objects.filter(pk=workflow_id).first()
    try:
        defined = get_workflow(workflow_id)
    except errors.WorkflowNotFound:
        return _remembered(row) if row else None
    return _defined(defined, row.notes if row else "")


@dataclass(frozen=True)
class Version:
    """One shape that a workflow has had."""

    pk: int
    hash: str
    created_at: datetime
    is_present: bool
    #: What is different in the one after it, as a sentence; empty where only words differ.
    then: str = ""


def versions_of(known: Known) -> list[Version]:
    """Return the latest shapes of a workflow, newest first, each with what came after it."""
    rows = WorkflowVersion.objects.filter(workflow_id=known.id).order_by("-pk")[:MOST_VERSIONS]
    found: list[Version] = []
    later: Shape | None = None
    present = known.defined.version_hash if known.defined is not None else ""
    for row in rows:
        shape = shape_of_json(row.graph)
        then = difference(shape, later) if later is not None else ""
        found.append(Version(row.pk, row.hash, row.created_at, row.hash == present, then))
        later = shape
    return found


def _defined(defined: Any, notes: str = "") -> Known:
    return Known(defined.id, prepared_graph(defined), defined, notes)


@lru_cache(maxsize=256)
def prepared_graph(defined: Any) -> Graph:
    """Return the graph of a workflow as this process defines it, made ready once."""
    return graphs.prepared(defined.graph())


def _remembered(row: Workflow) -> Known | None:
    versions = WorkflowVersion.objects.filter(workflow=row).order_by("-pk")
    latest = versions.values_list("pk", flat=True).first()
    return None if latest is None else Known(row.pk, graphs.of_version(latest), None, row.notes)
