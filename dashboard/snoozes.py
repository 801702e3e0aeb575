"""Questions that a person put off: gone from their inbox, and from nobody else's, for a time."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Final

from django.db.models import Exists, OuterRef, QuerySet, Subquery
from django.utils import timezone

from workflows_app.actions import Person
from workflows_app.engine import clock
from workflows_app.models import Snooze, StepSnapshot

#: When the day of somebody begins who puts a question off until tomorrow.
MORNING: Final = time(9)


@dataclass(frozen=True)
class Choice:
    """Until when a question may be put off."""

    name: str
    label: str
    until: datetime


def choices(now: datetime) -> list[Choice]:
    """Return the choices at a moment; mornings are those of the current time zone."""
    today = timezone.localtime(now)
    monday = today + timedelta(days=7 - today.weekday())
    return [
        Choice("hour", "For an hour", now + timedelta(hours=1)),
        Choice("tomorrow", "Until tomorrow, 9:00", _morning(today + timedelta(days=1))),
        Choice("monday", "Until Monday, 9:00", _morning(monday)),
    ]


def put_off(step: StepSnapshot, person: Person, name: str) -> datetime | None:
    """Hide a question from one person; return until when, or None where the choice is none.

    The last choice counts. What the person put off before and is over is forgotten.
    """
    now = clock.now()
    moment = next((choice.until for choice in choices(now) if choice.name == name), None)
    if moment is not None and step.suspension is not None:
        mine = Snooze.objects.filter(person=person.pk)
        mine.filter(until__lte=now).delete()
        mine.update_or_create(
            person_id=person.pk,
            suspension=step.suspension,
            defaults={"until": moment, "run_id": step.run_id},
        )
    return moment


def show_again(suspension: uuid.UUID, person: Person) -> bool:
    """Show a question to the person again; return whether it was put off."""
    mine = Snooze.objects.filter(person=person.pk, suspension=suspension)
    return bool(mine.delete()[0])


def hides(person: Person) -> Exists:
    """Return the condition that a step's question is put off by this person now."""
    return Exists(_mine(person))


def until(person: Person) -> Subquery:
    """Return until when a step's question is put off by this person; NULL where it is not."""
    return Subquery(_mine(person).values("until")[:1])


def _mine(person: Person) -> QuerySet[Snooze]:
    mine = Snooze.objects.filter(suspension=OuterRef("suspension"), until__gt=clock.now())
    return mine.filter(person=person.pk)


def _morning(day: datetime) -> datetime:
    return timezone.make_aware(datetime.combine(day.date(), MORNING))
