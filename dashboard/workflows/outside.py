"""The events that runs of a workflow wait for, and those that are kept for them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.db.models import QuerySet
from django.utils import timezone

from workflows_app.engine.run import waits
from workflows_app.models import OutsideEvent, StepSnapshot, Wait
from workflows_app.models.step import written
from workflows_app.models.wait import EVENT

from ..graph.graphs import Graph

#: The most of each that the page shows.
MOST: Final = 20


@dataclass(frozen=True)
class Outside:
    """What the page of a workflow shows of events."""

    waiting: Sequence[Wait]
    kept: Sequence[OutsideEvent]
    #: Whether there are more than are shown.
    has_more_waiting: bool
    has_more_kept: bool


def of_workflow(workflow_id: str, graph: Graph) -> Outside:
    """Return the latest waits and kept events of a workflow, in two queries.

    Kept are those whose names its graph has, or that its runs wait for now.
    """
    asking = StepSnapshot.objects.filter(
        written("{0}.status = 'suspended'"), awaits=EVENT, run__workflow=workflow_id,
        superseded_on__isnull=True,
    )  # fmt: skip
    newest = asking.order_by("-pk").values("suspension")[: MOST + 1]
    rows = Wait.objects.filter(suspension__in=newest, kind=EVENT, outcome="")
    waiting = list(rows.select_related("run", "step").order_by("-pk"))
    names = {row.name for row in waiting} | set(_named(graph))
    kept = list(_kept(names, timezone.now())) if names else []
    return Outside(waiting[:MOST], kept[:MOST], len(waiting) > MOST, len(kept) > MOST)


def _named(graph: Graph) -> list[str]:
    """Return the names of the events that entries of the graph wait for."""
    return [entry.event for entry in graph.entries.values() if entry.event]


def _kept(names: set[str], now: datetime) -> QuerySet[OutsideEvent]:
    return waits.kept(now).filter(name__in=names).defer("data").order_by("-pk")[: MOST + 1]
