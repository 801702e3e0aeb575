"""How things stand now: queues, questions, schedules, workers, connections. Numbers by label."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from django.db.models import Count, Min, Q
from django.db.models.functions import Coalesce

from workflows_app import conf
from workflows_app.engine.verbs import schedules
from workflows_app.models import Run, Schedule, StepSnapshot, Worker
from workflows_app.models.sqltext import connection_here
from workflows_app.models.step import written
from workflows_app.planner.enter import DEFAULT_QUEUE
from workflows_app.planner.statuses import RunStatus

from ..live import open_sockets
from ..status import redis_server

#: How long a run has been suspended: the name of each span, and where it ends.
AGES: Final = {
    "1h": timedelta(hours=1),
    "24h": timedelta(hours=24),
    "7d": timedelta(days=7),
    "older": None,
}
#: What a pool of connections says of itself, by the name of the state here.
_POOL: Final = {
    "open": "pool_size",
    "idle": "pool_available",
    "waiting": "requests_waiting",
}


@dataclass
class Gauge:
    """One number, or one for each value of a label; the label is empty where there is none."""

    name: str
    help: str
    label: str = ""
    values: dict[str, float] = field(default_factory=dict)


def look(now: datetime) -> Iterator[Gauge]:
    """Yield all that is measured, as it is now."""
    yield from _queues(now)
    yield _suspended(now)
    yield _one("schedules_late", "Schedules that should have fired and did not.", _late(now))
    yield _one("sockets", "Live connections of this process.", open_sockets.count())
    yield _one("workers_live", "Processes that run steps and are heard of.", _live(now))
    yield Gauge("database_pool", "Connections of this process by state.", "state", _connections())
    if conf.redis_url() and (took := _round_trip()) is not None:
        yield _one("redis_round_trip_seconds", "How long Redis took to answer.", took)


def _one(name: str, words: str, value: float) -> Gauge:
    return Gauge(name, words, values={"": value})


def _queues(now: datetime) -> Iterator[Gauge]:
    is_ready = Q(wake_at__isnull=True) | Q(wake_at__lte=now)
    rows = (
        StepSnapshot.objects.filter(
            written("{0}.status = 'queued'"), is_ready, superseded_on__isnull=True
        )
        .order_by()
        .values("queue")
        .annotate(steps=Count("pk"), since=Min(Coalesce("wake_at", "queued_at")))
        .values_list("queue", "steps", "since")
    )
    depth, oldest = {DEFAULT_QUEUE: 0.0}, {DEFAULT_QUEUE: 0.0}
    for queue, steps, since in rows:
        depth[queue] = steps
        oldest[queue] = max((now - since).total_seconds(), 0.0)
    yield Gauge("queue_depth", "Steps that could begin now.", "queue", depth)
    yield Gauge(
        "queue_oldest_wait_seconds", "How long the oldest of them has waited.", "queue", oldest
    )


def _suspended(now: datetime) -> Gauge:
    """Count suspended runs by how long they have been; each is in one span."""
    wheres: dict[str, Any] = {}
    least = timedelta()
    for name, most in AGES.items():
        is_in = Q(settled_at__lte=now - least) if least else Q()
        if most is not None:
            is_in &= Q(settled_at__gt=now - most)
            least = most
        wheres[f"age_{name}"] = Count("pk", filter=is_in)
    found = Run.objects.filter(status=RunStatus.SUSPENDED).order_by().aggregate(**wheres)
    return Gauge(
        "runs_suspended",
        "Runs that wait for an answer, by how long they have.",
        "age",
        {name: found[f"age_{name}"] for name in AGES},
    )


def _late(now: datetime) -> int:
    # With this rule a time waits for the run before it, as it should.
    rows = Schedule.objects.filter(status=schedules.ACTIVE, is_defined=True)
    due = rows.filter(next_fire_at__lt=now - schedules.GRACE).values_list("definition", flat=True)
    return sum(definition.get("overlap") != "queue" for definition in due)


def _live(now: datetime) -> int:
    since = now - timedelta(seconds=conf.get("LEASE_SECONDS"))
    return Worker.objects.filter(heartbeat_at__gte=since, stopped_at=None).count()


def _connections() -> dict[str, float]:
    here = connection_here()
    pool = getattr(here, "pool", None) if here.vendor == "postgresql" else None
    if pool is None:
        return {**dict.fromkeys(_POOL, 0.0), "in_use": 0.0}
    said = pool.get_stats()
    states = {state: float(said.get(name, 0)) for state, name in _POOL.items()}
    return {**states, "in_use": states["open"] - states["idle"]}


def _round_trip() -> float | None:
    try:
        return redis_server.round_trip()
    except redis_server.AWAY:
        return None
