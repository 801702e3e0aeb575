"""The questions that wait for a person: how many there are, and which come first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from django.db.models import Exists, OuterRef, Q
from django.http import HttpRequest

from workflows_app import snoozes
from workflows_app.actions import Person
from workflows_app.models import Assignment, StepSnapshot

from . import questions
from .request import access
from .values import sight
from .values.previews import question_in

#: The menu counts questions up to here.
MOST_COUNTED: Final = 99

#: How many questions a page lists before people have to open the inbox.
MOST_NEEDS: Final = 5


@dataclass(frozen=True)
class Need:
    """One question that a person should see first."""

    step: StepSnapshot
    question: str
    is_mine: bool


def waiting_of(person: Person) -> list[int]:
    """Return the oldest steps that wait for this person, up to a limit, in one query.

    The person may answer them, nobody else has claimed them, and the person has not snoozed them.
    """
    if not access.may_answer(person):
        return []
    is_allowed = questions.allowed_for(person)
    others = Assignment.objects.filter(suspension=OuterRef("suspension")).exclude(person=person.pk)
    asking = sight.rows(StepSnapshot.objects.asking(), "run__workflow_id")
    asking = asking.exclude(Exists(others)).exclude(snoozes.hides(person))
    found = questions.asking_in(asking.order_by("pk"), MOST_COUNTED + 1)
    return [step.pk for step in found if is_allowed(step)]


def waiting_in(request: HttpRequest) -> list[int]:
    """Return the same for the person behind a request, worked out once per request."""
    known: list[int] | None = request.__dict__.get("_signalbox_waiting")
    if known is None:
        known = request.__dict__["_signalbox_waiting"] = waiting_of(request.user)
    return known


def counted_for(request: HttpRequest) -> str:
    """Return how many questions wait for the person behind a request; empty if there are none."""
    known = len(waiting_in(request))
    return f"{MOST_COUNTED}+" if known > MOST_COUNTED else str(known or "")


def needs_in(request: HttpRequest, most: int = MOST_NEEDS) -> list[Need]:
    """Return what the person has claimed, then what has waited longest; oldest first in both.

    Every page that lists what waits for a person uses this.
    """
    person = request.user
    if not access.may_answer(person):
        return []
    claims = Assignment.objects.filter(suspension=OuterRef("suspension"), person=person.pk)
    is_mine = Exists(claims)
    asking = sight.rows(StepSnapshot.objects.asking(), "run__workflow_id")
    wanted = asking.filter(Q(pk__in=waiting_in(request)) | is_mine)
    rows = questions.with_texts(wanted).annotate(is_mine=is_mine).order_by("-is_mine", "pk")[:most]
    return [
        Need(step, question_in(getattr(step, "question_text", "")), getattr(step, "is_mine", False))
        for step in rows
    ]
