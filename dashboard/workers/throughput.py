"""How many steps end in a minute, by queue, estimated from the newest lines of the logs.

No index has the times when steps ended, and none is worth its cost on every step. The logs grow in
the order of time, so their newest lines name the runs in which something happened. A few of those
are read, the same number with ten runs and with a million.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from django.db.models import Count

from workflows_app import languages
from workflows_app.models import RunEvent, StepSnapshot

from ..values import sight

#: How far back it looks at most.
WINDOW: Final = timedelta(minutes=5)
#: How many lines of the logs are read, and how many steps of their runs.
MOST_LINES: Final = 1000
MOST_STEPS: Final = 20_000
MINUTE: Final = 60
#: No run has this key: the query is the same even if nothing happened.
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
        # One step in five minutes is more than none.
        is_whole = rate >= 10 or rate == 0  # noqa: PLR2004
        return languages.number(rate, 0 if is_whole else 1, is_grouped=True)


def measured(now: datetime) -> Throughput:
    """Return how many steps ended lately; two queries."""
    newest = RunEvent.objects.order_by("-pk").values_list("at", "run")[:MOST_LINES]
    lines = list(newest)
    since = now - WINDOW
    if len(lines) == MOST_LINES:
        # Before the first of these lines, nothing is known of most runs.
        since = max(since, min(at for at, _ in lines))
    runs = {run for at, run in lines if at >= since}
    ended = StepSnapshot.objects.filter(
        run__in=[*runs, NOBODY],
        superseded_on__isnull=True,
        kind="step",
        started_at__isnull=False,
        ended_at__gte=since,
    )
    ended = sight.rows(ended, "run__workflow_id")
    few = StepSnapshot.objects.filter(pk__in=ended.order_by().values("pk")[:MOST_STEPS])
    counted = few.order_by().values_list("queue").annotate(Count("pk"))
    return Throughput(now - since, dict(counted))
