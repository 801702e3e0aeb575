"""Ends waits whose time is up: in this process at their time, and in every sweep."""

import logging
import threading
from datetime import datetime
from typing import Final

from workflows_app.engine.host import clock, timers
from workflows_app.engine.run import waits
from workflows_app.engine.run.failing import is_away
from workflows_app.engine.run.performing import change, leave
from workflows_app.models import Run, Wait
from workflows_app.models.sqltext import connection_here
from workflows_app.models.wait import TIMED_OUT

logger = logging.getLogger(__name__)

#: The most waits that one look ends; the next look ends more.
MOST: Final = 500


def expire_due(now: datetime) -> int:
    """End the waits whose time is up; return how many there were."""
    due = list(Wait.objects.due(now).order_by("until")[:MOST])
    return sum(_expire_or_log(row, now) for row in due)


def _expire_or_log(row: Wait, now: datetime) -> bool:
    """End one wait; if that fails, others must not suffer."""
    try:
        is_ended = _expire(row, now)
    except Run.DoesNotExist:
        is_ended = False
    except Exception as error:
        if is_away(error):
            raise
        logger.exception("A wait of run %s could not end at its time.", row.run_id)
        return False
    if not is_ended:
        Wait.objects.filter(pk=row.pk).update(until=None)  # its step waits no more
    return is_ended


def _expire(row: Wait, now: datetime) -> bool:
    with change(row.run_id, now) as changing:
        step = waits.waiting_step(changing, row)
        if step is None:
            leave()
        waits.give(changing, step, row, None, outcome=TIMED_OUT)
    return changing.is_saved


def arm(seconds: float) -> None:
    """Look for waits whose time is up in so many seconds; not if a test has stopped the clock."""
    if not clock.is_stopped():
        timers.after(seconds, _look_apart)


_looking = threading.Lock()


def _look_apart() -> None:
    threading.Thread(target=_look, name="signalbox-waits", daemon=True).start()


def _look() -> None:
    try:
        with _looking:
            expire_due(clock.now())
    except Exception:
        logger.exception("Waits whose time is up could not be ended; the sweep tries again.")
    finally:
        connection_here().close()
