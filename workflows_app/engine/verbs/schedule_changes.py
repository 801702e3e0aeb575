"""Changing and deleting schedules that people made; those of code are changed there."""

from __future__ import annotations

from typing import Any, Final

from workflows_app import errors, permissions
from workflows_app.definition import Builder, Schedule
from workflows_app.engine.host import clock, transactions
from workflows_app.engine.run import audit
from workflows_app.engine.verbs import schedules
from workflows_app.models import Schedule as Row


def change(
    key: str, definition: Builder, schedule: Schedule, *, actor: Any = None, door: str = ""
) -> Row:
    """Let a schedule that a person made say something else from now on; return its row.

    Its id, its pause and its past stay. Raises InvalidSchedule for one that code has and for one
    that never fires; else what `make` raises.
    """
    permissions.require(definition, actor)
    now = clock.now()
    schedules.check_given(definition, schedule)
    first = schedule.next_after(now)
    if first is None:
        raise errors.InvalidSchedule("No time of this schedule is still to come; choose one.")
    with transactions.write():
        row = _of_person(key)
        before = row.definition
        for name, value in schedules.said_by(schedule).items():
            setattr(row, name, value)
        row.next_fire_at = first if row.status == schedules.ACTIVE else None
        row.save()
        named = {name: row.definition[name] for name in _NAMED if row.definition != before}
        audit.record_on_schedule(row, "change-schedule", actor, now, door=door, **named)
    return row


#: What the trail says of a changed schedule.
_NAMED: Final = ("cron", "run_at", "end_at", "timezone", "overlap")


def remove(key: str, *, actor: Any = None, door: str = "") -> None:
    """Delete a schedule that a person made, with its triggers; its runs stay.

    Raises InvalidSchedule for one that code has.
    """
    with transactions.write():
        row = _of_person(key)
        audit.record_on_schedule(row, "delete-schedule", actor, clock.now(), door=door)
        row.delete()


def _of_person(key: str) -> Row:
    row = Row.objects.select_for_update().get(pk=key)
    if row.is_from_code:
        raise errors.InvalidSchedule(
            f"Schedule {key!r} is written in code; change it there, or pause it."
        )
    return row
