"""Which runs a list shows, according to its address, and one page of them."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Final
from urllib.parse import urlencode

from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext

from workflows_app import finding, languages, terms
from workflows_app.languages import gettext_lazy
from workflows_app.models import Run
from workflows_app.planner.statuses import RunStatus

from ..status import retrying
from ..values import sight
from . import columns

PAGE: Final = 50

#: The order of the filter: what asks for people comes first.
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

#: How many newer runs are counted before the page says "many".
MOST_NEWER: Final = 99


#: Time windows by their names in an address, with their labels.
WINDOWS: Final = {
    "1h": (gettext_lazy("the last hour"), timedelta(hours=1)),
    "24h": (gettext_lazy("the last 24 h"), timedelta(hours=24)),
    "7d": (gettext_lazy("the last 7 days"), timedelta(days=7)),
    "30d": (gettext_lazy("the last 30 days"), timedelta(days=30)),
}
#: The same as the end of a sentence about the runs of a list.
OF_WINDOWS: Final = {
    "1h": gettext_lazy("of the last hour"),
    "24h": gettext_lazy("of the last 24 h"),
    "7d": gettext_lazy("of the last 7 days"),
    "30d": gettext_lazy("of the last 30 days"),
}


@dataclass(frozen=True)
class RunFilters:
    """Which runs are wanted, and which page of them: before or after a key."""

    status: str = ""
    workflow: str = ""
    #: A time window by name, or else two days, both included.
    window: str = ""
    since: date | None = None
    until: date | None = None
    #: A run id, its beginning, its short form in lists, or a whole resource id.
    search: str = ""
    #: The columns of the list, as the address names them; empty for those of the last time.
    columns: str = ""
    before: uuid.UUID | None = None
    after: uuid.UUID | None = None

    @classmethod
    def read(cls, query: Mapping[str, str]) -> RunFilters:
        """Read an address; invalid values are left out, so that an old link still shows a list."""
        status = query.get("status", "")
        window = query.get("window", "")
        named = window in WINDOWS
        return cls(
            status=status if status in list(RunStatus) else "",
            workflow=query.get("workflow", "")[:255].replace("\0", ""),
            window=window if named else "",
            # A window replaces the days: days beside it would be shown but not applied.
            since=None if named else day(query.get("since", "")),
            until=None if named else day(query.get("until", "")),
            search=finding.clean(query.get("q", "")),
            columns=columns.understood(query.get("cols", "")),
            before=_key(query.get("before", "")),
            after=_key(query.get("after", "")),
        )

    @property
    def is_any(self) -> bool:
        """Whether any filter is set."""
        return bool(self._kept)

    @property
    def is_first_page(self) -> bool:
        """Whether the newest runs are shown."""
        return self.before is None and self.after is None

    @property
    def words(self) -> str:
        """The filters as the end of a sentence: "failed, of the workflow …"."""
        parts = []
        if self.status:
            word = terms.status(self.status)
            parts.append(gettext("that is {status}").format(status=word))
        if self.workflow:
            parts.append(gettext("of the workflow “{workflow}”").format(workflow=self.workflow))
        if self.window:
            parts.append(str(OF_WINDOWS[self.window]))
        parts += _days(self.since, None) + _days(None, self.until)
        if self.search:
            text = gettext("whose id is or begins with “{text}”, or of that resource")
            parts.append(text.format(text=self.search))
        return ", ".join(parts)

    def wanted(self) -> QuerySet[Run]:
        """Return all runs that match, newest first, without payloads."""
        runs = sight.rows(Run.objects.light()).order_by("-pk")
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
        """Return the keys between which the runs of the wanted time are; keys contain the time."""
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
        """Return the query of the same list with something changed, without the page."""
        kept = self._kept | {"cols": self.columns}
        wanted = {"status": "", "workflow": ""} | kept | changes
        return "?" + urlencode({key: value for key, value in wanted.items() if value})

    @property
    def days(self) -> str:
        """The two days as words; empty if none was chosen."""
        if self.since is not None and self.until is not None:
            since, until = languages.day(self.since), languages.day(self.until)
            return gettext("{since} to {until}").format(since=since, until=until)
        return "".join(_days(self.since, self.until))

    @property
    def without_days(self) -> str:
        """Return the query of the same list without a time limit."""
        return self.link(since=None, until=None)

    @property
    def kept_by_columns(self) -> dict[str, object]:
        """What the form of the columns keeps: the filters; it leads to the newest page."""
        return self._kept


def _days(since: date | None, until: date | None) -> list[str]:
    found = []
    if since is not None:
        found.append(gettext("from {since} on").format(since=languages.day(since)))
    if until is not None:
        found.append(gettext("up to {until}").format(until=languages.day(until)))
    return found


def first_key(since: datetime) -> uuid.UUID:
    """Return the smallest key of a run that was created at this time."""
    milliseconds = max(int(since.timestamp() * 1000), 0)
    return uuid.UUID(int=milliseconds << 80)


def day(text: str) -> date | None:
    """Return the day in an address; None if it is not one, or one that no key can express."""
    try:
        found = date.fromisoformat(text)
    except ValueError:
        return None
    return found if 1970 < found.year < 9999 else None  # noqa: PLR2004 - years that keys can hold


@dataclass(frozen=True)
class RunsPage:
    """Some runs of a list, and the links to those around them."""

    runs: list[Run] = field(default_factory=list)
    newer: str = ""
    older: str = ""


def page_of(filters: RunFilters, rows: QuerySet[Run]) -> RunsPage:
    """Return one page by key, at a cost that does not grow with how far back it is."""
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
        return RunsPage()
    return RunsPage(
        found,
        filters.link(after=found[0].pk) if has_newer else "",
        filters.link(before=found[-1].pk) if has_older else "",
    )


def newer_than(filters: RunFilters, first: uuid.UUID) -> int:
    """Return how many matching runs are newer, up to a limit."""
    newer = filters.wanted().filter(pk__gt=first).order_by()
    return len(newer.values_list("pk", flat=True)[: MOST_NEWER + 1])


def _key(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text)
    except ValueError:
        return None
