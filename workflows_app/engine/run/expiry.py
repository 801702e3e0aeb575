"""Ends what is due: waits of steps, runs past their deadline, starts that could not begin in time.

Every sweep does this, and each process at the times that it knows (`alarms`). The row of the run is
locked meanwhile, so each thing happens once, over any number of processes.
"""

import logging
import uuid
from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Final

from django.db.models import Min

from workflows_app import errors
from workflows_app.engine.run import canceling, events, failures, holds, waits
from workflows_app.engine.run.apply import apply
from workflows_app.engine.run.change import Change
from workflows_app.engine.run.failing import is_away
from workflows_app.engine.run.performing import change, leave
from workflows_app.models import AcceptedStart, Run, RunDeadline, Wait
from workflows_app.models.wait import TIMED_OUT
from workflows_app.planner import decide
from workflows_app.planner.statuses import ENDED, RunStatus

logger = logging.getLogger(__name__)

#: The most of each kind that one look ends; the next look ends more.
MOST: Final = 500
#: Why a run was canceled: it did not begin in time, or it took too long.
EXPIRED: Final = "expired"
DEADLINE: Final = "deadline"

#: Does what is due; returns False if it is so no more.
Act = Callable[[Change], bool]


def expire_due(now: datetime) -> int:
    """End what is due; return how many there were."""
    waiting = list(Wait.objects.due(now).order_by("until")[:MOST])
    timed = list(RunDeadline.objects.due(now).order_by("due_at")[:MOST])
    kept = list(AcceptedStart.objects.filter(expires_at__lte=now).order_by("expires_at")[:MOST])
    return (
        sum(_expire_wait(row, now) for row in waiting)
        + sum(_meet(row, now) for row in timed)
        + sum(_expire_start(row, now) for row in kept)
    )


def next_due(after: datetime) -> datetime | None:
    """Return when the next of them is due after this moment; None if nothing is."""
    firsts = (
        Wait.objects.open().filter(until__gt=after).aggregate(first=Min("until")),
        RunDeadline.objects.filter(due_at__gt=after).aggregate(first=Min("due_at")),
        AcceptedStart.objects.filter(expires_at__gt=after).aggregate(first=Min("expires_at")),
    )
    return min((each["first"] for each in firsts if each["first"] is not None), default=None)


def _do(run: uuid.UUID, what: str, now: datetime, act: Act) -> bool | None:
    """Act on a run; None if that fails, because others must not suffer."""
    try:
        with change(run, now) as changing:
            if not act(changing):
                leave()
    except Run.DoesNotExist:
        return False
    except Exception as error:
        if is_away(error):
            raise
        logger.exception("%s of run %s could not end at its time.", what, run)
        return None
    return changing.is_saved


# Waits.


def _expire_wait(row: Wait, now: datetime) -> bool:
    is_done = _do(row.run_id, "A wait", now, partial(_end_wait, row=row))
    if is_done is False:
        Wait.objects.filter(pk=row.pk).update(until=None)  # its step waits no more
    return bool(is_done)


def _end_wait(changing: Change, row: Wait) -> bool:
    step = waits.waiting_step(changing, row)
    if step is None:
        return False
    waits.give(changing, step, row, None, outcome=TIMED_OUT)
    return True


# Deadlines.


def _meet(seen: RunDeadline, now: datetime) -> bool:
    is_done = _do(seen.pk, "The deadline", now, partial(_warn_or_end, seen=seen))
    if is_done is False:
        # The run has ended. If its deadline was begun again meanwhile, another time is due.
        RunDeadline.objects.filter(pk=seen.pk, due_at=seen.due_at).update(due_at=None)
    return bool(is_done)


def _warn_or_end(changing: Change, seen: RunDeadline) -> bool:
    row = RunDeadline.objects.filter(pk=seen.pk, due_at=seen.due_at).first()
    is_ending = changing.status in ENDED or changing.model.ending
    if row is None or is_ending or row.ends_at is None:
        return False
    if changing.now < row.ends_at:
        _warn(changing, row, row.ends_at)
    else:
        _end(changing, row, row.ends_at)
    row.plan()
    row.save()
    return True


def _warn(changing: Change, row: RunDeadline, ends_at: datetime) -> None:
    row.warned_at = changing.now
    changing.log.add(events.deadline_near(ends_at, row.then))


def _end(changing: Change, row: RunDeadline, ends_at: datetime) -> None:
    row.passed_at = changing.now
    if row.then == "warn" and row.warned_at is None:
        _warn(changing, row, ends_at)
    changing.log.add(events.deadline_passed(ends_at, row.then))
    if row.then == "cancel":
        canceling.cancel_now(changing, reason=DEADLINE)
    elif row.then == "fail":
        error = _exceeded(changing.model, row, ends_at)
        apply(changing, decide.fail_run(changing, failures.describe(error)))
        canceling.stop_running(changing)


def _exceeded(run: Run, row: RunDeadline, ends_at: datetime) -> errors.RunDeadlineExceeded:
    error = errors.RunDeadlineExceeded(
        f"Run {run.run_id!r} had not ended at its deadline, {row.after:g} seconds after it began. "
        "retry() gives it that time again."
    )
    error.details = {"after": row.after, "ends_at": ends_at.isoformat()}
    return error


# Starts.


def _expire_start(row: AcceptedStart, now: datetime) -> bool:
    return bool(_do(row.pk, "The start", now, _cancel_start))


def _cancel_start(changing: Change) -> bool:
    kept = holds.accepted_start(changing.model)
    is_pending = changing.status is RunStatus.PENDING
    if kept is None or not is_pending or kept.expires_at is None or kept.expires_at > changing.now:
        return False
    canceling.cancel_now(changing, reason=EXPIRED)
    return True
