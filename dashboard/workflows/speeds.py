"""How recent runs of workflows went: how many there were, how many succeeded, how long they took.

For each workflow the newest runs of a day are read, up to a limit, along an index: the cost is the
same with ten runs and with a million. The database ranks them and returns only those at the ranks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

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

from workflows_app.engine.verbs import schedules
from workflows_app.models import Run, Schedule
from workflows_app.planner.statuses import RunStatus

from ..lists.filters import first_key
from ..status import retrying
from ..values import ranks, sight

#: How far back the lists look, and their words for it.
OF_LATE: Final = timedelta(hours=24)
#: How many runs of one workflow are read.
MOST_RUNS: Final = 300
#: For how many workflows one page shows how they go.
MOST_WORKFLOWS: Final = 100
#: How many active runs are counted, the newest.
MOST_ALIVE: Final = 10_000

ALIVE: Final = [RunStatus.RUNNING, RunStatus.WAITING, RunStatus.SUSPENDED, RunStatus.PAUSED]


@dataclass(frozen=True)
class Speed:
    """How the newest runs of a workflow went."""

    runs: int
    ended: int
    succeeded: int
    failed: int
    #: The times within which 50 and 95 % of the runs that ended did so; None if none has ended.
    half: timedelta | None
    most: timedelta | None

    @property
    def is_capped(self) -> bool:
        """Whether there may be more runs than were read."""
        return self.runs >= MOST_RUNS

    @property
    def share(self) -> int | None:
        """How many per cent of the ended runs succeeded; 100 only if all did. None: none ended."""
        return 100 * self.succeeded // self.ended if self.ended else None


def of_late(workflows: Sequence[str], now: datetime) -> dict[str, Speed]:
    """Return how the newest runs of these workflows went in the last day; some have none.

    One query. Of more than `MOST_WORKFLOWS`, the first are used.
    """
    since = first_key(now - OF_LATE)
    return _speeds(
        [Run.objects.filter(workflow=name, pk__gte=since) for name in workflows[:MOST_WORKFLOWS]]
    )


def of_ever(workflow: str) -> Speed | None:
    """Return how the latest ended runs of a workflow went, however old; None if it has none."""
    rows = Run.objects.ended().filter(workflow=workflow, started_at__isnull=False)
    return _speeds([rows]).get(workflow)


def _speeds(samples: Sequence[QuerySet[Run]]) -> dict[str, Speed]:
    if not samples:
        return {}
    names = ("workflow_id", "rank", "runs", "ended", "succeeded", "failed", "took")
    found: dict[str, Speed] = {}
    rows = _at_ranks(_keys_of(samples)).values_list(*names)
    for workflow, rank, runs, ended, succeeded, failed, took in rows:
        known = found.get(workflow)
        is_half = bool(ended) and rank == ranks.nearest(ended, 50)
        half = took if is_half else known.half if known else None
        found[workflow] = Speed(runs, ended, succeeded, failed, half, took)
    return found


def _keys_of(samples: Sequence[QuerySet[Run]]) -> QuerySet[Run, Any]:
    """Return the keys of the newest runs of each sample, in one statement."""
    # SQLite allows no limit in a part of a union, but in a query inside it.
    parts = [
        Run.objects.filter(pk__in=rows.order_by("-pk").values("pk")[:MOST_RUNS])
        .order_by()
        .values("pk")
        for rows in samples
    ]
    return parts[0].union(*parts[1:], all=True) if len(parts) > 1 else parts[0]


def _at_ranks(keys: QuerySet[Run, Any]) -> QuerySet[Run]:
    """Return the runs at the ranks of each workflow: the first, and those at 50 and 95 %.

    Each has the numbers of runs of its workflow, of those that ended, succeeded and failed.
    """
    lived = ExpressionWrapper(F("ended_at") - F("started_at"), DurationField())
    by_length = Window(
        RowNumber(),
        partition_by="workflow_id",
        order_by=[F("took").asc(nulls_last=True), "pk"],
    )
    half, most = (Q(rank=ranks.nearest(F("ended"), per_cent)) for per_cent in (50, 95))
    return (
        Run.objects.filter(pk__in=keys)
        .annotate(took=ExpressionWrapper(lived - F("idle"), DurationField()))
        .annotate(
            rank=by_length,
            runs=_of_workflow(Q()),
            ended=_of_workflow(Q(took__isnull=False)),
            succeeded=_of_workflow(Q(took__isnull=False, status=RunStatus.SUCCESS.value)),
            failed=_of_workflow(Q(status=RunStatus.FAILED.value)),
        )
        .filter(Q(rank=1) | half | most)
        .order_by("rank")
    )


def _of_workflow(condition: Q) -> Window:
    return Window(Count("pk", filter=condition), partition_by="workflow_id")


@dataclass(frozen=True)
class UnderWay:
    """How many runs of each workflow are active, by status."""

    by_workflow: dict[str, dict[str, int]]
    is_capped: bool


def under_way() -> UnderWay:
    """Count the newest active runs, in one query."""
    alive = sight.rows(Run.objects.filter(status__in=ALIVE))
    newest = alive.order_by("-pk").values("pk")[:MOST_ALIVE]
    rows = Run.objects.filter(pk__in=newest).order_by()
    found: dict[str, dict[str, int]] = {}
    total = 0
    counted = rows.annotate(shown=retrying.shown_status()).values_list("workflow", "shown")
    for name, status, number in counted.annotate(Count("pk")):
        found.setdefault(name, {})[status] = number
        total += number
    return UnderWay(found, total >= MOST_ALIVE)


def next_times() -> dict[str, datetime]:
    """Return when a schedule next starts each workflow, by workflow; one query."""
    rows = Schedule.objects.filter(status=schedules.ACTIVE, is_defined=True)
    due = rows.filter(next_fire_at__isnull=False).order_by()
    found = due.values_list("workflow").annotate(Min("next_fire_at"))
    return {workflow: at for workflow, at in found if at is not None}
