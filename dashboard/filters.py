"""What a list of runs was asked for, from its address, and the page of runs that answers."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Final
from urllib.parse import urlencode

from django.db.models import QuerySet
from django.utils import timezone

from dashboard import columns, finding, retrying
from workflows_app.models import Run
from workflows_app.planner.statuses import RunStatus

PAGE: Final = 50

#: The order of the filter: what asks for people first.
STATUSES: Final = [
    RunStatus.SUSPENDED,
    RunStatus.RUNNING,
    RunStatus.WAITING,
    RunStatus.PAUSED,
    RunStatus.FAILED,
    RunStatus.SUCCESS,
    RunStatus.CANCELED,
    RunStatus.PENDING,
]

#: How many newer runs are counted before it says "many".
MOST_NEWER: Final = 99


#: Windows of time by the name that an address has for them, and their words.
WINDOWS: Final = {
    "1h": ("the last hour", timedelta(hours=1)),
    "24h": ("the last 24 h", timedelta(hours=24)),
    "7d": ("the last 7 days", timedelta(days=7)),
    "30d": ("the last 30 days", timedelta(days=30)),
}


@dataclass(frozen=True)
class Filters:
    """Which runs are wanted, and which page of them: before or after a key."""

    status: str = ""
    workflow: str = ""
    #: A window of time by name, or else two days, the last one included.
    window: str = ""
    since: date | None = None
    until: date | None = None
    #: A run id, its beginning, or as lists show it, or a whole resource id.
    search: str = ""
    #: The columns of the list, as the address names them; empty: as this browser had them last.
    columns: str = ""
    before: uuid.UUID | None = None
    after: uuid.UUID | None = None

    @classmethod
    def read(cls, query: Mapping[str, str]) -> Filters:
        """Read an address; what it cannot mean is left out, so an old link still shows a list."""
        status = query.get("status", "")
        window = query.get("window", "")
        named = window in WINDOWS
        return cls(
            status=status if status in list(RunStatus) else "",
            workflow=query.get("workflow", "")[:255].replace("\0", ""),
            window=window if named else "",
            # A window is a choice of its own: days beside it would be said and not held to.
            since=None if named else day(query.get("since", "")),
            until=None if named else day(query.get("until", "")),
            search=finding.clean(query.get("q", "")),
            columns=columns.understood(query.get("cols", "")),
            before=_key(query.get("before", "")),
            after=_key(query.get("after", "")),
        )

    @property
    def is_any(self) -> bool:
        """Whether something was filtered out."""
        return bool(self._kept)

    @property
    def is_first_page(self) -> bool:
        """Whether the newest runs are shown."""
        return self.before is None and self.after is None

    @property
    def words(self) -> str:
        """What is wanted, as the end of a sentence: "failed, of the workflow …"."""
        parts = []
        if self.status:
            parts.append(f"that is {self.status}")
        if self.workflow:
            parts.append(f"of the workflow “{self.workflow}”")
        if self.window:
            parts.append(f"of {WINDOWS[self.window][0]}")
        if self.since is not None:
            parts.append(f"from {self.since.isoformat()} on")
        if self.until is not None:
            parts.append(f"up to {self.until.isoformat()}")
        if self.search:
            parts.append(f"whose id is or begins with “{self.search}”, or of that resource")
        return ", ".join(parts)

    def wanted(self) -> QuerySet[Run]:
        """Return all runs that match, newest first, without payloads."""
        runs = Run.objects.light().order_by("-pk")
        if self.status:
            runs = retrying.with_status(runs, self.status)
        if self.workflow:
            runs = runs.filter(workflow_id=self.workflow)
        if self.search:
            runs = runs.filter(finding.by_id(self.search) | finding.by_resource(self.search))
        first, last = self._range()
        if first is not None:
            runs = runs.filter(pk__gte=first)
        if last is not None:
            runs = runs.filter(pk__lt=last)
        return runs

    def _range(self) -> tuple[uuid.UUID | None, uuid.UUID | None]:
        """Return the keys between which the runs of the wanted time are: keys hold their time."""
        if self.window:
            return first_key(timezone.now() - WINDOWS[self.window][1]), None
        zone = timezone.get_current_timezone()
        first = last = None
        if self.since is not None:
            first = first_key(datetime.combine(self.since, time.min, zone))
        if self.until is not None:
            last = first_key(datetime.combine(self.until, time.min, zone) + timedelta(days=1))
        return first, last

    @property
    def _kept(self) -> dict[str, object]:
        wanted = {
            "status": self.status,
            "workflow": self.workflow,
            "window": self.window,
            "since": self.since,
            "until": self.until,
            "q": self.search,
        }
        return {key: value for key, value in wanted.items() if value}

    def link(self, **changes: object) -> str:
        """Return the query of the same list with something else; a page is not kept."""
        kept = self._kept | {"cols": self.columns}
        wanted = {"status": "", "workflow": ""} | kept | changes
        return "?" + urlencode({key: value for key, value in wanted.items() if value})

    @property
    def days(self) -> str:
        """The two days as words; empty where none was chosen."""
        if self.since is not None and self.until is not None:
            return f"{self.since.isoformat()} to {self.until.isoformat()}"
        if self.since is not None:
            return f"from {self.since.isoformat()} on"
        return f"up to {self.until.isoformat()}" if self.until is not None else ""

    @property
    def without_days(self) -> str:
        """Return the query of the same list of any time."""
        return self.link(since=None, until=None)

    @property
    def kept_by_columns(self) -> dict[str, object]:
        """What the form of the columns keeps: the filter; the page is the newest."""
        return self._kept


def first_key(since: datetime) -> uuid.UUID:
    """Return the least key of a run that was created then."""
    milliseconds = max(int(since.timestamp() * 1000), 0)
    return uuid.UUID(int=milliseconds << 80)


def day(text: str) -> date | None:
    """Return the day that an address names; None when it is none, or one that no key can hold."""
    try:
        found = date.fromisoformat(text)
    except ValueError:
        return None
    return found if 1970 < found.year < 9999 else None  # noqa: PLR2004 - years that keys can hold


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
