"""What the page of workers shows: processes, what they hold, queues, and the services they need.

It takes the same number of queries, however many workers and steps there are.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from django.db.models import Count, Min, Q
from django.db.models.functions import Coalesce
from django.utils.translation import gettext

from workflows_app import conf, languages
from workflows_app.engine.host import clock, workers
from workflows_app.models import StepSnapshot, Worker
from workflows_app.models.sqltext import connection_here
from workflows_app.models.step import written

from ..status import redis_server
from ..values import sight
from . import throughput
from .throughput import Throughput

#: The page lists `MOST` processes that may be alive, and `MOST_STOPPED` that stopped last.
MOST: Final = 100
MOST_STOPPED: Final = 10
DEFAULT: Final = "default"


@dataclass(frozen=True)
class Process:
    """One process that runs steps, and what it holds."""

    row: Worker
    #: alive, silent or stopped.
    status: str
    held: int
    #: When its claims count as lost, unless it is heard from again.
    lease_ends_at: datetime
    #: Whether it is the process that answers this request.
    is_here: bool
    is_late: bool

    @property
    def queues(self) -> str:
        """The queues that it serves, in words."""
        if self.row.queues is None:
            return gettext("all")
        return ", ".join(self.row.queues) or gettext("none")

    @property
    def name(self) -> str:
        """Its host and process id."""
        return f"{self.row.host}:{self.row.pid}"

    def serves(self, queue: str) -> bool:
        """Whether it takes steps of a queue."""
        return self.row.queues is None or queue in self.row.queues


@dataclass(frozen=True)
class Queue:
    """The steps of one queue that wait for a worker."""

    name: str
    ready: int = 0
    #: How many wait for the time of their next attempt.
    later: int = 0
    oldest: datetime | None = None
    servers: tuple[Process, ...] = ()
    #: How many of its steps end in a minute, in figures.
    a_minute: str = "0"

    @property
    def is_stuck(self) -> bool:
        """Whether steps wait that no living process will take."""
        return bool(self.ready or self.later) and not self.servers


@dataclass(frozen=True)
class Health:
    """One service that the product needs: whether it answers, and what that means."""

    name: str
    words: str
    #: alive, silent, or unused.
    state: str = "alive"


@dataclass(frozen=True)
class WorkersPage:
    """Everything that the page shows, at one moment."""

    mode: str
    now: datetime
    processes: list[Process] = field(default_factory=list)
    is_cut: bool = False
    queues: list[Queue] = field(default_factory=list)
    health: list[Health] = field(default_factory=list)
    pace: Throughput = field(default_factory=lambda: Throughput(throughput.WINDOW))

    @property
    def a_minute(self) -> str:
        """How many steps of all queues end in a minute, in figures."""
        return self.pace.a_minute()

    @property
    def ready(self) -> int:
        """How many steps of all queues may begin now."""
        return sum(queue.ready for queue in self.queues)

    @property
    def oldest(self) -> datetime | None:
        """When the step that has waited longest became ready; None if none waits."""
        return min((queue.oldest for queue in self.queues if queue.oldest), default=None)

    @property
    def held(self) -> int:
        """How many steps living processes hold."""
        return sum(each.held for each in self.alive)

    @property
    def threads(self) -> int:
        """How many steps living processes can run at a time."""
        return sum(each.row.threads for each in self.alive)

    @property
    def alive(self) -> list[Process]:
        """The processes whose claims hold."""
        return [each for each in self.processes if each.status == "alive"]

    @property
    def late(self) -> list[Process]:
        """The processes that hold steps and were not heard from in time."""
        return [each for each in self.processes if each.is_late]


def look() -> WorkersPage:
    """Gather everything as it is now."""
    now = clock.now()
    rows, is_cut = _rows()
    held = _held()
    processes = [_process(row, held.get(row.pk, 0), now) for row in rows]
    alive = [each for each in processes if each.status == "alive"]
    mode = conf.get("EXECUTION")
    health = [_database(), _redis(mode)]
    pace = throughput.measured(now)
    return WorkersPage(mode, now, processes, is_cut, _queues(alive, pace, now), health, pace)


def _rows() -> tuple[list[Worker], bool]:
    """Return the workers that may be alive, latest heartbeat first, then some that stopped."""
    current = list(Worker.objects.filter(stopped_at=None).order_by("-heartbeat_at")[: MOST + 1])
    stopped = Worker.objects.filter(stopped_at__isnull=False).order_by("-pk")[:MOST_STOPPED]
    return [*current[:MOST], *stopped], len(current) > MOST


def _held() -> dict[object, int]:
    held = sight.rows(StepSnapshot.objects.held(), "run__workflow_id")
    return dict(held.order_by().values_list("worker").annotate(Count("pk")))


def _process(row: Worker, held: int, now: datetime) -> Process:
    lease = timedelta(seconds=conf.get("LEASE_SECONDS"))
    age = now - row.heartbeat_at
    status = "alive" if age <= lease else "silent"
    if row.stopped_at is not None:
        status = "stopped"
    is_overdue = age > timedelta(seconds=2.5 * conf.get("HEARTBEAT_SECONDS"))
    is_late = bool(held) and (is_overdue or status == "stopped")
    is_here = row.pk == workers.mine()
    return Process(row, status, held, row.heartbeat_at + lease, is_here, is_late)


def _queues(alive: Sequence[Process], pace: Throughput, now: datetime) -> list[Queue]:
    """Return each queue in which a step waits or ended, or which a living worker serves by name."""
    is_ready = Q(wake_at__isnull=True) | Q(wake_at__lte=now)
    queued = StepSnapshot.objects.filter(
        written("{0}.status = 'queued'"), superseded_on__isnull=True
    )
    counted = (
        sight.rows(queued, "run__workflow_id")
        .order_by()
        .values("queue")
        .annotate(
            ready=Count("pk", filter=is_ready),
            later=Count("pk", filter=~is_ready),
            oldest=Min(Coalesce("wake_at", "queued_at"), filter=is_ready),
        )
        .values_list("queue", "ready", "later", "oldest")
    )
    found = {name: (ready, later, oldest) for name, ready, later, oldest in counted}
    named = {queue for each in alive for queue in each.row.queues or []}
    return [
        Queue(name, *found.get(name, (0, 0, None)), _servers(alive, name), pace.a_minute(name))
        for name in sorted({DEFAULT, *named, *found, *pace.by_queue})
    ]


def _servers(alive: Sequence[Process], queue: str) -> tuple[Process, ...]:
    return tuple(each for each in alive if each.serves(queue))


def _database() -> Health:
    began = time.perf_counter()
    with connection_here().cursor() as cursor:
        cursor.execute("SELECT 1")
        cursor.fetchone()
    took = time.perf_counter() - began
    return Health(
        connection_here().display_name, gettext("answers in {time}").format(time=_words(took))
    )


def _redis(mode: str) -> Health:
    if mode != "distributed":
        return Health("Redis", gettext("not used: hints and news stay in this process"), "unused")
    if not conf.redis_url():
        return Health("Redis", gettext("not used: hints and news travel over PostgreSQL"), "unused")
    try:
        took = redis_server.round_trip()
    except redis_server.AWAY as problem:
        return Health(
            "Redis",
            gettext(
                "does not answer ({problem}). No step is lost: workers ask the "
                "database themselves, but begin later, and pages ask every few "
                "seconds."
            ).format(problem=type(problem).__name__),
            state="silent",
        )
    return Health("Redis", gettext("answers in {time}").format(time=_words(took)))


def _words(seconds: float) -> str:
    return gettext("{number} ms").format(number=languages.number(seconds * 1000, 1))
