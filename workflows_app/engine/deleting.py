"""Deleting runs with all that is known of them; the audit trail stays."""

import uuid
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, Final

from django.db.models import QuerySet

from workflows_app.engine import transactions
from workflows_app.models import Action, Assignment, Run, RunEvent, Snooze, StepSnapshot, Timeline
from workflows_app.planner.statuses import ACTIVE

#: Runs that one transaction deletes: others write in between.
BATCH: Final = 100


def ended_before(moment: datetime, statuses: Sequence[str]) -> QuerySet[Run]:
    """Return the runs that ended for good before a moment, with one of these statuses."""
    return Run.objects.ended().filter(status__in=statuses, ended_at__lt=moment)


def delete_in_batches(runs: QuerySet[Run]) -> Iterator[int]:
    """Delete these runs, yielding how many each transaction deleted. One that is active stays."""
    while keys := list(runs.order_by("pk").values_list("pk", flat=True)[:BATCH]):
        deleted = delete(keys)
        if not deleted:
            return
        yield deleted


def delete(keys: Sequence[uuid.UUID]) -> int:
    """Delete runs that are not active, in one transaction; return how many there were."""
    with transactions.write():
        locked = Run.objects.filter(pk__in=keys).exclude(status__in=list(ACTIVE)).light()
        rows = [run.pk for run in locked.select_for_update().order_by("pk")]
        Action.objects.filter(run__in=rows).update(run=None)
        # Rows that nothing else refers to: no need to read them first, as a cascade would.
        _delete_rows(RunEvent.objects.filter(run__in=rows))
        _delete_rows(Assignment.objects.filter(run__in=rows))
        _delete_rows(Snooze.objects.filter(run__in=rows))
        _delete_rows(Timeline.objects.filter(run__in=rows))
        steps = StepSnapshot.objects.filter(run__in=rows)
        for is_current in (True, False):  # each has an index of its own
            _delete_rows(steps.filter(superseded_on__isnull=is_current))
        return _delete_rows(Run.objects.filter(pk__in=rows))


def _delete_rows(rows: QuerySet[Any]) -> int:
    deleted: int = rows._raw_delete(rows.db)  # noqa: SLF001 - what Django's own collector calls
    return deleted
