"""What a list of runs was asked for, from its address, and the page of runs that answers."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlencode

from django.db.models import QuerySet

from workflows_app.models import Run
from workflows_app.planner.statuses import RunStatus

PAGE: Final = 50

#: How many newer runs are counted before it says "many".
MOST_NEWER: Final = 99


@dataclass(frozen=True)
class Filters:
    """Which runs are wanted, and which page of them: before or after a key."""

    status: str = ""
    workflow: str = ""
    before: uuid.UUID | None = None
    after: uuid.UUID | None = None

    @classmethod
    def read(cls, query: Mapping[str, str]) -> Filters:
        """Read an address; what it cannot mean is left out, so an old link still shows a list."""
        status = query.get("status", "")
        return cls(
            status=status if status in list(RunStatus) else "",
            workflow=query.get("workflow", "")[:255],
            before=_key(query.get("before", "")),
            after=_key(query.get("after", "")),
        )

    @property
    def is_any(self) -> bool:
        """Whether something was filtered out."""
        return bool(self.status or self.workflow)

    @property
    def is_first_page(self) -> bool:
        """Whether the newest runs are shown."""
        return self.before is None and self.after is None

    def wanted(self) -> QuerySet[Run]:
        """Return all runs that match, newest first, without payloads."""
        runs = Run.objects.light().order_by("-pk")
        if self.status:
            runs = runs.filter(status=self.status)
        if self.workflow:
            runs = runs.filter(workflow_id=self.workflow)
        return runs

    def link(self, **changes: object) -> str:
        """Return the query of the same list with something else; a page is not kept."""
        wanted = {"status": self.status, "workflow": self.workflow} | changes
        return "?" + urlencode({key: value for key, value in wanted.items() if value})


@dataclass(frozen=True)
class Page:
    """Some runs of a list, and the links to those around them."""

    runs: list[Run] = field(default_factory=list)
    newer: str = ""
    older: str = ""


def page_of(filters: Filters, rows: QuerySet[Run]) -> Page:
    """Return one page by key: its cost does not grow with how far back it is."""
    if filters.after is not None:
        found = list(rows.filter(pk__gt=filters.after).order_by("pk")[: PAGE + 1])
        has_newer, has_older = len(found) > PAGE, True
        found = found[:PAGE][::-1]
    else:
        older = rows if filters.before is None else rows.filter(pk__lt=filters.before)
        found = list(older[: PAGE + 1])
        has_newer, has_older = filters.before is not None, len(found) > PAGE
        found = found[:PAGE]
    if not found:
        return Page()
    return Page(
        found,
        filters.link(after=found[0].pk) if has_newer else "",
        filters.link(before=found[-1].pk) if has_older else "",
    )


def newer_than(filters: Filters, first: uuid.UUID) -> int:
    """Return how many matching runs are newer, counted to a limit."""
    newer = filters.wanted().filter(pk__gt=first).order_by()
    return len(newer.values_list("pk", flat=True)[: MOST_NEWER + 1])


def _key(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text)
    except ValueError:
        return None
