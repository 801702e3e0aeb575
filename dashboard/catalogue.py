"""Which workflows exist: those defined by the code here, and those known only from their runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

from django.db.models import Max
from django.http import Http404
from django.utils.translation import gettext

from workflows_app import (
    actions,
    engine_words,
    errors,
    get_workflow,
    languages,
    list_workflows,
    permissions,
)
from workflows_app.actions import Offer, Person
from workflows_app.definition.changes import Shape, difference, shape_of_json
from workflows_app.models import Workflow, WorkflowVersion

from .forms.wording import humanised
from .graph import graphs
from .graph.graphs import Graph
from .values import sight

MOST_VERSIONS: Final = 20


@dataclass(frozen=True)
class KnownWorkflow:
    """One workflow by name. `defined` is None if no code here defines it."""

    id: str
    graph: Graph
    defined: Any = None
    notes: str = ""
    #: What is stored about it; None if it has never been used, or if all workflows were asked for.
    row: Workflow | None = None

    @property
    def title(self) -> str:
        """The name that people see."""
        return self.graph.json.get("title") or humanised(self.id)

    @property
    def description(self) -> str:
        """What its author says about it."""
        return self.graph.json.get("description") or ""

    @property
    def load(self) -> Callable[[str], object] | None:
        """The function that checks an input by the workflow's own type; None if it takes any."""
        if self.defined is None or not self.defined.validate_inputs:
            return None
        load: Callable[[str], object] = self.defined.input.load
        return load


def all_known() -> list[KnownWorkflow]:
    """Return every workflow that is there for the person who looks, by id."""
    found = {defined.id: _defined(defined) for defined in list_workflows()}
    # The keys of versions rise, so the highest is the latest.
    rows = Workflow.objects.exclude(pk__in=found.keys()).annotate(latest=Max("versions"))
    for row in rows:
        if row.latest is not None:
            found[row.pk] = KnownWorkflow(row.pk, graphs.of_version(row.latest), None, row.notes)
    return [found[key] for key in sorted(found) if sight.knows_of(key)]


def find(workflow_id: str) -> KnownWorkflow | None:
    """Return one workflow; None if there is none for the person who looks."""
    if not sight.knows_of(workflow_id):
        return None
    row = Workflow.objects.filter(pk=workflow_id).first()
    try:
        defined = get_workflow(workflow_id)
    except errors.WorkflowNotFound:
        return _remembered(row) if row else None
    return replace(_defined(defined, row.notes if row else ""), row=row)


def known_or_404(workflow_id: str) -> KnownWorkflow:
    """Return the workflow, or raise Http404, whose page says that there is none."""
    known = find(workflow_id)
    if known is None:
        raise Http404(
            gettext("There is no workflow with the id “{workflow_id}”.").format(
                workflow_id=workflow_id
            )
        )
    return known


def offer_of(person: Person, known: KnownWorkflow) -> Offer:
    """Return whether this person may start the workflow from here, or why not."""
    if known.defined is None:
        return Offer(
            actions.START,
            gettext(
                "The code of this workflow is not in this process, so it cannot be "
                "started from here."
            ),
        )
    return actions.offer(actions.START, person, None, permissions.to_start(known.id))


@dataclass(frozen=True)
class Version:
    """One shape that a workflow has or had."""

    pk: int
    hash: str
    created_at: datetime
    is_present: bool
    #: What the next version changed, as a sentence; empty if only texts differ.
    then: str = ""


def versions_of(known: KnownWorkflow) -> list[Version]:
    """Return the latest versions of a workflow, newest first, each with what changed after it."""
    rows = WorkflowVersion.objects.filter(workflow_id=known.id).order_by("-pk")[:MOST_VERSIONS]
    found: list[Version] = []
    later: Shape | None = None
    present = known.defined.version_hash if known.defined is not None else ""
    for row in rows:
        shape = shape_of_json(row.graph)
        then = engine_words.retold(difference(shape, later)) if later is not None else ""
        found.append(Version(row.pk, row.hash, row.created_at, row.hash == present, then))
        later = shape
    return found


def _defined(defined: Any, notes: str = "") -> KnownWorkflow:
    return KnownWorkflow(defined.id, prepared_graph(defined), defined, notes)


def prepared_graph(defined: Any) -> Graph:
    """Return the graph of a workflow as this process defines it; built once in each language."""
    return _prepared(defined, languages.active())


@lru_cache(maxsize=256)
def _prepared(defined: Any, _language: str) -> Graph:
    return graphs.prepared(defined.graph())


def _remembered(row: Workflow) -> KnownWorkflow | None:
    versions = WorkflowVersion.objects.filter(workflow=row).order_by("-pk")
    latest = versions.values_list("pk", flat=True).first()
    return (
        None
        if latest is None
        else KnownWorkflow(row.pk, graphs.of_version(latest), None, row.notes, row)
    )
