"""Until when the pages offer to put a question off."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Final

from django.utils import timezone
from django.utils.translation import gettext

from workflows_app import snoozes
from workflows_app.actions import Person
from workflows_app.engine.host import clock
from workflows_app.models import StepSnapshot

#: When the day begins for a person who snoozes a question until tomorrow.
MORNING: Final = time(9)


@dataclass(frozen=True)
class SnoozeChoice:
    """One moment until which a question may be snoozed."""

    name: str
    label: str
    until: datetime


def choices(now: datetime) -> list[SnoozeChoice]:
    """Return the choices at a moment; mornings are those of the current time zone."""
    today = timezone.localtime(now)
    monday = today + timedelta(days=7 - today.weekday())
    return [
        SnoozeChoice("hour", gettext("For an hour"), now + timedelta(hours=1)),
        SnoozeChoice(
            "tomorrow",
            gettext("Until tomorrow, 9:00"),
            _morning(today + timedelta(days=1)),
        ),
        SnoozeChoice("monday", gettext("Until Monday, 9:00"), _morning(monday)),
    ]


def put_off(step: StepSnapshot, person: Person, name: str, *, door: str = "") -> datetime | None:
    """Hide a question from one person; return until when, or None where the choice is none."""
    found = choices(clock.now())
    moment = next((choice.until for choice in found if choice.name == name), None)
    if moment is not None:
        snoozes.put_off(step, person, moment, door=door)
    return moment


def _morning(day: datetime) -> datetime:
    return timezone.make_aware(datetime.combine(day.date(), MORNING))
