"""The overview: what needs somebody, how much goes on, what is late, what failed, what is slow.

Runs are looked at by key, which is their order of creation, newest first and to a limit: the page
costs the same with a thousand runs and with a hundred million.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from django.db.models import (
    Case,
    Count,
    DurationField,
    ExpressionWrapper,
    F,
    IntegerField,
    Q,
    QuerySet,
    Value,
    When,
    Window,
)
from django.db.models.functions import RowNumber, Substr
from django.urls import reverse

from dashboard import catalogue, ranks, retrying, sparks
from dashboard.filters import first_key
from dashboard.previews import message_in
from workflows_app import conf
from workflows_app.engine import payloads, schedules, workers
from workflows_app.models import Run, Schedule, StepSnapshot
from workflows_app.models.run import PAYLOAD_FIELDS as RUN_PAYLOADS
from workflows_app.models.step import PAYLOAD_FIELDS as STEP_PAYLOADS
from workflows_app.planner.statuses import RunStatus

WINDOWS: Final = {
    "1h": ("1 h", timedelta(hours=1)),
    "24h": ("24 h", timedelta(hours=24)),
    "7d": ("7 d", timedelta(days=7)),
}
USUAL: Final = "24h"

#: So many runs of a window are counted; what is more is said to be.
MOST_COUNTED: Final = 10_000

#: So many finished runs tell which workflows are slow.
MOST_TIMED: Final = 1000
MOST_LINES: Final = 5

#: Steps looked at of each kind that is late.
MOST_LATE: Final = 100

#: For so long a step may wait before somebody asks why.
PATIENCE: Final = timedelta(seconds=5)
TEXT: Final = 2000

_RUN_HEAVY: Final = [f"run__{name}" for name in RUN_PAYLOADS]


@dataclass(frozen=True)
class Counts:
    """How many runs of a window have which status."""

    by_status: Mapping[str, int]
    is_capped: bool
    #: When they were created, by status, as the path of a sparkline.
    sparks: Mapping[str, str] = field(default_factory=dict)

    @property
    def total(self) -> int:
        """How many were counted."""
        return sum(self.by_status.values())


@dataclass(frozen=True)
class Late:
    """One thing that stands still though it should not: in words, where, since when."""

    text: str
    url: str
    name: str
    since: datetime | None


@dataclass(frozen=True)
class Failure:
    """One run that failed, and why."""

    run: Run
    reason: str


@dataclass(frozen=True)
class Slow:
    """One workflow and how long its runs took, without what they waited for people."""

    workflow: str
    title: str
    runs: int
    p50: timedelta
    p95: timedelta


def window_named(text: str) -> str:
    """Return the window that an address names, or the usual one."""
    return text if text in WINDOWS else USUAL


def counts_since(since: datetime, now: datetime) -> Counts:
    """Count the newest runs of a window by status, and when they came, in one query.

    It goes over a range of keys, which hold the time of creation.
    """
    part = (now - since) / sparks.PARTS
    edges = [first_key(since + part * number) for number in range(1, sparks.PARTS)]
    cases = [When(pk__lt=edge, then=Value(number)) for number, edge in enumerate(edges)]
    last = Value(sparks.PARTS - 1)
    rows = Run.objects.filter(pk__gte=first_key(since)).order_by("-pk")[:MOST_COUNTED]
    newest = Run.objects.filter(pk__in=rows.values("pk")).order_by()
    counted = (
        newest.annotate(shown=retrying.shown_status())
        .values_list("shown", Case(*cases, default=last, output_field=IntegerField()))
        .annotate(Count("pk"))
    )
    parts: dict[str, list[int]] = {status.value: [0] * sparks.PARTS for status in RunStatus}
    for status, number, runs in counted:
        parts[status][number] += runs
    found = {status: sum(numbers) for status, numbers in parts.items()}
    paths = {status: sparks.path_of(numbers) for status, numbers in parts.items()}
    return Counts(found, sum(found.values()) >= MOST_COUNTED, paths)


# What is late.


def late(now: datetime) -> list[Late]:
    """Return what stands still: lost steps, queues without a worker, schedules not fired."""
    return [*_lost(now), *_unserved(now), *_overdue(now)][: 2 * MOST_LINES]


def _lost(now: datetime) -> Iterator[Late]:
    since = now - timedelta(seconds=conf.get("LEASE_SECONDS"))
    is_silent = (
        Q(worker__host__isnull=True)
        | Q(worker__stopped_at__isnull=False)
        | Q(worker__heartbeat_at__lt=since)
    )
    held = StepSnapshot.objects.held().filter(is_silent, kind="step")
    for step in _with_runs(held.select_related("worker"))[:MOST_LINES]:
        yield Late(
            f"Step {step.path} runs on a worker that gives no sign of life.",
            reverse("run", args=[step.run.run_id]),
            step.run.workflow.title or step.run.workflow_id,
            step.worker.heartbeat_at if step.worker else step.started_at,
        )


def _unserved(now: datetime) -> Iterator[Late]:
    served = workers.served(now)
    if served is None:
        return
    queued = StepSnapshot.objects.claimable(now).exclude(queue__in=served)
    waiting = queued.filter(queued_at__lt=now - PATIENCE, unknown_since__isnull=True)
    by_queue: dict[str, list[StepSnapshot]] = {}
    for step in _with_runs(waiting)[:MOST_LATE]:
        by_queue.setdefault(step.queue, []).append(step)
    for queue, steps in sorted(by_queue.items()):
        number = f"{MOST_LATE} or more" if len(steps) == MOST_LATE else str(len(steps))
        verb = "step waits" if len(steps) == 1 else "steps wait"
        yield Late(
            f"No worker that is alive serves the queue {queue}: {number} {verb}. Start one: "
            f"manage.py worker --queues {queue}.",
            reverse("run", args=[steps[0].run.run_id]),
            steps[0].run.workflow.title or steps[0].run.workflow_id,
            steps[0].queued_at,
        )


def _with_runs(steps: QuerySet[StepSnapshot]) -> QuerySet[StepSnapshot]:
    found = steps.select_related("run", "run__workflow").order_by("pk")
    return found.defer(*STEP_PAYLOADS, *_RUN_HEAVY)


def _overdue(now: datetime) -> Iterator[Late]:
    rows = Schedule.objects.filter(status=schedules.ACTIVE, is_defined=True)
    due = rows.filter(next_fire_at__lt=now - schedules.GRACE).order_by("next_fire_at")
    for row in due[:MOST_LINES]:
        # With this rule a time waits for the run before it, as it should.
        if row.definition.get("overlap") != "queue":
            yield Late(
                f"The schedule {row.pk} should have fired and did not: no process looks after it.",
                reverse("workflow", args=[row.workflow_id]),
                row.workflow_id,
                row.next_fire_at,
            )


# What failed, and what is slow.


def failures_since(since: datetime) -> list[Failure]:
    """Return the newest failed runs of a window."""
    rows = Run.objects.filter(status=RunStatus.FAILED, pk__gte=first_key(since))
    text = Substr(payloads.as_text("error"), 1, TEXT)
    found = rows.light().annotate(error_text=text).select_related("workflow").order_by("-pk")
    return [
        Failure(run, message_in(getattr(run, "error_text", "")) or "No reason was recorded.")
        for run in found[:MOST_LINES]
    ]


def slowest_since(since: datetime) -> list[Slow]:
    """Return the workflows whose runs took longest, of the newest finished runs of a window.

    The database ranks the runs of each workflow; only those at the two ranks leave it.
    """
    ended = Run.objects.filter(
        pk__gte=first_key(since), ended_at__isnull=False, started_at__isnull=False
    )
    newest = ended.order_by("-pk").values("pk")[:MOST_TIMED]
    lived = ExpressionWrapper(F("ended_at") - F("started_at"), DurationField())
    took = ExpressionWrapper(lived - F("idle"), DurationField())
    ranked = (
        Run.objects.filter(pk__in=newest)
        .annotate(took=took)
        .annotate(
            rank=Window(RowNumber(), partition_by="workflow_id", order_by=["took", "pk"]),
            of=Window(Count("pk"), partition_by="workflow_id"),
        )
        .filter(Q(rank=ranks.nearest(F("of"), 50)) | Q(rank=ranks.nearest(F("of"), 95)))
        .order_by()
    )
    by_workflow: dict[tuple[str, str], list[tuple[int, int, timedelta]]] = {}
    rows = ranked.values_list("workflow_id", "workflow__title", "rank", "of", "took")
    for workflow, title, rank, of, length in rows:
        by_workflow.setdefault((workflow, title), []).append((rank, of, length))
    slow = [
        Slow(workflow, title or workflow, found[0][1], min(found)[2], max(found)[2])
        for (workflow, title), found in by_workflow.items()
    ]
    return sorted(slow, key=lambda each: each.p95, reverse=True)[:MOST_LINES]


# An empty installation.


@dataclass(frozen=True)
class FirstSteps:
    """What is done of the three steps to a first run."""

    workflow: Any
    has_worker: bool

    @property
    def example(self) -> str:
        """The name by which the third step calls a workflow."""
        return self.workflow.id if self.workflow else "orders"


def first_steps(now: datetime) -> FirstSteps | None:
    """Return the three steps while no run was ever made; None after that."""
    if Run.objects.exists():
        return None
    known = catalogue.all_known()
    return FirstSteps(known[0] if known else None, workers.served(now) != frozenset())
