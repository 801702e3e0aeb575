"""What the page of the audit trail shows: who did what, newest first; also as a file.

Of payloads only short answers are read; long ones are on the page of their run.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC
from typing import Final

from django.db.models import QuerySet

from workflows_app import finding
from workflows_app.models import Action

from .. import trail
from ..lists import paging
from ..lists.paging import Cursor, ListPage
from ..trail import TrailEntry
from ..values import sight

#: The most actions that an export contains.
MOST: Final = 10_000
#: How many newer actions are counted before the page says "many".
MOST_NEWER: Final = 99
VERBS: Final = (
    "start",
    "rerun",
    "resume",
    "resume-refused",
    "claim",
    "put-off",
    "show-again",
    "release",
    "cancel",
    "restart",
    "retry",
    "skip-wait",
    "give-up",
    "pause",
    "proceed",
    "pause-intake",
    "resume-intake",
    "time-travel",
    "fork",
    "create-schedule",
    "delete",
    "pause-schedule",
    "unpause-schedule",
    "trigger-schedule",
    "change-schedule",
    "delete-schedule",
    "create-token",
    "revoke-token",
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
class AuditFilters:
    """Which actions are wanted, by whom and on which run. All names are whole names.

    A run may also be named as lists show it.
    """

    person: str = ""
    verb: str = ""
    run: str = ""

    @classmethod
    def read(cls, query: Mapping[str, str]) -> AuditFilters:
        """Read an address."""
        return cls(*(_clean(query.get(name, "")) for name in ("person", "verb", "run")))

    @property
    def is_any(self) -> bool:
        """Whether any filter is set."""
        return bool(self.person or self.verb or self.run)

    @property
    def kept(self) -> dict[str, str]:
        """The part of the address that links to the same list keep."""
        return {"person": self.person, "verb": self.verb, "run": self.run}

    @property
    def query(self) -> str:
        """The query of the same list, without the page."""
        return paging.query_of(self.kept)

    @property
    def verbs(self) -> list[str]:
        """The verbs to choose from, and the one in the address."""
        return [*VERBS, *([self.verb] if self.verb and self.verb not in VERBS else [])]

    def wanted(self) -> QuerySet[Action]:
        """Return all actions that match, newest first, with the beginning of their data."""
        actions = trail.with_reasons(sight.rows(Action.objects.all(), "workflow_name"))
        if self.person:
            actions = actions.filter(actor_name__in=finding.people(self.person))
        if self.verb:
            actions = actions.filter(verb=self.verb.lower())
        if self.run:
            actions = actions.filter(public_run_id__in=finding.run_ids(self.run))
        return actions


def page_of(filters: AuditFilters, cursor: Cursor) -> tuple[list[TrailEntry], ListPage[Action]]:
    """Return one page of the trail."""
    page = paging.page_of(filters.wanted(), cursor, filters.kept)
    return trail.entries_of(page.rows), page


def newer_than(filters: AuditFilters, key: int) -> int:
    """Return how many matching actions are newer than one, up to a limit."""
    newer = filters.wanted().filter(pk__gt=key).values_list("pk", flat=True)
    return len(newer[: MOST_NEWER + 1])


def exported(filters: AuditFilters) -> tuple[list[TrailEntry], bool]:
    """Return the newest `MOST` actions that match, and whether there are more."""
    found = trail.entries_of(filters.wanted()[: MOST + 1])
    return found[:MOST], len(found) > MOST


def row_of(entry: TrailEntry) -> dict[str, str]:
    """Return an action with the names of an export; times are in UTC."""
    action = entry.action
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
        entry.reason,
        entry.answer.text,
    )
    return dict(zip(COLUMNS, said, strict=True))


def as_csv(entries: list[TrailEntry]) -> Iterator[str]:
    """Yield the lines of a CSV file. What a spreadsheet would calculate becomes plain text."""
    line = io.StringIO()
    writer = csv.writer(line)
    for cells in (COLUMNS, *(row_of(entry).values() for entry in entries)):
        writer.writerow([_plain(cell) for cell in cells])
        yield line.getvalue()
        line.seek(0)
        line.truncate()


def as_json(filters: AuditFilters, entries: list[TrailEntry], *, is_cut: bool) -> str:
    """Return a JSON text with the filters, the actions, and whether these are all of them."""
    said = {
        "filter": {name: value for name, value in filters.kept.items() if value},
        "limit": MOST,
        "is_cut": is_cut,
        "actions": [row_of(entry) | {"answer": entry.answer.value} for entry in entries],
    }
    return json.dumps(said, ensure_ascii=False, indent=1)


def _plain(cell: str) -> str:
    return f"'{cell}" if cell.startswith(("=", "+", "-", "@", "\t", "\r")) else cell


def _clean(text: str) -> str:
    return text.strip().replace("\x00", "")[:255]
