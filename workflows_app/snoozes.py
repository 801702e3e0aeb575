"""Questions that a person put off: gone from their inbox, and from nobody else's, for a time."""

from __future__ import annotations

import uuid
from datetime import datetime

from django.db.models import Exists, OuterRef, QuerySet, Subquery

from workflows_app.actions import Person
from workflows_app.engine.host import clock, transactions
from workflows_app.engine.run import audit
from workflows_app.models import Snooze, StepSnapshot

PUT_OFF = "put-off"
SHOW_AGAIN = "show-again"


def put_off(step: StepSnapshot, person: Person, until: datetime, *, door: str = "") -> None:
    """Hide a question from one person until a moment; the last one that was chosen counts.

    What the person put off before and is over is forgotten. The step was read with its run.
    """
    if step.suspension is None:
        return
    now = clock.now()
    mine = Snooze.objects.filter(person=person.pk)
    with transactions.write():
        mine.filter(until__lte=now).delete()
        mine.update_or_create(
            person_id=person.pk,
            suspension=step.suspension,
            defaults={"until": until, "run_id": step.run_id},
        )
        said = until.isoformat()
        audit.note(step.run, now, PUT_OFF, person, door=door, path=step.path, until=said)


def show_again(suspension: uuid.UUID, person: Person, *, door: str = "") -> bool:
    """Show a question to the person again; return whether it was put off."""
    mine = Snooze.objects.filter(person=person.pk, suspension=suspension)
    with transactions.write():
        if (found := mine.select_related("run").first()) is None or not mine.delete()[0]:
            return False
        step = StepSnapshot.objects.filter(suspension=suspension).only("path").first()
        path = step.path if step is not None else ""
        audit.note(found.run, clock.now(), SHOW_AGAIN, person, door=door, path=path)
        return True


def hides(person: Person) -> Exists:
    """Return the condition that a step's question is put off by this person now."""
    return Exists(_mine(person))


def until(person: Person) -> Subquery:
    """Return until when a step's question is put off by this person; NULL where it is not."""
    return Subquery(_mine(person).values("until")[:1])


def _mine(person: Person) -> QuerySet[Snooze]:
    mine = Snooze.objects.filter(suspension=OuterRef("suspension"), until__gt=clock.now())
    return mine.filter(person=person.pk)
