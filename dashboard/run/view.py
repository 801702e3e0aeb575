"""How a person looks at the page of a run, read from its address."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlencode

from workflows_app.models import Run

from ..graph.look import Look
from ..lists.paging import number

GROUPS: Final = ("step", "branch")
MARKS: Final = 2
TABS: Final = ("timeline", "graph", "events", "data", "related", "audit")


@dataclass(frozen=True)
class View:
    """How a person looks at a run."""

    tab: str = "graph"
    at: int | None = None
    #: The question with the open form, if there are too many to give each a form.
    question: uuid.UUID | None = None
    #: The index of the first entry that is listed; None means around what asks for attention.
    first: int | None = None
    folds: bool = True
    errors_only: bool = False
    #: How many rows of the timeline come before the first one shown.
    skip: int = 0
    #: The seconds since the start, first and last, that the timeline shows.
    window: tuple[float, float] | None = None
    #: How the rows of the timeline are grouped; empty if they are not.
    group: str = ""
    #: The keys of the steps whose rows mark the ends of a measurement.
    marks: tuple[int, ...] = ()
    #: How the drawing of the graph is shown; for the timeline, which groups are opened or closed.
    look: Look = field(default_factory=Look)

    @property
    def graph_address(self) -> dict[str, str]:
        """The part of the graph's address that does not say how it is shown."""
        return {"tab": "graph"} | self._kept

    @property
    def now(self) -> str:
        """The same view of the run as it is now."""
        return "?" + urlencode({k: v for k, v in self._query.items() if k != "at"})

    @property
    def kept_by_playback(self) -> dict[str, str]:
        """The fields that the form of the moment keeps; rows begin at the first again."""
        return {k: v for k, v in self._query.items() if k not in {"at", "skip", "mark"}}

    @property
    def timeline_query(self) -> dict[str, str]:
        """The address of the timeline in this view, as its parts."""
        return self._query | {"tab": "timeline"}

    @property
    def _query(self) -> dict[str, str]:
        said = {
            "tab": self.tab,
            "at": "" if self.at is None else str(self.at),
            "question": str(self.question or ""),
            "errors": "1" if self.errors_only else "",
            "fold": "" if self.folds else "0",
            "since": f"{self.window[0]:g}" if self.window else "",
            "until": f"{self.window[1]:g}" if self.window else "",
            "group": self.group,
            "turned": ",".join(sorted(self.look.turned)),
            "mark": "-".join(str(key) for key in self.marks),
            "skip": str(self.skip or ""),
        }
        return {name: value for name, value in said.items() if value}

    @property
    def _kept(self) -> dict[str, str]:
        """The fields that every link to another view keeps: the moment or the open question."""
        if self.at is not None:
            return {"at": str(self.at)}
        return {} if self.question is None else {"question": str(self.question)}

    def tab_link(self, tab: str) -> str:
        """Return the address of a tab."""
        return "?" + urlencode({"tab": tab} | self._kept)

    def question_link(self, suspension: uuid.UUID) -> str:
        """Return the address of the same view with the form of this question open."""
        return "?" + urlencode(self._query | {"question": str(suspension)})

    def list_link(self, first: int) -> str:
        """Return the address that lists the entries of the graph from an index on."""
        return "?" + urlencode({"tab": self.tab, "first": str(first)} | self._kept)

    def timeline_link(self, *, without: Collection[str] = (), **changes: str) -> str:
        """Return the address of the timeline with some parts changed or left out."""
        query = self.timeline_query | changes
        return "?" + urlencode({k: v for k, v in query.items() if v and k not in without})

    @property
    def kept_by_filters(self) -> dict[str, str]:
        """The fields that the form of the filters keeps; rows and groups begin as at first."""
        changed = {"errors", "fold", "group", "turned", "skip"}
        return {k: v for k, v in self.timeline_query.items() if k not in changed}

    @property
    def kept_by_part(self) -> dict[str, str]:
        """The fields that the form that selects a time range keeps."""
        return {k: v for k, v in self.timeline_query.items() if k not in {"since", "until", "skip"}}

    @property
    def whole_run(self) -> str:
        """The address of the timeline of the whole run."""
        return self.timeline_link(without=("since", "until", "skip"))

    @property
    def unmarked(self) -> str:
        """The address without a measurement."""
        return self.timeline_link(without=("mark",))

    @property
    def mark_begins(self) -> str:
        """The beginning of the address that marks a row; the key of its step follows."""
        kept = f"{self.marks[0]}-" if len(self.marks) == 1 else ""
        return f"{self.unmarked}&mark={kept}"

    @classmethod
    def read(cls, data: Mapping[str, str], run: Run, remembered: str = "") -> View:
        """Return what an address says; what is not understood is left out."""
        tab = data.get("tab") or remembered
        at = amount(data.get("at", ""))
        if at is not None:  # a run has no moment before its first event
            at = max(at, 1)
        first = amount(data.get("first", ""))
        window = (amount(data.get("since", "")), amount(data.get("until", "")))
        return cls(
            tab=tab if tab in TABS else "graph",
            at=None if at is None or at >= run.event_seq else int(at),
            question=_key(data.get("question", "")),
            first=None if first is None else int(first),
            folds=data.get("fold") != "0",
            errors_only=data.get("errors") == "1",
            skip=int(amount(data.get("skip", "")) or 0),
            window=(window[0], window[1])
            if window[0] is not None and window[1] is not None and window[0] < window[1]
            else None,
            group=data.get("group", "") if data.get("group") in GROUPS else "",
            marks=keys(data.get("mark", "")),
            look=Look.read(data),
        )


def _key(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text)
    except ValueError:
        return None


def keys(text: str) -> tuple[int, ...]:
    """Return the keys of the steps that an address marks; none if one of them is not a key."""
    said = [number(part) for part in text.split("-")[:MARKS]]
    known = [key for key in said if key is not None]
    return tuple(dict.fromkeys(known)) if len(known) == len(said) else ()


def amount(text: str) -> float | None:
    """Return the number of seconds or rows in an address; None if it is not a number."""
    try:
        number = float(text)
    except ValueError:
        return None
    return number if 0 <= number < 1e15 else None  # noqa: PLR2004 - what a number may be
