"""What a run is related to: where it came from, what came of it, its earlier timelines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from django.db.models import QuerySet

from dashboard.playback import Moment
from workflows_app.models import Run, Timeline

MOST: Final = 50


@dataclass(frozen=True)
class Related:
    """Runs and timelines that belong to a run."""

    origin: Run | None
    offspring: list[Run]
    timelines: list[Timeline]
    #: Others that were started for the same resource.
    siblings: list[Run]


def of(run: Run, earlier: Sequence[Timeline], moment: Moment | None = None) -> Related:
    """Gather what a run is related to, in three queries at most; with a `moment`, by then."""
    runs: QuerySet[Run] = Run.objects.light().select_related("workflow")
    if moment is not None:
        runs = runs.filter(created_at__lte=moment.at)
        earlier = [row for row in earlier if row.number < moment.timeline]
    origin = runs.filter(run_id=run.origin).first() if run.origin else None
    offspring = list(runs.filter(origin=run.run_id).order_by("-pk")[:MOST])
    siblings: list[Run] = []
    if run.resource_id:
        same = runs.filter(resource_id=run.resource_id).exclude(pk=run.pk)
        siblings = list(same.order_by("-pk")[:MOST])
    return Related(origin, offspring, list(earlier), siblings)


def earlier_of(run: Run) -> list[Timeline]:
    """Return the timelines that a run has left, oldest first, without their values."""
    left = run.earlier_timelines.defer("result", "error", "state").order_by("number")
    return list(left[:MOST])
