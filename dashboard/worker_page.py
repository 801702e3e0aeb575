"""What the page of workers shows: processes, what they hold, queues, and what they lean on.

The same number of queries however many workers and steps there are.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

import redis
from django.conf import settings
from django.db import connection
from django.db.models import Count, Min, Q
from django.db.models.functions import Coalesce
from redis.backoff import NoBackoff
from redis.retry import Retry

from dashboard import throughput
from dashboard.throughput import Throughput
from workflows_app import conf
from workflows_app.engine import clock, workers
from workflows_app.models import StepSnapshot, Worker
from workflows_app.models.step import written

#: Processes that the page lists: those that may be alive, and those that stopped last.
MOST: Final = 100
MOST_STOPPED: Final = 10
#: Seconds after which a Redis that does not answer counts as away.
PATIENCE: Final = 0.3
DEFAULT: Final = "default"


@dataclass(frozen=True)
class Process:
    """One process that runs steps, and what it holds."""

    row: Worker
    #: alive, silent or stopped.
    status: str
    held: int
    #: When its claims count as lost, unless it is heard of again.
    lease_ends_at: datetime
    #: Whether it is the one that answers.
    is_here: bool
    is_late: bool

    @property
    def queues(self) -> str:
        """The queues that it serves, in words."""
        return "all" if self.row.queues is None else ", ".join(self.row.queues) or "none"

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
    #: Those that wait for their next attempt's time.
    later: int = 0
    oldest: datetime | None = None
    servers: tuple[Process, ...] = ()
    #: How many of its steps end in a minute, in figures.
    a_minute: str = "0"

    @property
    def is_stuck(self) -> bool:
        """Whether steps wait that nobody alive will take."""
        return bool(self.ready or self.later) and not self.servers


@dataclass(frozen=True)
class Health:
    """One thing that the product leans on: whether it answers, and what that means."""

    name: str
    words: str
    #: alive, silent, or unused.
    state: str = "alive"


@dataclass(frozen=True)
class View:
    """All that the page shows, at one moment."""

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
        """Since when the step waits that has waited longest; None: none waits."""
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
        """Those that hold steps and were not heard of when they should have been."""
        return [each for each in self.processes if each.is_late]


def look() -> View:
    """Look at everything as it stands now."""
    now = clock.now()
    rows, is_cut = _rows()
    held = _held()
    processes = [_process(row, held.get(row.pk, 0), now) for row in rows]
    alive = [each for each in processes if each.status == "alive"]
    mode = conf.get("EXECUTION")
    health = [_database(), _redis(mode)]
    pace = throughput.measured(now)
    return View(mode, now, processes, is_cut, _queues(alive, pace, now), health, pace)


def _rows() -> tuple[list[Worker], bool]:
    """Return the workers that may be alive, last heard of first, then those that stopped last."""
    current = list(Worker.objects.filter(stopped_at=None).order_by("-heartbeat_at")[: MOST + 1])
    stopped = Worker.objects.filter(stopped_at__isnull=False).order_by("-pk")[:MOST_STOPPED]
    return [*current[:MOST], *stopped], len(current) > MOST


def _held() -> dict[object, int]:
    rows = StepSnapshot.objects.held().order_by().values_list("worker").annotate(Count("pk"))
    return dict(rows)


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
    """Return each queue in which a step waits or ended, or which living workers serve by name."""
    is_ready = Q(wake_at__isnull=True) | Q(wake_at__lte=now)
    counted = (
        StepSnapshot.objects.filter(written("{0}.status = 'queued'"), superseded_on__isnull=True)
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
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        cursor.fetchone()
    return Health(connection.display_name, f"answers in {_since(began)}")


def _redis(mode: str) -> Health:
    if mode != "distributed":
        return Health("Redis", "not used: hints and news stay in this process", "unused")
    began = time.perf_counter()
    try:
        with _client() as client:
            client.ping()
    except (redis.RedisError, OSError, ValueError) as problem:
        return Health(
            "Redis",
            f"does not answer ({type(problem).__name__}). No step is lost: workers look into the "
            "database by themselves, but begin later, and pages ask every few seconds.",
            state="silent",
        )
    return Health("Redis", f"answers in {_since(began)}")


def _client() -> redis.Redis:
    return redis.Redis.from_url(
        settings.REDIS_URL,
        retry=Retry(NoBackoff(), 0),
        socket_timeout=PATIENCE,
        socket_connect_timeout=PATIENCE,
    )


def _since(began: float) -> str:
    return f"{(time.perf_counter() - began) * 1000:.1f} ms"
