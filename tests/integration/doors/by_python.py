"""Python: the verbs, with a person as their actor."""

from __future__ import annotations

from typing import Any, Final

from tests.integration.doors.table import Cell
from tests.integration.doors.world import Subject, Visitor, given, target
from workflows_app import Schedule, acting, errors
from workflows_app.engine.verbs import schedules
from workflows_app.schedules import WorkflowSchedule

NOT_OFFERED: Final = {
    "view": "code reads the tables",
    "values": "code reads the tables",
    "claim": "it has no verb of its own",
    "change-schedule": "it has no verb of its own",
    "delete-schedule": "it has no verb of its own",
}


def ask(visitor: Visitor, row: str, subject: Subject) -> Cell:
    """Call the verb; return what came."""
    try:
        _call(visitor.user, row, subject)
    except errors.NotPermitted:
        return Cell.REFUSED
    return Cell.ALLOWED


def _call(actor: Any, row: str, subject: Subject) -> None:
    if row.endswith("-schedule"):
        _on_schedule(actor, row, subject)
        return
    run = subject.runs[row]
    if row == "start":
        run.start(subject.value, actor=actor)
    elif row == "resume":
        run.resume(True, actor=actor)
    elif row.startswith("fork"):
        run.fork(target(row), actor=actor, **given(row))
    elif row.startswith("time-travel"):
        run.time_travel(target(row), actor=actor, **given(row))
    else:
        acting.perform(row, run, actor=actor, door="python")


def _on_schedule(actor: Any, row: str, subject: Subject) -> None:
    handle = WorkflowSchedule(subject.flow, subject.schedules[row])
    if row == "create-schedule":
        schedules.make(subject.flow, Schedule("0 6 * * *", id="by-hand"), actor=actor)
    elif row == "pause-schedule":
        handle.pause(actor=actor)
    elif row == "unpause-schedule":
        handle.unpause(actor=actor)
    else:
        handle.run_now(actor=actor)
