"""How many steps end in a minute, by queue, among what the newest lines of the logs tell of.

No index holds when steps ended, and none is worth its price on every step. The logs grow in the
order of time, so that their newest lines name the runs in which something happened; a few of those
are looked into, the same with ten runs and with a million.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from django.db.models import Count

from workflows_app.models import RunEvent, StepSnapshot

#: How far back it is looked, at most.
WINDOW: Final = timedelta(minutes=5)
#: Lines of the logs that are looked at, and steps of their runs.
MOST_LINES: Final = 1000
MOST_STEPS: Final = 20_000
MINUTE: Final = 60
#: No run has this key: the question is put also where nothing happened.
NOBODY: Final = uuid.UUID(int=0)


@dataclass(frozen=True)
class Throughput:
    """How many steps ended in a stretch of time before now."""

    span: timedelta
    by_queue: Mapping[str, int] = field(default_factory=dict)

    def a_minute(self, queue: str | None = None) -> str:
        """Return how many steps of a queue, or of all, end in a minute, in figures."""
        ended = sum(self.by_queue.values()) if queue is None else self.by_queue.get(queue, 0)
        rate = ended * MINUTE / max(self.span.total_seconds(), 1)
        # One step in five minutes is not none.
        return f"{rate:,.0f}" if rate >= 10 or rate == 0 else f"{rate:.1f}"  # noqa: PLR2004


def measured(now: datetime) -> Throughput:
    """Return how many steps ended lately; two queries."""
    newest = RunEvent.objects.order_by("-pk").values_list("at", "run")[:MOST_LINES]
    lines = list(newest)
    since = now - WINDOW
    if len(lines) == MOST_LINES:
        # Before the first of them nothing is known of most runs.
        since = max(since, min(at for at, _ in lines))
    runs = {run for at, run in lines if at >= since}
    ended = StepSnapshot.objects.filter(
        run__in=[*runs, NOBODY],
        superseded_on__isnull=True,
        kind="step",
        started_at__isnull=False,
        ended_at__gte=since,
    )
    few = StepSnapshot.objects.filter(pk__in=ended.order_by().values("pk")[:MOST_STEPS])
    counted = few.order_by().values_list("queue").annotate(Count("pk"))
    return Throughput(now - since, dict(counted))
