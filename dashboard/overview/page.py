"""The overview: what needs somebody, how much happens, what is late, what failed, what is slow.

Runs are read by key, which is their order of creation, newest first and up to a limit, so the page
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
from django.utils.translation import gettext, ngettext

from workflows_app import conf, languages
from workflows_app.engine.host import workers
from workflows_app.engine.run import payloads
from workflows_app.engine.verbs import schedules
from workflows_app.languages import gettext_lazy
from workflows_app.models import Run, Schedule, StepSnapshot
from workflows_app.models.run import PAYLOAD_FIELDS as RUN_PAYLOADS
from workflows_app.models.step import PAYLOAD_FIELDS as STEP_PAYLOADS
from workflows_app.planner.statuses import RunStatus

from .. import catalogue
from ..lists.filters import first_key
from ..status import retrying
from ..values import ranks, sight
from ..values.previews import message_in
from . import sparks

WINDOWS: Final = {
    "1h": (gettext_lazy("1 h"), timedelta(hours=1)),
    "24h": (gettext_lazy("24 h"), timedelta(hours=24)),
    "7d": (gettext_lazy("7 d"), timedelta(days=7)),
}
USUAL: Final = "24h"

#: How many runs of a window are counted; if there are more, the page says so.
MOST_COUNTED: Final = 10_000

#: How many finished runs are used to find the slow workflows.
MOST_TIMED: Final = 1000
MOST_LINES: Final = 5

#: How many late steps of each kind are looked at.
MOST_LATE: Final = 100

#: How long a step may wait before the page shows it as late.
PATIENCE: Final = timedelta(seconds=5)
TEXT: Final = 2000

_RUN_HEAVY: Final = [f"run__{name}" for name in RUN_PAYLOADS]


@dataclass(frozen=True)
class RunCounts:
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
    """One thing that does not move although it should: a sentence, a link, a time."""

    text: str
    url: str
    name: str
    since: datetime | None


@dataclass(frozen=True)
class FailedRun:
    """One run that failed, and why."""

    run: Run
    reason: str


@dataclass(frozen=True)
class SlowWorkflow:
    """One workflow and how long its runs took, without waits for people."""

    workflow: str
    title: str
    runs: int
    p50: timedelta
    p95: timedelta


def window_named(text: str) -> str:
    """Return the window that an address names, or the default."""
    return text if text in WINDOWS else USUAL


def counts_since(since: datetime, now: datetime) -> RunCounts:
    """Count the newest runs of a window by status and by their time of creation, in one query.

    It reads a range of keys, because keys contain the time of creation.
    """
    part = (now - since) / sparks.PARTS
    edges = [first_key(since + part * number) for number in range(1, sparks.PARTS)]
    cases = [When(pk__lt=edge, then=Value(number)) for number, edge in enumerate(edges)]
    last = Value(sparks.PARTS - 1)
    created = sight.rows(Run.objects.filter(pk__gte=first_key(since)))
    rows = created.order_by("-pk")[:MOST_COUNTED]
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
    return RunCounts(found, sum(found.values()) >= MOST_COUNTED, paths)


# What is late.


def late(now: datetime) -> list[Late]:
    """Return what should move and does not: lost steps, queues without a worker, schedules."""
    return [*_lost(now), *_unserved(now), *_overdue(now)][: 2 * MOST_LINES]


def _lost(now: datetime) -> Iterator[Late]:
    since = now - timedelta(seconds=conf.get("LEASE_SECONDS"))
    is_silent = (
        Q(worker__host__isnull=True)
        | Q(worker__stopped_at__isnull=False)
        | Q(worker__heartbeat_at__lt=since)
    )
    held = StepSnapshot.objects.held().filter(is_silent, kind="step")
    held = sight.rows(held, "run__workflow_id")
    for step in _with_runs(held.select_related("worker"))[:MOST_LINES]:
        yield Late(
            gettext("Step {path} runs on a worker that gives no sign of life.").format(
                path=step.path
            ),
            reverse("signalbox:run", args=[step.run.run_id]),
            step.run.workflow.title or step.run.workflow_id,
            step.worker.heartbeat_at if step.worker else step.started_at,
        )


def _unserved(now: datetime) -> Iterator[Late]:
    served = workers.served(now)
    if served is None:
        return
    queued = StepSnapshot.objects.claimable(now).exclude(queue__in=served)
    waiting = queued.filter(queued_at__lt=now - PATIENCE, unknown_since__isnull=True)
    waiting = sight.rows(waiting, "run__workflow_id")
    by_queue: dict[str, list[StepSnapshot]] = {}
    for step in _with_runs(waiting)[:MOST_LATE]:
        by_queue.setdefault(step.queue, []).append(step)
    for queue, steps in sorted(by_queue.items()):
        yield Late(
            _no_worker(queue, len(steps)),
            reverse("signalbox:run", args=[steps[0].run.run_id]),
            steps[0].run.workflow.title or steps[0].run.workflow_id,
            steps[0].queued_at,
        )


def _no_worker(queue: str, number: int) -> str:
    text = ngettext(
        "No living worker serves the queue {queue}: {number} step waits. Start one: manage.py "
        "worker --queues {queue}.",
        "No living worker serves the queue {queue}: {number} steps wait. Start one: manage.py "
        "worker --queues {queue}.",
        number,
    )
    if number == MOST_LATE:
        text = gettext(
            "No living worker serves the queue {queue}: {number} or more steps wait. Start one: "
            "manage.py worker --queues {queue}."
        )
    return text.format(queue=queue, number=languages.number(number))


def _with_runs(steps: QuerySet[StepSnapshot]) -> QuerySet[StepSnapshot]:
    found = steps.select_related("run", "run__workflow").order_by("pk")
    return found.defer(*STEP_PAYLOADS, *_RUN_HEAVY)


def _overdue(now: datetime) -> Iterator[Late]:
    rows = sight.rows(Schedule.objects.filter(status=schedules.ACTIVE, is_defined=True))
    due = rows.filter(next_fire_at__lt=now - schedules.GRACE).order_by("next_fire_at")
    for row in due[:MOST_LINES]:
        # With this rule a time waits for the previous run, as it should.
        if row.definition.get("overlap") != "queue":
            yield Late(
                gettext(
                    "The schedule {pk} should have fired and did not: no process looks after it."
                ).format(pk=row.pk),
                reverse("signalbox:workflow", args=[row.workflow_id]),
                row.workflow_id,
                row.next_fire_at,
            )


# What failed, and what is slow.


def failures_since(since: datetime) -> list[FailedRun]:
    """Return the newest failed runs of a window."""
    rows = sight.rows(Run.objects.filter(status=RunStatus.FAILED, pk__gte=first_key(since)))
    text = Substr(payloads.as_text("error"), 1, TEXT)
    found = rows.light().annotate(error_text=text).select_related("workflow").order_by("-pk")
    return [
        FailedRun(
            run,
            message_in(getattr(run, "error_text", "")) or gettext("No reason was recorded."),
        )
        for run in found[:MOST_LINES]
    ]


def slowest_since(since: datetime) -> list[SlowWorkflow]:
    """Return the slowest workflows among the newest finished runs of a window.

    The database ranks the runs of each workflow and returns only those at the two ranks.
    """
    ended = Run.objects.filter(
        pk__gte=first_key(since), ended_at__isnull=False, started_at__isnull=False
    )
    newest = sight.rows(ended).order_by("-pk").values("pk")[:MOST_TIMED]
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
        .order_by("rank")
    )
    slow: dict[str, SlowWorkflow] = {}
    rows = ranked.values_list("workflow_id", "workflow__title", "of", "took")
    for workflow, title, of, length in rows:
        # The first row of a workflow is at the lower rank, the last one at the higher rank.
        half = slow[workflow].p50 if workflow in slow else length
        slow[workflow] = SlowWorkflow(workflow, title or workflow, of, half, length)
    return sorted(slow.values(), key=lambda each: each.p95, reverse=True)[:MOST_LINES]


# An empty installation.


@dataclass(frozen=True)
class FirstSteps:
    """Which of the three steps to a first run are done."""

    workflow: Any
    has_worker: bool

    @property
    def example(self) -> str:
        """The name by which the third step calls a workflow."""
        return self.workflow.id if self.workflow else "orders"


def first_steps(now: datetime) -> FirstSteps | None:
    """Return the three steps as long as no run has ever been created; None after that."""
    if sight.rows(Run.objects.all()).exists():
        return None
    known = catalogue.all_known()
    return FirstSteps(known[0] if known else None, workers.served(now) != frozenset())
