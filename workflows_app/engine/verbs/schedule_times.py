"""The times at which a schedule will fire next, as pages show them."""

from datetime import datetime

from workflows_app.definition import Schedule
from workflows_app.engine.verbs import schedules
from workflows_app.models import Schedule as Row


def upcoming(row: Row, now: datetime, number: int) -> list[datetime]:
    """Return the next times of a schedule, in UTC; those of a paused one as if it continued now.

    The first is the stored time, which may be past if it waits to be fired.
    """
    schedule = schedules.from_row(row)
    first = row.next_fire_at if row.status == schedules.ACTIVE else schedule.next_after(now)
    return times_from(schedule, first, number)


def times_from(schedule: Schedule, first: datetime | None, number: int) -> list[datetime]:
    """Return the time `first` and those that follow it, in UTC, at most `number` of them."""
    at = first
    found: list[datetime] = []
    while at is not None and len(found) < number:
        found.append(at)
        at = schedule.next_after(at)
    return found
