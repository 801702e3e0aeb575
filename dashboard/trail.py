"""The audit trail as every page shows it: actions with the reasons and answers that people gave.

Only the beginning of an action's data is read.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from django.db.models import QuerySet
from django.db.models.functions import Substr
from django.utils.translation import gettext

from workflows_app import jsontext
from workflows_app.engine.run import payloads
from workflows_app.models import Action

from .values import answers
from .values.answers import Answer

#: How many characters of an action's data are searched for a reason: more than a note may have.
_LOOK: Final = 4000

NO_ANSWER: Final = Answer()


@dataclass(frozen=True)
class TrailEntry:
    """One action, the reason that was given for it, and the answer that it recorded."""

    action: Action
    reason: str
    #: What was answered, if the action is an answer.
    answer: Answer = NO_ANSWER


def with_reasons(actions: QuerySet[Action]) -> QuerySet[Action]:
    """Return the actions, newest first, each with only the beginning of its data."""
    look = Substr(payloads.as_text("data"), 1, _LOOK)
    return actions.defer("data").annotate(data_text=look).order_by("-pk")


def entries_of(actions: Iterable[Action]) -> list[TrailEntry]:
    """Return the entries of actions that were read `with_reasons`."""
    return [_entry(action) for action in actions]


def _entry(action: Action) -> TrailEntry:
    text = getattr(action, "data_text", None)
    return TrailEntry(action, _reason(text), answer_of(action))


def answer_of(action: Action) -> Answer:
    """Return the answer that an action recorded, if it was read `with_reasons`."""
    if action.verb != "resume":
        return NO_ANSWER
    return answers.recorded(getattr(action, "data_text", None), _LOOK)


def _reason(text: str | None) -> str:
    """Return the reason in an action's data; longer data than we read holds none."""
    if not text or len(text) >= _LOOK:
        return ""
    try:
        data: Any = jsontext.loads(text)
    except ValueError:
        return ""
    if not isinstance(data, dict):
        return ""
    said = data.get("reason") or data.get("note")
    if not said and (before := data.get("instead_of")):
        said = gettext("Taken over from {person}.").format(person=before)
    return said if isinstance(said, str) else ""
