"""Which runs only wait for a next attempt, found in the database for all runs at once.

Their rows say running, because no row changes when the time of an attempt comes. A run is waiting
if all its active steps are between two attempts; `standing` has the same rule for one run.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from django.db.models import (
    BooleanField,
    Case,
    CharField,
    Count,
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

#: Steps between two attempts that are looked at, those whose time comes first.
MOST: Final = 10_000


class _Written(Func):
    """A condition on a status with its values written out, for a partial index."""

    arity = 1
    output_field = BooleanField()


#: What the index of steps that are due by time holds.
_HAS_TIME: Final = "%(expressions)s IN ('queued', 'waiting')"
#: What the index of runs under way holds.
_ALIVE: Final = "%(expressions)s IN ('running', 'waiting', 'suspended', 'paused')"


def between_attempts(now: datetime | None = None) -> Q:
    """Return which steps have failed once more and wait for the time of their next attempt."""
    return Q(
        status=StepStatus.QUEUED.value,
        wake_at__gt=now or timezone.now(),
        retry_count__gt=0,
        unknown_since__isnull=True,
    )


def shown_status_of_steps(now: datetime | None = None) -> Case:
    """Return the status of a step as it is shown: waiting for its next attempt, or its own."""
    waits = When(between_attempts(now), then=Value(StepStatus.WAITING.value))
    return Case(waits, default=F("status"), output_field=CharField())


def runs() -> QuerySet[Any, Any]:
    """Return the keys of the runs that are running by their rows and wait for a next attempt.

    Found along the index of times: no run is read that has no step with a time to come.
    """
    rows = StepSnapshot.objects.filter(_Written(F("status"), template=_HAS_TIME))
    due = rows.filter(between_attempts(), superseded_on__isnull=True).order_by("wake_at")
    found = StepSnapshot.objects.filter(
        pk__in=due.values("pk")[:MOST],
        run__status=RunStatus.RUNNING.value,
        run__cancel_requested_at__isnull=True,
    )
    counted = found.order_by().values("run").annotate(number=Count("pk"))
    return counted.filter(number=F("run__active_count")).values("run")


def with_status(found: RunQuerySet, status: str) -> RunQuerySet:
    """Return those of these runs that are shown with a status."""
    if status == RunStatus.RUNNING:
        return found.filter(status=status).exclude(pk__in=runs())
    if status == RunStatus.WAITING:
        waits = Q(status=RunStatus.RUNNING.value, pk__in=runs())
        is_alive = _Written(F("status"), template=_ALIVE)
        return found.filter(is_alive).filter(Q(status=status) | waits)
    return found.filter(status=status)


def shown_status() -> Case:
    """Return the status of a run as it is shown."""
    waits = When(status=RunStatus.RUNNING.value, pk__in=runs(), then=Value(RunStatus.WAITING.value))
    return Case(waits, default=F("status"), output_field=CharField())
