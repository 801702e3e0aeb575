"""The deadline of a run: when it begins, stops and goes on to count, and when it passes.

The run's row says whether it has one, so that runs without need no query.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, cast

from workflows_app.definition import Deadline
from workflows_app.engine.host import alarms, transactions
from workflows_app.models import Run, RunDeadline

if TYPE_CHECKING:
    from workflows_app.definition.deadlines import Then
    from workflows_app.engine.run.change import Change


def of(run: Run) -> RunDeadline | None:
    """Return the deadline of a run; None if it has none."""
    return RunDeadline.objects.filter(run=run.pk).first() if run.is_timed else None


def of_runs(runs: Sequence[Run]) -> dict[uuid.UUID, RunDeadline]:
    """Return the deadlines of these runs, by key; no query if none has one."""
    timed = [run.pk for run in runs if run.is_timed]
    rows = RunDeadline.objects.filter(run__in=timed) if timed else ()
    return {row.run_id: row for row in rows}


def own_of(run: Run) -> Deadline | None:
    """Return the deadline that was given to the start of a run, for another run like it."""
    row = of(run)
    return None if row is None or not row.is_own else said_by(row)


def said_by(row: RunDeadline) -> Deadline:
    """Return a stored deadline as it was said."""
    return Deadline(row.after, cast("Then", row.then), row.while_suspended, row.warn_after)


# Its life.


def give(changing: Change, own: Deadline | None, usual: Deadline | None) -> None:
    """Give a run its own deadline, or its workflow's; it counts from now on if the run has begun.

    Nothing happens if there is neither. A run whose start was kept has it already.
    """
    if changing.model.is_timed:
        if changing.model.started_at is not None:
            begin(changing)
        return
    said = own or usual
    if said is None:
        return
    row = RunDeadline(
        run=changing.model,
        after=said.seconds,
        then=said.then,
        while_suspended=said.while_suspended,
        warn_after=said.warning_seconds,
        is_own=own is not None,
    )
    if changing.model.started_at is not None:
        row.begin(changing.now)
        _arm(row, changing.now)
    changing.model.is_timed = True
    changing.also_insert(row)


def begin(changing: Change) -> None:
    """Let the deadline of a run, if it has one, count from now on: it has begun, or begun again."""
    row = of(changing.model)
    if row is not None:
        row.begin(changing.now)
        _keep(row, changing.now)


def follow(run: Run, *, is_suspended: bool, now: datetime) -> None:
    """Stop the deadline of a run that is suspended, or let it go on, if that time does not count.

    The caller has locked the run, which has just become suspended or is so no more.
    """
    row = of(run)
    if row is None or row.while_suspended or row.passed_at is not None:
        return
    if is_suspended:
        row.stop(now)
    else:
        row.go_on(now)
    _keep(row, now)


def _keep(row: RunDeadline, now: datetime) -> None:
    row.save()
    _arm(row, now)


def _arm(row: RunDeadline, now: datetime) -> None:
    if row.due_at is not None:
        seconds = (row.due_at - now).total_seconds()
        transactions.after_commit(lambda: alarms.arm(seconds))
