"""Which runs only wait for a next attempt, found in the database for all runs at once.

Their rows say running, because no row changes when an attempt becomes due. A run is waiting if all
its active steps are between two attempts; `standing` has the same rule for one run.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from django.db.models import (
    BooleanField,
    Case,
    CharField,
    Count,
    Expression,
    F,
    Func,
    Q,
    QuerySet,
    Value,
    When,
)
from django.utils import timezone

from workflows_app.models import StepSnapshot
from workflows_app.models.run import RunQuerySet
from workflows_app.planner.statuses import RunStatus, StepStatus

#: How many steps between two attempts are looked at, those that are due first.
MOST: Final = 10_000


class _WrittenOut(Func):
    """A condition on a status that has its values written out, so that a partial index fits."""

    arity = 1
    output_field = BooleanField()


#: The condition of the index of steps that are due at a time.
_HAS_TIME: Final = "%(expressions)s IN ('queued', 'waiting')"
#: The condition of the index of active runs.
_ALIVE: Final = "%(expressions)s IN ('running', 'waiting', 'suspended', 'paused')"


def between_attempts(now: datetime | Expression | None = None) -> Q:
    """Return the condition that a step has failed and waits for the time of its next attempt."""
    return Q(
        status=StepStatus.QUEUED.value,
        wake_at__gt=now or timezone.now(),
        retry_count__gt=0,
        unknown_since__isnull=True,
    )


def shown_status_of_steps(now: datetime | Expression | None = None) -> Case:
    """Return the status of a step as pages show it: waiting before its next attempt, or its own."""
    waits = When(between_attempts(now), then=Value(StepStatus.WAITING.value))
    return Case(waits, default=F("status"), output_field=CharField())


def waiting_runs() -> QuerySet[Any, Any]:
    """Return the keys of the runs whose rows say running, but which wait for a next attempt.

    They are found along the index of times, so that no run is read unless one of its steps waits
    for a time.
    """
    rows = StepSnapshot.objects.filter(_WrittenOut(F("status"), template=_HAS_TIME))
    due = rows.filter(between_attempts(), superseded_on__isnull=True).order_by("wake_at")
    found = StepSnapshot.objects.filter(
        pk__in=due.values("pk")[:MOST],
        run__status=RunStatus.RUNNING.value,
        run__cancel_requested_at__isnull=True,
    )
    counted = found.order_by().values("run").annotate(number=Count("pk"))
    return counted.filter(number=F("run__active_count")).values("run")


def with_status(found: RunQuerySet, status: str) -> RunQuerySet:
    """Return those of these runs that pages show with this status."""
    if status == RunStatus.RUNNING:
        return found.filter(status=status).exclude(pk__in=waiting_runs())
    if status == RunStatus.WAITING:
        waits = Q(status=RunStatus.RUNNING.value, pk__in=waiting_runs())
        is_alive = _WrittenOut(F("status"), template=_ALIVE)
        return found.filter(is_alive).filter(Q(status=status) | waits)
    return found.filter(status=status)


def shown_status() -> Case:
    """Return the status of a run as pages show it."""
    waits = When(
        status=RunStatus.RUNNING.value, pk__in=waiting_runs(), then=Value(RunStatus.WAITING.value)
    )
    return Case(waits, default=F("status"), output_field=CharField())
