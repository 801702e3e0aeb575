"""The writes of one change to the steps of its run: gathered, and written together at the end."""

from collections.abc import Mapping
from typing import Any

from workflows_app.models import StepSnapshot, statements
from workflows_app.planner.statuses import MOVES, StepStatus


class IllegalMove(AssertionError):
    """The engine tried a move of a step that the table of statuses forbids, which is a bug."""


class Writes:
    """New snapshots and changed columns, by snapshot; the last value of a column counts.

    The caller keeps the objects up to date; this holds what the database does not know yet.
    """

    def __init__(self) -> None:
        self.inserts: dict[int, StepSnapshot] = {}
        self.updates: dict[int, dict[str, Any]] = {}

    def __bool__(self) -> bool:
        return bool(self.inserts or self.updates)

    def insert(self, step: StepSnapshot) -> None:
        """Write a new snapshot in its final state."""
        self.inserts[step.pk] = step

    def update(self, step: StepSnapshot, fields: Mapping[str, Any]) -> None:
        """Write columns of a snapshot, on the object and in the database."""
        for name, value in fields.items():
            setattr(step, name, value)
        if step.pk not in self.inserts:
            self.updates.setdefault(step.pk, {}).update(fields)

    def move(self, step: StepSnapshot, target: StepStatus, fields: Mapping[str, Any]) -> None:
        """Move a snapshot, on the object and in the database. Raises IllegalMove.

        The run is locked or guarded by its revision, so the object is up to date.
        """
        if target not in MOVES[StepStatus(step.status)]:
            raise IllegalMove(f"{step.path} cannot become {target.value}: it is {step.status}.")
        self.update(step, {"status": target.value, **fields})

    def take(self) -> statements.Written:
        """Return what was gathered, and forget it."""
        taken = statements.Written(
            StepSnapshot, self.updates, sorted(self.inserts.values(), key=lambda step: step.pk)
        )
        self.inserts, self.updates = {}, {}
        return taken
