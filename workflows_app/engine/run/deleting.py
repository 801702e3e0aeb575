"""Deletes runs with their steps and events; the audit trail stays."""

import uuid
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, Final

from django.db.models import QuerySet

from workflows_app.engine.host import transactions
from workflows_app.engine.run import followers
from workflows_app.models import (
    AcceptedStart,
    Action,
    Assignment,
    EarlierQuestion,
    Hold,
    Run,
    RunDeadline,
    RunEvent,
    Snooze,
    StepSnapshot,
    Stretch,
    Timeline,
    UniqueKey,
    Wait,
)
from workflows_app.models.wait import GONE
from workflows_app.planner.statuses import ACTIVE

#: Runs that one transaction deletes, so that others can write in between.
BATCH: Final = 100


def ended_before(moment: datetime, statuses: Sequence[str]) -> QuerySet[Run]:
    """Return the runs that ended for good before a moment, with one of these statuses."""
    return Run.objects.ended().filter(status__in=statuses, ended_at__lt=moment)


def delete_in_batches(runs: QuerySet[Run]) -> Iterator[int]:
    """Delete these runs, yielding how many each transaction deleted. Active runs stay."""
    while keys := list(runs.order_by("pk").values_list("pk", flat=True)[:BATCH]):
        deleted = delete(keys)
        if not deleted:
            return
        yield deleted


def delete(keys: Sequence[uuid.UUID]) -> int:
    """Delete runs that are not active, in one transaction; return how many there were."""
    with transactions.write():
        locked = Run.objects.filter(pk__in=keys).exclude(status__in=list(ACTIVE)).light()
        found = list(locked.select_for_update().order_by("pk"))
        rows = [run.pk for run in found]
        Action.objects.filter(run__in=rows).update(run=None)
        # Nothing else refers to these rows, so they need not be read first, as a cascade would.
        _delete_rows(RunEvent.objects.filter(run__in=rows))
        _delete_rows(Assignment.objects.filter(run__in=rows))
        _delete_rows(EarlierQuestion.objects.filter(run__in=rows))
        _delete_rows(Hold.objects.filter(run__in=rows))
        _delete_rows(AcceptedStart.objects.filter(run__in=rows))
        _delete_rows(RunDeadline.objects.filter(run__in=rows))
        _delete_rows(Snooze.objects.filter(run__in=rows))
        _delete_rows(Timeline.objects.filter(run__in=rows))
        _delete_rows(Stretch.objects.filter(run__in=rows))
        _delete_rows(Wait.objects.filter(run__in=rows))
        _delete_rows(UniqueKey.objects.filter(run__in=rows))
        steps = StepSnapshot.objects.filter(run__in=rows)
        for is_current in (True, False):  # each has an index of its own
            _delete_rows(steps.filter(superseded_on__isnull=is_current))
        deleted = _delete_rows(Run.objects.filter(pk__in=rows))
        for run in found:
            if run.is_awaited:
                followers.give(run.run_id, None, outcome=GONE)
        return deleted


def _delete_rows(rows: QuerySet[Any]) -> int:
    deleted: int = rows._raw_delete(rows.db)  # noqa: SLF001 - what Django's own collector calls
    return deleted
