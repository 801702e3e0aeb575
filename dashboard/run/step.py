"""The page of one step: the inspector at an address of its own."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext

from workflows_app import actions
from workflows_app.actions import Offer, Person
from workflows_app.engine.run import log
from workflows_app.models import Action, Run, StepSnapshot
from workflows_app.planner.statuses import StepStatus

from .. import trail
from ..graph import graphs
from ..graph.graphs import Graph, GraphEntry
from ..lists.paging import SMALL_DIGITS, number
from ..status import busy, standing
from ..status.spans import length_in
from ..values import previews, sight
from . import past, playback, records
from .addresses import Addresses
from .cards import Card, card_for

MOST_ITEMS: Final = 100
#: How many events and written values of the step its page lists.
MOST_SHOWN: Final = 50
#: How many transactions of the log are searched for them.
MOST_LOGGED: Final = 200
MOST_ATTEMPTS: Final = 100
MOST_TIMELINES: Final = 50
RETRY: Final = "workflow-step-retry"
#: What a step writes has this event type, or one of the step's own that begins with it.
OUTPUT: Final = "workflow-step-output"
CUSTOM: Final = "data-"


@dataclass(frozen=True)
class WrittenValue:
    """One value that the step wrote while it ran."""

    seq: int
    at: str
    kind: str
    text: str


@dataclass(frozen=True)
class Attempt:
    """One attempt that failed and was followed by another."""

    number: int
    at: str
    error: Mapping[str, Any]
    next_at: str


@dataclass(frozen=True)
class OtherRecord:
    """The record of the same step on another timeline."""

    timeline: int
    status: str
    url: str


@dataclass(frozen=True)
class StepItem:
    """One item, round or step inside the step, as its line shows it."""

    step: StepSnapshot
    #: The statuses of what it contains.
    inside: Collection[str]
    known: busy.Busy

    @property
    def path(self) -> str:
        """Its path."""
        return self.step.path

    @property
    def status(self) -> str:
        """Its status as pages show it."""
        return standing.status_of(self.step, self.inside)

    @property
    def took(self) -> timedelta | None:
        """How long it took, or has taken so far; None if it has not started."""
        return standing.took(self.step, known=self.known)

    @property
    def is_going(self) -> bool:
        """Whether that time is still growing."""
        return self.status == StepStatus.RUNNING


@dataclass(frozen=True)
class StepPage:
    """One step of a run with everything that is known about it."""

    card: Card
    step: StepSnapshot
    entry: GraphEntry
    events: list[dict[str, Any]]
    written: list[WrittenValue]
    attempts: list[Attempt]
    elsewhere: list[OtherRecord]
    #: The actions on it, in order of time.
    people: list[trail.TrailEntry]
    items: list[StepSnapshot]
    tally: list[tuple[str, int]]
    first: int
    travel: Offer
    #: The step that a time travel starts at: for an item, its whole list.
    travel_to: str
    #: The timeline on which it is shown; None means the present one.
    timeline: int | None
    addresses: Addresses
    #: When the steps of the run ran and waited.
    known: busy.Busy
    #: The statuses of what is open inside it and inside its items, by path.
    inside: Mapping[str, Collection[str]]

    @property
    def is_asking(self) -> bool:
        """Whether it waits for an answer."""
        return self.step.status == StepStatus.SUSPENDED

    @property
    def is_going(self) -> bool:
        """Whether its time is still growing."""
        return standing.is_growing(self.step, self.card.status)

    @property
    def waits_until(self) -> datetime | None:
        """When its next attempt begins, while it waits for it."""
        return self.step.wake_at if standing.is_between_attempts(self.step) else None

    @property
    def answered_after(self) -> timedelta:
        """How long it waited for answers."""
        return standing.asked_for(self.step, self.step.ended_at or timezone.now(), self.known)

    @property
    def stood_for(self) -> timedelta:
        """How long nothing inside it ran because everything waited."""
        spans = self.known.idle_inside.get(self.step.path, ())
        if self.step.started_at is None or not self.entry.is_container:
            return timedelta()
        end = self.step.ended_at or timezone.now()
        return length_in(spans, self.step.started_at, end)

    @property
    def between_attempts(self) -> timedelta:
        """How long it waited for its next attempts."""
        if self.step.started_at is None:
            return timedelta()
        end = self.step.ended_at or timezone.now()
        failed = sorted(self.known.attempts.get(self.step.path, ()))
        return standing.between_attempts(failed, self.step.started_at, end)

    @property
    def kept(self) -> str:
        """The part of the address that links to other pages of its items keep."""
        return "" if self.timeline is None else f"&timeline={self.timeline}"

    @property
    def items_word(self) -> str:
        """The word for its parts."""
        return {
            "foreach": gettext("Items"),
            "do_while": gettext("Rounds"),
            "do_until": gettext("Rounds"),
        }.get(self.step.kind, gettext("Steps inside"))

    @property
    def next_first(self) -> int | None:
        """The index of the first item on the next page."""
        if len(self.items) <= MOST_ITEMS:
            return None
        return self.first + MOST_ITEMS

    @property
    def previous_first(self) -> int | None:
        """The index of the first item on the previous page."""
        return max(self.first - MOST_ITEMS, 0) if self.first else None

    @property
    def shown_items(self) -> list[StepItem]:
        """The items on this page."""
        return [
            StepItem(step, self.inside.get(step.path, ()), self.known)
            for step in self.items[:MOST_ITEMS]
        ]


def page_for(run: Run, path: str, data: Mapping[str, str], person: Person) -> StepPage | None:
    """Gather the page; None if the run has no such step on the timeline of the address."""
    asked = number(data.get("timeline", ""), SMALL_DIGITS) or 0
    timeline = asked if 0 < asked < run.timeline else None
    graph = graphs.of_run(run)
    rows = past.rows_of(run, playback.Moment(0, timeline=timeline) if timeline else None)
    step = records.at_path(rows, path, previews.TREE_LIMIT)
    entry = graph.entries.get(step.base_path) if step else None
    if step is None or entry is None:
        return None
    first = number(data.get("first", ""), SMALL_DIGITS) or 0
    items = _items(rows.light(), step, first) if entry.is_container else []
    people = list(trail.with_reasons(_acts_on(run, path))[:MOST_ITEMS])[::-1]
    events = _events(run, step)
    is_needed = entry.is_container or _has_waited(step)
    known = busy.of(run) if is_needed else busy.Busy()
    inside = records.inside_of(rows, graph, [step, *items]) if entry.is_container else {}
    return StepPage(
        card=card_for(run, entry, step, people, inside=inside.get(step.path, ())),
        step=step,
        entry=entry,
        events=[sight.event(each) for each in events if not _is_written(each)][:MOST_SHOWN],
        written=[_written(event) for event in events if _is_written(event)][:MOST_SHOWN],
        attempts=_attempts(run, step) if step.retry_count else [],
        elsewhere=_elsewhere(run, path, timeline) if run.timeline > 1 else [],
        people=trail.entries_of(people),
        items=items,
        tally=_tally(run, graph, step) if timeline is None else [],
        first=first,
        travel=actions.offer(actions.TRAVEL, person, run, graphs.to_act(run)),
        travel_to=re.sub(r"\[.*", "", path),
        timeline=timeline,
        addresses=Addresses(run.run_id, timeline),
        known=known,
        inside=inside,
    )


def _items(rows: QuerySet[StepSnapshot], step: StepSnapshot, first: int) -> list[StepSnapshot]:
    """Return a page of what is inside a step, and one more if there is one."""
    inside = rows.filter(parent=step.pk, position__gte=first)
    return list(inside.order_by("position", "pk")[: MOST_ITEMS + 1])


def _tally(run: Run, graph: Graph, step: StepSnapshot) -> list[tuple[str, int]]:
    """Return how many items of a list, or rounds of a loop, have which status."""
    if not _is_list(step):
        return []
    return records.tallies_of(run, graph, None).get(f"{step.base_path}[]", [])


def _has_waited(step: StepSnapshot) -> bool:
    """Return whether the log knows more about a step's waits than its record does."""
    return step.suspended_at is not None or step.retry_count > 0


