"""Claiming a question: a person tells others that they will answer it. It blocks nobody."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from workflows_app.engine.host import clock, ports, transactions
from workflows_app.engine.run import audit
from workflows_app.models import Assignment, StepSnapshot

CLAIM = "claim"
RELEASE = "release"
NOTHING = uuid.UUID(int=0)


def claim(
    step: StepSnapshot, person: Any, *, instead_of: Any = None, door: str = ""
) -> Assignment | None:
    """Note that `person` will answer the step's question; return the assignment as it is now.

    Somebody else's assignment stays and is returned, unless `instead_of` is the key of that person.
    None: the step no longer asks this. A second call changes nothing.
    """
    now = clock.now()
    with transactions.write():
        if step.suspension is None or not _still_asks(step):
            return None
        held, is_new = Assignment.objects.select_for_update().get_or_create(
            suspension=step.suspension,
            defaults={"run": step.run, "path": step.path, "person": person, "at": now},
        )
        if is_new:
            _told(step, now, CLAIM, person, door)
        elif held.person_id != person.pk and held.person_id == instead_of:
            before = audit.name_of(held.person)
            held.person, held.at = person, now
            held.save(update_fields=["person", "at"])
            _told(step, now, CLAIM, person, door, instead_of=before)
        return held


def release(step: StepSnapshot, person: Any, *, door: str = "") -> bool:
    """Take back the person's own assignment; return whether there was one."""
    with transactions.write():
        mine = Assignment.objects.filter(
            run=step.run_id, suspension=step.suspension or NOTHING, person=person
        )
        if not mine.delete()[0]:
            return False
        _told(step, clock.now(), RELEASE, person, door)
        return True


def _still_asks(step: StepSnapshot) -> bool:
    asking = StepSnapshot.objects.asking().filter(pk=step.pk, suspension=step.suspension)
    return asking.exists()


def _told(
    step: StepSnapshot, now: datetime, verb: str, person: Any, door: str, **data: Any
) -> None:
    """Record it in the audit trail, and let those who watch the run look again."""
    audit.note(step.run, now, verb, person, door=door, path=step.path, **data)
    key: uuid.UUID = step.run_id
    transactions.after_commit(lambda: ports.notifier().published(key, None))
