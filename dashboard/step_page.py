"""The page of one step: the inspector with an address of its own."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.db.models import Q, QuerySet
from django.utils import timezone

from dashboard import audit_page, busy, graphs, past, playback, previews, records, standing
from dashboard.addresses import Addresses
from dashboard.cards import Card, card_for
from dashboard.graphs import Place
from dashboard.paging import SMALL_DIGITS, number
from workflows_app import actions
from workflows_app.actions import Offer, Person
from workflows_app.engine import log
from workflows_app.models import Action, Run, StepSnapshot
from workflows_app.planner.statuses import StepStatus

MOST_ITEMS: Final = 100
#: Events of the step that its page lists, and of what it wrote.
MOST_SHOWN: Final = 50
#: Transactions of the log that are looked at for them.
MOST_LOGGED: Final = 200
MOST_ATTEMPTS: Final = 100
MOST_TIMELINES: Final = 50
RETRY: Final = "workflow-step-retry"
#: What a step wrote is told under this type, or under one of its own that begins so.
OUTPUT: Final = "workflow-step-output"
CUSTOM: Final = "data-"


@dataclass(frozen=True)
class Written:
    """One thing that the step wrote while it ran."""

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
class Elsewhere:
    """The record of the same step on another timeline."""

    timeline: int
    status: str
    url: str


@dataclass(frozen=True)
class Item:
    """One item, round or step inside, as its line shows it."""

    step: StepSnapshot
    #: The statuses of what stands in it.
    inside: Collection[str]
    known: busy.Busy

    @property
    def path(self) -> str:
        """Where it is."""
        return self.step.path

    @property
    def status(self) -> str:
        """Its status, as it is shown."""
        return standing.status_of(self.step, self.inside)

    @property
    def took(self) -> timedelta | None:
        """How long it took, or so far; None: it has not started."""
        return standing.took(self.step, known=self.known)

    @property
    def is_going(self) -> bool:
        """Whether that is growing."""
        return self.status == StepStatus.RUNNING


@dataclass(frozen=True)
class StepPage:
    """One step of a run with all that is known of it."""

    card: Card
    step: StepSnapshot
    place: Place
    events: list[dict[str, Any]]
    written: list[Written]
    attempts: list[Attempt]
    elsewhere: list[Elsewhere]
    #: Who did what to it, in order of time.
    people: list[audit_page.Entry]
    items: list[StepSnapshot]
    tally: list[tuple[str, int]]
    first: int
    travel: Offer
    #: Where a travel to it begins: items are gone to with their whole list.
    travel_to: str
    #: The timeline that it is shown on; None: the present one.
    timeline: int | None
    addresses: Addresses
    #: When steps of the run ran and waited.
    known: busy.Busy
    #: The statuses of what is open inside it and inside its items, by path.
    inside: Mapping[str, Collection[str]]

    @property
    def is_asking(self) -> bool:
        """Whether it waits for an answer."""
        return self.step.status == StepStatus.SUSPENDED

    @property
    def is_going(self) -> bool:
        """Whether its time is growing."""
        return standing.is_growing(self.step, self.card.status)

    @property
    def waits_until(self) -> datetime | None:
        """When its next attempt begins, while it waits for that."""
        return self.step.wake_at if standing.is_between_attempts(self.step) else None

    @property
    def answered_after(self) -> timedelta:
        """For how long it waited for answers."""
        return standing.asked_for(self.step, self.step.ended_at or timezone.now(), self.known)

    @property
    def stood_for(self) -> timedelta:
        """For how long nothing inside it ran, since all waited."""
        spans = self.known.stood.get(self.step.path, ())
        if self.step.started_at is None or not self.place.is_container:
            return timedelta()
        end = self.step.ended_at or timezone.now()
        return busy.length_in(spans, self.step.started_at, end)

    @property
    def between_attempts(self) -> timedelta:
        """For how long it waited for its next attempts."""
        if self.step.started_at is None:
            return timedelta()
        end = self.step.ended_at or timezone.now()
        failed = sorted(self.known.attempts.get(self.step.path, ()))
        return standing.between_attempts(failed, self.step.started_at, end)

    @property
    def kept(self) -> str:
        """What the links to other pages of its items keep of the address."""
        return "" if self.timeline is None else f"&timeline={self.timeline}"

    @property
    def items_word(self) -> str:
        """What its parts are called."""
        return {"foreach": "Items", "do_while": "Rounds", "do_until": "Rounds"}.get(
            self.step.kind, "Steps inside"
        )

    @property
    def next_first(self) -> int | None:
        """The index of the first item of the next page."""
        if len(self.items) <= MOST_ITEMS:
            return None
        return self.first + MOST_ITEMS

    @property
    def previous_first(self) -> int | None:
        """The index of the first item of the page before."""
        return max(self.first - MOST_ITEMS, 0) if self.first else None

    @property
    def shown_items(self) -> list[Item]:
        """The items of this page."""
        return [
            Item(step, self.inside.get(step.path, ()), self.known)
            for step in self.items[:MOST_ITEMS]
        ]


def page_for(run: Run, path: str, data: Mapping[str, str], person: Person) -> StepPage | None:
    """Gather the page; None when the run has no such step on the timeline that is asked for."""
    graph = graphs.of_run(run)
    asked = number(data.get("timeline", ""), SMALL_DIGITS) or 0
    timeline = asked if 0 < asked < run.timeline else None
    on = playback.Moment(0, timeline=timeline) if timeline else None
    rows = past.rows_of(run, on)
    step = records.at_path(rows, path, previews.TREE_LIMIT)
    place = graph.places.get(step.base_path) if step else None
    if step is None or place is None:
        return None
    first = number(data.get("first", ""), SMALL_DIGITS) or 0
    parts = rows.light().filter(parent=step.pk, position__gte=first).order_by("position", "pk")
    items = list(parts[: MOST_ITEMS + 1]) if place.is_container else []
    tallies = records.tallies_of(run, graph, None) if _is_list(step) and not timeline else {}
    people = list(audit_page.with_reasons(_acts_on(run, path))[:MOST_ITEMS])[::-1]
    events = _events(run, step)
    is_told = place.is_container or _has_waited(step)
    known = busy.of(run) if is_told else busy.Busy()
    inside = records.inside_of(rows, graph, [step, *items]) if place.is_container else {}
    return StepPage(
        card=card_for(run, place, step, people, inside=inside.get(step.path, ())),
        step=step,
        place=place,
        events=[event for event in events if not _is_written(event)][:MOST_SHOWN],
        written=[_written(event) for event in events if _is_written(event)][:MOST_SHOWN],
        attempts=_attempts(run, step) if step.retry_count else [],
        elsewhere=_elsewhere(run, path, timeline) if run.timeline > 1 else [],
        people=audit_page.entries_of(people),
        items=items,
        tally=tallies.get(f"{step.base_path}[]", []),
        first=first,
        travel=actions.offer(actions.TRAVEL, person, run, graphs.to_act(run)),
        travel_to=re.sub(r"\[.*", "", path),
        timeline=timeline,
        addresses=Addresses(run.run_id, timeline),
        known=known,
        inside=inside,
    )


def _has_waited(step: StepSnapshot) -> bool:
    """Return whether the log tells more of when it waited than its record."""
    return step.suspended_at is not None or step.retry_count > 0


def _acts_on(run: Run, path: str) -> QuerySet[Action]:
    """Return the acts on a step; one answer may have gone to several."""
    among = Q(path=path) | Q(path__startswith=f"{path}, ") | Q(path__endswith=f", {path}")
    return run.actions.filter(among | Q(path__contains=f", {path}, "))


def _is_list(step: StepSnapshot) -> bool:
    return step.kind in {"foreach", "do_while", "do_until"}


def _events(run: Run, step: StepSnapshot) -> list[dict[str, Any]]:
    """Return the latest events that tell of this record, newest first."""
    begun = min(at for at in (step.queued_at, step.started_at) if at is not None)
    return log.read_about(run, step.path, since=begun, until=step.ended_at, limit=MOST_LOGGED)


def _attempts(run: Run, step: StepSnapshot) -> list[Attempt]:
    begun = min(at for at in (step.queued_at, step.started_at) if at is not None)
    told = log.read_about(
        run, step.path, since=begun, until=step.ended_at, limit=MOST_ATTEMPTS, kind=RETRY
    )
    return [
        Attempt(
            event["payload"].get("retry_count", 1),
            event["at"],
            event["payload"].get("error") or {},
            event["payload"].get("next_attempt_at", ""),
        )
        for event in reversed(told)
    ]


def _is_written(event: Mapping[str, Any]) -> bool:
    kind = str(event["type"])
    return kind == OUTPUT or kind.startswith(CUSTOM)


def _written(event: Mapping[str, Any]) -> Written:
    payload = event["payload"]
    value = payload.get("output") if event["type"] == OUTPUT else payload.get("data")
    kind = "" if event["type"] == OUTPUT else event["type"]
    text = value if isinstance(value, str) else previews.brief(value)
    return Written(event["seq"], event["at"], kind, text)


def _elsewhere(run: Run, path: str, shown: int | None) -> list[Elsewhere]:
    """Return the records of the step on the run's other timelines, oldest first."""
    rows = run.steps.filter(path=path).exclude(status=StepStatus.PLANNED).order_by("pk")
    told = rows.values_list("superseded_on", "status")[:MOST_TIMELINES]
    here = shown or run.timeline
    own = Addresses(run.run_id)
    return [
        Elsewhere(last, status, own.step(path) + (f"?timeline={last}" if left else ""))
        for left, status in told
        if (last := left - 1 if left else run.timeline) != here
    ]
