"""The relatives of a run: where it came from, what came from it, its earlier timelines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.db.models import Q, QuerySet

from workflows_app.models import Run, Timeline, Wait
from workflows_app.models.wait import RUN, START

from ..values import sight
from .playback import Moment

MOST: Final = 50


@dataclass(frozen=True)
class Related:
    """Runs and timelines that belong to a run."""

    origin: Run | None
    offspring: list[Run]
    timelines: list[Timeline]
    #: Other runs that were started for the same resource.
    siblings: list[Run]
    #: The run whose step started this one, and the runs that its own steps started.
    parent: Run | None
    children: list[Run]
    #: Runs whose end its steps wait for, and runs with steps that wait for its end.
    awaited: list[Run]
    waiting: list[Run]

    @property
    def is_empty(self) -> bool:
        """Whether the run stands alone."""
        others = (self.offspring, self.timelines, self.siblings, self.children, self.awaited)
        return not (self.origin or self.parent or self.waiting or any(others))


def of(run: Run, earlier: Sequence[Timeline], moment: Moment | None = None) -> Related:
    """Gather the relatives of a run in six queries at most; with a `moment`, until then."""
    runs: QuerySet[Run] = sight.rows(Run.objects.light()).select_related("workflow")
    if moment is not None:
        runs = runs.filter(created_at__lte=moment.at)
        earlier = [row for row in earlier if row.number < moment.timeline]
    origin = runs.filter(run_id=run.origin).first() if run.origin else None
    offspring = list(runs.filter(origin=run.run_id).order_by("-pk")[:MOST])
    siblings: list[Run] = []
    if run.resource_id:
        same = runs.filter(resource_id=run.resource_id).exclude(pk=run.pk)
        siblings = list(same.order_by("-pk")[:MOST])
    return Related(origin, offspring, list(earlier), siblings, **_by_waits(run, runs))


def _by_waits(run: Run, runs: QuerySet[Run]) -> dict[str, Any]:
    """Return the runs that this one started or waits for, and the other way round."""
    notes = list(
        Wait.objects.filter(Q(run=run.pk) | Q(target=run.run_id), kind__in=[START, RUN])
        .order_by("-pk")
        .values_list("kind", "run_id", "target")[: 4 * MOST]
    )
    if not notes:
        return {"parent": None, "children": [], "awaited": [], "waiting": []}
    wanted = Q(pk__in=[key for _, key, _ in notes]) | Q(run_id__in=[name for *_, name in notes])
    found = list(runs.filter(wanted).exclude(pk=run.pk).order_by("-pk"))

    def mine(kind: str) -> list[Run]:
        names = {name for each, key, name in notes if each == kind and key == run.pk}
        return [other for other in found if other.run_id in names][:MOST]

    def of_me(kind: str) -> list[Run]:
        keys = {key for each, key, name in notes if each == kind and name == run.run_id}
        return [other for other in found if other.pk in keys][:MOST]

    return {
        "parent": next(iter(of_me(START)), None),
        "children": mine(START),
        "awaited": mine(RUN),
        "waiting": of_me(RUN),
    }


def earlier_of(run: Run) -> list[Timeline]:
    """Return the timelines that a run has left, oldest first, without their values."""
    left = run.earlier_timelines.defer("result", "error", "state").order_by("number")
    return list(left[:MOST])
