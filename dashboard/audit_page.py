"""What the page of the audit trail shows: who did what, newest first, and the same as a file.

Of payloads only short answers are read; long ones stay on the page of their run.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC
from typing import Any, Final

from django.db.models import QuerySet
from django.db.models.functions import Substr

from dashboard import answers, finding, paging
from dashboard.answers import Answer
from dashboard.paging import Page, Place
from workflows_app import jsontext
from workflows_app.engine import payloads
from workflows_app.models import Action

#: Actions that an export holds at most.
MOST: Final = 10_000
#: Newer actions that are counted before it says "many".
MOST_NEWER: Final = 99
#: Characters of an action's data that are looked at for a reason: more than a note may have.
_LOOK: Final = 4000
VERBS: Final = (
    "start",
    "rerun",
    "resume",
    "claim",
    "take-over",
    "release",
    "cancel",
    "restart",
    "retry",
    "proceed",
    "time-travel",
    "fork",
    "create-schedule",
    "delete",
    "pause-schedule",
    "unpause-schedule",
    "trigger-schedule",
)
COLUMNS: Final = (
    "at",
    "who",
    "verb",
    "run",
    "workflow",
    "path",
    "schedule",
    "door",
    "reason",
    "answer",
)


@dataclass(frozen=True)
class Filters:
    """Whose actions are wanted, which, and on which run. All names are whole names.

    A run may also be named as lists show it.
    """

    person: str = ""
    verb: str = ""
    run: str = ""

    @classmethod
    def read(cls, query: Mapping[str, str]) -> Filters:
        """Read an address."""
        return cls(*(_clean(query.get(name, "")) for name in ("person", "verb", "run")))

    @property
    def is_any(self) -> bool:
        """Whether something is filtered out."""
        return bool(self.person or self.verb or self.run)

    @property
    def kept(self) -> dict[str, str]:
        """What links to the same list keep of the address."""
        return {"person": self.person, "verb": self.verb, "run": self.run}

    @property
    def query(self) -> str:
        """The query of the same list; a page is not kept."""
        return paging.link(self.kept)

    @property
    def verbs(self) -> list[str]:
        """The verbs to choose from, and the one that was asked for."""
        return [*VERBS, *([self.verb] if self.verb and self.verb not in VERBS else [])]

    def wanted(self) -> QuerySet[Action]:
        """Return all actions that match, newest first, with the beginning of their data."""
        actions = with_reasons(Action.objects.all())
        if self.person:
            actions = actions.filter(actor_name__in=finding.people(self.person))
        if self.verb:
            actions = actions.filter(verb=self.verb.lower())
        if self.run:
            actions = actions.filter(public_run_id__in=finding.run_ids(self.run))
        return actions


NO_ANSWER: Final = Answer()


@dataclass(frozen=True)
class Entry:
    """One action, the reason that was given for it, and the answer that it brought."""

    action: Action
    reason: str
    #: What was answered, where it is an answer.
    answer: Answer = NO_ANSWER

    @property
    def row(self) -> dict[str, str]:
        """The action as an export names it: times in UTC."""
        action = self.action
        at = action.at.astimezone(UTC).isoformat(timespec="milliseconds")
        said = (
            at,
            action.actor_name,
            action.verb,
            action.public_run_id,
            action.workflow_name,
            action.path,
            action.subject,
            action.through,
            self.reason,
            self.answer.text,
        )
        return dict(zip(COLUMNS, said, strict=True))


def with_reasons(actions: QuerySet[Action]) -> QuerySet[Action]:
    """Return the actions newest first, each with the beginning of its data instead of all."""
    look = Substr(payloads.as_text("data"), 1, _LOOK)
    return actions.defer("data").annotate(data_text=look).order_by("-pk")


def entries_of(actions: Iterable[Action]) -> list[Entry]:
    """Return actions that were asked for `with_reasons`, each with its reason."""
    return [_entry(action) for action in actions]


def shown(filters: Filters, place: Place) -> tuple[list[Entry], Page[Action]]:
    """Return one page of the trail."""
    page = paging.page_of(filters.wanted(), place, filters.kept)
    return entries_of(page.rows), page


def newer_than(filters: Filters, key: int) -> int:
    """Return how many matching actions are newer than one, counted to a limit."""
    newer = filters.wanted().filter(pk__gt=key).values_list("pk", flat=True)
    return len(newer[: MOST_NEWER + 1])


def exported(filters: Filters) -> tuple[list[Entry], bool]:
    """Return the newest `MOST` actions that match, and whether there are more."""
    found = entries_of(filters.wanted()[: MOST + 1])
    return found[:MOST], len(found) > MOST


def as_csv(entries: list[Entry]) -> Iterator[str]:
    """Yield a CSV file by lines. What a spreadsheet would calculate is made plain text."""
    line = io.StringIO()
    writer = csv.writer(line)
    for cells in (COLUMNS, *(entry.row.values() for entry in entries)):
        writer.writerow([_plain(cell) for cell in cells])
        yield line.getvalue()
        line.seek(0)
        line.truncate()


def as_json(filters: Filters, entries: list[Entry], *, is_cut: bool) -> str:
    """Return a JSON text that says what was asked for, and whether it is all of it."""
    said = {
        "filter": {name: value for name, value in filters.kept.items() if value},
        "limit": MOST,
        "is_cut": is_cut,
        "actions": [entry.row | {"answer": entry.answer.value} for entry in entries],
    }
    return json.dumps(said, ensure_ascii=False, indent=1)


def _entry(action: Action) -> Entry:
    text = getattr(action, "data_text", None)
    return Entry(action, _reason(text), answer_of(action))


def answer_of(action: Action) -> Answer:
    """Return what an action answered, if it was asked for `with_reasons`."""
    if action.verb != "resume":
        return NO_ANSWER
    return answers.recorded(getattr(action, "data_text", None), _LOOK)


def _reason(text: str | None) -> str:
    """Return the reason in an action's data; data that is longer than a look holds none."""
    if not text or len(text) >= _LOOK:
        return ""
    try:
        data: Any = jsontext.loads(text)
    except ValueError:
        return ""
    said = data.get("reason") or data.get("note") if isinstance(data, dict) else ""
    return said if isinstance(said, str) else ""


def _plain(cell: str) -> str:
    return f"'{cell}" if cell.startswith(("=", "+", "-", "@", "\t", "\r")) else cell


def _clean(text: str) -> str:
    return text.strip().replace("\x00", "")[:255]
