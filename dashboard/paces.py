"""How the runs of workflows went of late: how many, how many of them well, and how long they took.

Of each workflow its newest runs of a day are looked at, to a limit, along an index: the same with
ten runs and with a million. The database ranks them; only those at the ranks leave it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db.models import (
    Count,
    DurationField,
    ExpressionWrapper,
    F,
    Min,
    Q,
    QuerySet,
    Window,
)
from django.db.models.functions import RowNumber

from dashboard import ranks, retrying
from dashboard.filters import first_key
from workflows_app.engine import schedules
from workflows_app.models import Run, Schedule
from workflows_app.planner.statuses import RunStatus

#: How far back the lists look, and what they call it.
OF_LATE: Final = timedelta(hours=24)
#: Runs of one workflow that are looked at.
MOST_RUNS: Final = 300
#: Workflows of which one page tells how they go.
MOST_WORKFLOWS: Final = 100
#: Runs under way that are counted, the newest.
MOST_ALIVE: Final = 10_000

ALIVE: Final = [RunStatus.RUNNING, RunStatus.WAITING, RunStatus.SUSPENDED, RunStatus.PAUSED]


@dataclass(frozen=True)
class Pace:
    """How the newest runs of a workflow went."""

    runs: int
    ended: int
    succeeded: int
    failed: int
    #: Within how long half of those that ended did, and 95 of a hundred; None: none has ended.
    half: timedelta | None
    most: timedelta | None

    @property
    def is_capped(self) -> bool:
        """Whether there may be more runs than were looked at."""
        return self.runs >= MOST_RUNS

    @property
    def share(self) -> int | None:
        """How many of a hundred that ended succeeded; 100 only if all did. None: none has ended."""
        return 100 * self.succeeded // self.ended if self.ended else None


def of_late(workflows: Sequence[str], now: datetime) -> dict[str, Pace]:
    """Return how the newest runs of these workflows went in the last day; some have none.

    One query. Of more than `MOST_WORKFLOWS` the first are looked at.
    """
    since = first_key(now - OF_LATE)
    return _paces(
        [Run.objects.filter(workflow=name, pk__gte=since) for name in workflows[:MOST_WORKFLOWS]]
    )


def of_ever(workflow: str) -> Pace | None:
    """Return how the latest ended runs of a workflow went, of whatever day; None: none has."""
    rows = Run.objects.ended().filter(workflow=workflow, started_at__isnull=False)
    return _paces([rows]).get(workflow)


def _paces(samples: Sequence[QuerySet[Run]]) -> dict[str, Pace]:
    if not samples:
        return {}
    # SQLite takes no limit in a part of a union, but in a query inside it.
    parts = [
        Run.objects.filter(pk__in=rows.order_by("-pk").values("pk")[:MOST_RUNS])
        .order_by()
        .values("pk")
        for rows in samples
    ]
    keys = parts[0].union(*parts[1:], all=True) if len(parts) > 1 else parts[0]
    lived = ExpressionWrapper(F("ended_at") - F("started_at"), DurationField())
    ranked = (
        Run.objects.filter(pk__in=keys)
        .annotate(took=ExpressionWrapper(lived - F("idle"), DurationField()))
        .annotate(
            rank=Window(
                RowNumber(),
                partition_by="workflow_id",
                order_by=[F("took").asc(nulls_last=True), "pk"],
            ),
            runs=_of_workflow(Q()),
            ended=_of_workflow(Q(took__isnull=False)),
            succeeded=_of_workflow(Q(took__isnull=False, status=RunStatus.SUCCESS.value)),
            failed=_of_workflow(Q(status=RunStatus.FAILED.value)),
        )
        .filter(
            Q(rank=1)
            | Q(rank=ranks.nearest(F("ended"), 50))
            | Q(rank=ranks.nearest(F("ended"), 95))
        )
        .order_by("rank")
    )
    names = ("workflow_id", "rank", "runs", "ended", "succeeded", "failed", "took")
    found: dict[str, Pace] = {}
    for workflow, rank, runs, ended, succeeded, failed, took in ranked.values_list(*names):
        known = found.get(workflow)
        is_half = bool(ended) and rank == ranks.nearest(ended, 50)
        half = took if is_half else known.half if known else None
        found[workflow] = Pace(runs, ended, succeeded, failed, half, took)
    return found


def _of_workflow(condition: Q) -> Window:
    return Window(Count("pk", filter=condition), partition_by="workflow_id")


@dataclass(frozen=True)
class UnderWay:
    """How many runs of each workflow are under way, by status."""

    by_workflow: dict[str, dict[str, int]]
    is_capped: bool


def under_way() -> UnderWay:
    """Count the newest runs that are under way, in one query."""
    newest = Run.objects.filter(status__in=ALIVE).order_by("-pk").values("pk")[:MOST_ALIVE]
    rows = Run.objects.filter(pk__in=newest).order_by()
    found: dict[str, dict[str, int]] = {}
    total = 0
    counted = rows.annotate(shown=retrying.shown_status()).values_list("workflow", "shown")
    for name, status, number in counted.annotate(Count("pk")):
        found.setdefault(name, {})[status] = number
        total += number
    return UnderWay(found, total >= MOST_ALIVE)


def next_times() -> dict[str, datetime]:
    """Return when a schedule starts each workflow next, by workflow; one query."""
    rows = Schedule.objects.filter(status=schedules.ACTIVE, is_defined=True)
    due = rows.filter(next_fire_at__isnull=False).order_by()
    found = due.values_list("workflow").annotate(Min("next_fire_at"))
    return {workflow: at for workflow, at in found if at is not None}
