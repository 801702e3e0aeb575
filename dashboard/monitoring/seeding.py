"""Counting what was there before anybody asked for counts: once for each database.

It goes over all runs and steps, which takes seconds where there are millions. What the database can
count by itself it does; a run that settled several times is counted as it stands.
"""

from __future__ import annotations

from collections import Counter
from typing import Any, Final

from django.db.models import Count, Max, Sum

from workflows_app.engine.host import transactions
from workflows_app.models import Run, RunEvent, StepSnapshot
from workflows_app.models.sqltext import connection_here
from workflows_app.planner.statuses import SETTLED as SETTLED_STATUSES
from workflows_app.planner.statuses import STEP_ENDED
from workflows_app.results import HIDDEN

from .counting import (
    ATTEMPTS,
    LOST,
    SETTLE_TIME,
    SETTLED,
    SPANS,
    START_TIME,
    STARTED,
    STEPS,
    SUM,
    Counts,
    written,
)
from .models import ONLY, Totals

#: The difference of two moments, less a length, in seconds.
_SECONDS: Final = {
    "postgresql": "EXTRACT(EPOCH FROM ({end} - {begin} - {less}))",
    "sqlite": "((julianday({end}) - julianday({begin})) * 86400.0 - {less} / 1000000.0)",
}
_NONE: Final = {"postgresql": "interval '0'", "sqlite": "0"}
#: The first step of each run, as far as a run has any.
_FIRST: Final = """workflows_app_stepsnapshot s JOIN workflows_app_run r ON r.id = s.run_id
    WHERE s.id IN (SELECT min(id) FROM workflows_app_stepsnapshot GROUP BY run_id)
    AND s.started_at IS NOT NULL AND r.started_at IS NOT NULL"""


def seed() -> None:
    """Write the first totals, unless another process was faster."""
    here = connection_here()
    is_own = here.vendor == "postgresql" and not here.in_atomic_block
    with transactions.atomic():
        if is_own:
            with here.cursor() as cursor:  # all that follows sees one moment
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        last = RunEvent.objects.aggregate(last=Max("pk"))["last"] or 0
        counts = counted()
        row = Totals(pk=ONLY, counted_to=last, counts=written(counts))
        Totals.objects.bulk_create([row], ignore_conflicts=True)


def counted() -> Counts:
    """Return the counts of all runs and steps as they stand."""
    counts: Counts = Counter()
    _count_runs(counts)
    _count_steps(counts)
    ended = "workflows_app_run r WHERE r.ended_at IS NOT NULL AND r.started_at IS NOT NULL"
    _count_times(counts, SETTLE_TIME, "r.workflow_id", _seconds("r.ended_at", "r.idle"), ended)
    _count_times(counts, START_TIME, "s.queue", _seconds("s.started_at"), _FIRST)
    return counts


def _count_runs(counts: Counts) -> None:
    rows = Run.objects.order_by().values_list("workflow", "status")
    for workflow, status, runs, started in rows.annotate(Count("pk"), Count("started_at")):
        counts[STARTED, workflow] += started
        if status in SETTLED_STATUSES:
            counts[SETTLED, workflow, status] += runs


def _count_steps(counts: Counts) -> None:
    rows = StepSnapshot.objects.exclude(kind__in=HIDDEN).order_by()
    found = rows.values_list("run__workflow", "status").annotate(
        Count("pk"), Count("started_at"), Sum("retry_count"), Sum("lost_count")
    )
    for workflow, status, steps, started, retries, lost in found:
        if status in STEP_ENDED:
            counts[STEPS, workflow, status] += steps
        counts[ATTEMPTS, workflow] += started + retries + lost
        counts[LOST,] += lost


def _seconds(end: str, less: str = "") -> str:
    vendor = connection_here().vendor
    return _SECONDS[vendor].format(end=end, begin="r.started_at", less=less or _NONE[vendor])


def _count_times(counts: Counts, name: str, label: str, seconds: str, source: str) -> None:
    """Count times by a label and by span. All parts of the statement are this module's own."""
    cases = " ".join(f"WHEN t.took <= {edge} THEN {n}" for n, edge in enumerate(SPANS[name]))
    for of, span, number, total in _rows(
        f"SELECT t.of, CASE {cases} ELSE {len(SPANS[name])} END AS span, count(*), sum(t.took) "  # noqa: S608 - of ours
        f"FROM (SELECT {label} AS of, {seconds} AS took FROM {source}) t GROUP BY 1, 2"
    ):
        counts[name, of, str(span)] += number
        counts[name, of, SUM] += max(round(float(total) * 1e6), 0)


def _rows(sql: str) -> list[tuple[Any, ...]]:
    with connection_here().cursor() as cursor:
        cursor.execute(sql)
        found: list[tuple[Any, ...]] = cursor.fetchall()
    return found