def _acts_on(run: Run, path: str) -> QuerySet[Action]:
    """Return the actions on a step; one answer may have gone to several steps."""
    among = Q(path=path) | Q(path__startswith=f"{path}, ") | Q(path__endswith=f", {path}")
    return run.actions.filter(among | Q(path__contains=f", {path}, "))


def _is_list(step: StepSnapshot) -> bool:
    return step.kind in {"foreach", "do_while", "do_until"}


def _events(run: Run, step: StepSnapshot) -> list[dict[str, Any]]:
    """Return the latest events about this record, newest first."""
    begun = min(at for at in (step.queued_at, step.started_at) if at is not None)
    return log.read_about(run, step.path, since=begun, until=step.ended_at, limit=MOST_LOGGED)


def _attempts(run: Run, step: StepSnapshot) -> list[Attempt]:
    begun = min(at for at in (step.queued_at, step.started_at) if at is not None)
    logged = log.read_about(
        run, step.path, since=begun, until=step.ended_at, limit=MOST_ATTEMPTS, kind=RETRY
    )
    return [
        Attempt(
            event["payload"].get("retry_count", 1),
            event["at"],
            sight.error(event["payload"].get("error") or {}),
            event["payload"].get("next_attempt_at", ""),
        )
        for event in reversed(logged)
    ]


def _is_written(event: Mapping[str, Any]) -> bool:
    kind = str(event["type"])
    return kind == OUTPUT or kind.startswith(CUSTOM)


def _written(event: Mapping[str, Any]) -> WrittenValue:
    payload = event["payload"]
    value = payload.get("output") if event["type"] == OUTPUT else payload.get("data")
    kind = "" if event["type"] == OUTPUT else event["type"]
    text = value if isinstance(value, str) else previews.brief(value)
    text = text if sight.values() else sight.locked()
    return WrittenValue(event["seq"], event["at"], kind, text)


def _elsewhere(run: Run, path: str, shown: int | None) -> list[OtherRecord]:
    """Return the records of the step on the run's other timelines, oldest first."""
    rows = run.steps.filter(path=path).order_by("pk")
    others = rows.values_list("superseded_on", "status")[:MOST_TIMELINES]
    here = shown or run.timeline
    own = Addresses(run.run_id)
    return [
        OtherRecord(last, status, own.step(path) + (f"?timeline={last}" if left else ""))
        for left, status in others
        if (last := left - 1 if left else run.timeline) != here
    ]
