"""Everything the page of one run shows, gathered in a handful of queries.

The graph is the one of the version that ran; its entries, in reading order, are the list of
steps, with what is known of each. The list is also the drawing's twin for screen readers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cached_property, lru_cache
from typing import Any, Final

from django.db import connection
from django.db.models import F
from django.urls import reverse
from django.utils import timezone

from dashboard import (
    audit_page,
    busy,
    counters,
    failure,
    forks,
    graphs,
    header,
    markdown,
    past,
    playback,
    previews,
    records,
    related,
    standing,
    statements,
    states,
    timeline_parts,
)
from dashboard import timeline as timelines
from dashboard.addresses import Addresses
from dashboard.cards import (
    MOST_CARD_ROWS,
    MOST_VALUE_ROWS,
    Card,
    Payload,
    cards_of,
    run_error,
    run_payloads,
    state_of,
    with_values,
)
from dashboard.drawing import Box, Line
from dashboard.forms.fields import JSON
from dashboard.forms.wording import humanised
from dashboard.graph_look import Sheet
from dashboard.graphs import Graph, Place
from dashboard.markdown import Words
from dashboard.notices import Notice, is_lost, notices_of
from dashboard.previews import Preview
from dashboard.run_view import View
from dashboard.statements import ID
from workflows_app import actions
from workflows_app.actions import Offer, Person
from workflows_app.engine import log, places
from workflows_app.models import Action, Run, StepSnapshot, Timeline
from workflows_app.planner.statuses import ENDED, RunStatus, StepStatus

MOST_EVENTS: Final = 100
MOST_FACTS: Final = 12
#: Questions that each have their form on the page; more have a table, and one form below it.
MOST_FORMS: Final = 3

#: How many records have which status, by the path of their entry.
Tallies = dict[str, list[tuple[str, int]]]


@dataclass(frozen=True)
class Question:
    """A step that asks, and whether this person may answer it."""

    step: StepSnapshot
    place: Place | None
    payload: Preview | None
    offer: Offer
    #: How many items its foreach has, if it is one of them.
    of_items: int = 0

    @property
    def item(self) -> str:
        """Which item of a foreach it is about: "item 4 of 10"; empty for others."""
        index = places.index_of(self.step.path) if self.of_items else None
        return "" if index is None else f"item {index + 1} of {self.of_items}"

    @property
    def facts(self) -> list[tuple[str, JSON]]:
        """A small flat payload as words and values; empty where it is not so simple."""
        value = self.payload.value if self.payload else None
        if not isinstance(value, dict) or len(value) > MOST_FACTS:
            return []
        if any(isinstance(inner, dict | list) for inner in value.values()):
            return []
        return [(humanised(key), inner) for key, inner in value.items() if inner != self.words]

    @property
    def has_more(self) -> bool:
        """Whether its payload tells anything besides what is asked."""
        value = self.payload.value if self.payload else None
        told = list(value.values()) if isinstance(value, dict) else [value]
        return told != [self.words] or not self.words

    @property
    def words(self) -> str:
        """What its author wrote, as it is; empty where the payload has no words."""
        return previews.words_in(self.payload.text if self.payload else "")

    @property
    def text(self) -> str:
        """What it asks, in one plain line."""
        return previews.question_in(self.payload.text if self.payload else "")

    @property
    def said(self) -> Words:
        """What it asks as safe HTML: a title, which may be empty, and what is said besides."""
        return markdown.words_of(self.words)


#: What the menu of a run offers besides the button; an answer has its form on the page.
MENU: Final = ("retry", "proceed", "rerun", "time-travel", "restart", "cancel", "delete")


@dataclass
class RunPage:
    """The page, ready for its template."""

    run: Run
    head: header.Header
    graph: Graph
    cards: list[Card]
    questions: list[Question]
    notices: list[Notice]
    payloads: list[Payload]
    events: list[dict[str, Any]]
    people: list[Action]
    earlier: list[Timeline]
    offers: dict[str, Offer]
    #: The paths of the entries that the page lists; `cards` may hold more, for the drawing.
    listed: Sequence[str] = ()
    tab: str = "graph"
    #: What only the tab that is shown needs.
    timeline: timelines.Timeline | None = None
    parts: timeline_parts.Parts | None = None
    related: related.Related | None = None
    state: Payload | None = None
    states: states.States | None = None
    #: The run as it stood at an event, where the page is played back.
    moment: playback.Moment | None = None
    view: View = field(default_factory=View)
    #: Whether a step of it is held by a worker that gives no sign of life.
    is_lost: bool = False
    failure: failure.Failure | None = None
    #: The status that is shown, where it is not the run's own word.
    shown_status: str = ""
    #: When its steps ran and waited.
    known: busy.Busy = field(default_factory=busy.Busy)

    @property
    def is_in_a_table(self) -> bool:
        """Whether its questions are too many for each to have its form."""
        return len(self.questions) > MOST_FORMS

    @cached_property
    def opened(self) -> list[Question]:
        """The questions whose forms are open: of many, the one asked for, or the first to answer.

        In the order in which they were asked.
        """
        if not self.is_in_a_table:
            return self.questions
        wanted = [q for q in self.questions if q.step.suspension == self.view.question]
        possible = [q for q in self.questions if q.offer.is_possible]
        return (wanted or possible or self.questions)[:1]

    @property
    def acted(self) -> str:
        """How many actions of people there are, counted to a limit; empty for none."""
        return f"{MOST_EVENTS}+" if self.has_more_acts else str(len(self.people) or "")

    @property
    def has_more_acts(self) -> bool:
        """Whether the trail goes back further than what is shown of it."""
        return len(self.people) > MOST_EVENTS

    @property
    def trail(self) -> list[audit_page.Entry]:
        """The actions that the tab shows, newest first."""
        return audit_page.entries_of(self.people[:MOST_EVENTS])

    @property
    def can_travel(self) -> bool:
        """Whether a step may be gone back to now, here or in a new run."""
        if self.moment is not None:
            return False
        names = (actions.TRAVEL.name, actions.FORK.name)
        return any(self.offers[name].is_possible for name in names)

    @property
    def primary(self) -> Offer:
        """The action that stands out."""
        return self.offers[actions.likely(self.run, is_lost=self.is_lost).name]

    @property
    def menu(self) -> list[Offer]:
        """The other actions: those that end something last."""
        others = [o for name, o in self.offers.items() if name in MENU and o is not self.primary]
        return sorted(others, key=lambda offer: offer.is_dangerous)

    @property
    def status(self) -> str:
        """The run's status, now or at the moment that is played back, as it is shown."""
        return self.moment.status if self.moment else self.shown_status or self.run.status

    @property
    def is_canceling(self) -> bool:
        """Whether a cancel waits for running steps to end, as far as is known of the moment."""
        return self.run.is_canceling and self.moment is None

    @property
    def seq(self) -> int:
        """The number of the last event that the page tells of."""
        return self.moment.seq if self.moment else self.run.event_seq

    @property
    def most_played_back(self) -> int:
        """The number of the last event that can be played back."""
        return playback.MOST_EVENTS

    @property
    def until(self) -> datetime | None:
        """The moment at which what has not ended is looked at; None: now."""
        return self.moment.at if self.moment else None

    @property
    def reused(self) -> list[Card]:
        """What a fork took over from the run it came from."""
        return [card for card in self.cards if card.is_reused]

    @property
    def changed(self) -> list[Card]:
        """What a fork was given in the place of what that run had."""
        return [card for card in self.cards if card.is_given or card.is_input_changed]

    @cached_property
    def tallies(self) -> dict[str, str]:
        """How far each foreach and loop has come, by path, in a few words."""
        return counters.of(self.cards)

    @cached_property
    def passed(self) -> dict[str, str]:
        """The address of what each step was given, by path, as far as the page knows it."""
        given = ((card, payload) for card in self.cards for payload in card.payloads)
        return {card.place.path: p.url for card, p in given if p.field == "payload"}

    @cached_property
    def sheet(self) -> Sheet:
        """The drawing of the graph, as it is looked at."""
        return Sheet(self.graph, self.view.look, self.view.graph_address)

    @cached_property
    def shown_cards(self) -> list[Card]:
        """The entries that the page lists."""
        wanted = set(self.listed)
        return [card for card in self.cards if card.place.path in wanted]

    @property
    def cards_left_out(self) -> int:
        """How many entries of the graph it does not list."""
        return len(self.graph.places) - len(self.listed)

    @cached_property
    def list_pages(self) -> tuple[str, str]:
        """The links to the entries before and after those that are listed; empty: there are none.

        Entries stand in the order of the graph.
        """
        if not self.cards_left_out:
            return "", ""
        first = self.graph.paths.index(self.listed[0]) if self.listed else 0
        after = first + len(self.listed)
        earlier = self.view.list_link(max(first - records.MOST_CARDS, 0)) if first else ""
        later = self.view.list_link(after) if after < len(self.graph.paths) else ""
        return earlier, later

    @cached_property
    def not_listed(self) -> dict[str, str]:
        """Where each entry stands in the list that this page does not list, by path."""
        if not self.cards_left_out:
            return {}
        here, size = set(self.listed), records.MOST_CARDS
        return {
            path: f"{self.view.list_link(index - index % size)}#step-{path}"
            for index, path in enumerate(self.graph.paths)
            if path not in here
        }

    @cached_property
    def addresses(self) -> Addresses:
        """The addresses of its steps, on the timeline that is looked at."""
        is_past = self.moment is not None and self.moment.timeline < self.run.timeline
        timeline = self.moment.timeline if self.moment and is_past else None
        return Addresses(self.run.run_id, timeline)

    @cached_property
    def statuses(self) -> dict[str, str]:
        """The status of each entry by path, for the drawing."""
        return {card.place.path: card.status for card in self.cards}

    @property
    def earlier_events(self) -> int:
        """How many events the log holds before those shown."""
        return max(self.seq - len(self.events), 0)

    @property
    def boxes(self) -> list[tuple[Box, str]]:
        """The drawing's boxes, each with its status."""
        drawing = self.sheet.drawing
        return [(box, self._status_of(box)) for box in drawing.boxes] if drawing else []

    @property
    def lines(self) -> list[tuple[Line, bool]]:
        """The drawing's lines, each with whether it was taken."""
        drawing = self.sheet.drawing
        return [(line, self._is_taken(line)) for line in drawing.lines] if drawing else []

    def _status_of(self, box: Box) -> str:
        if box.kind == "start":
            return "success" if self.run.started_at else "pending"
        if box.kind == "end":
            return self.status if RunStatus(self.status) in ENDED else "pending"
        return self.statuses.get(box.path, "pending")

    def _is_taken(self, line: Line) -> bool:
        if line.to == "end":
            return self.status == RunStatus.SUCCESS
        return self.statuses.get(line.to, "pending") not in {"pending", "untaken", "skipped"}


def page_for(run: Run, person: Person, view: View | None = None) -> RunPage:
    """Gather the page of a run as this person may see it."""
    view = view or View()
    graph = graphs.of_run(run)
    moment = playback.at(run, view.at) if view.at is not None else None
    seen = records.steps_of(run, graph, moment, view.first)
    if moment is not None:
        playback.settle(moment, seen.steps)
    status = moment.status if moment else run.status
    people = _people(run, view, moment)
    counted, tallies = _counted(run, graph, view, moment)
    is_told = run.timeline > 1 and (view.tab == "related" or header.needs_earlier(run, moment))
    earlier = related.earlier_of(run) if is_told else []
    known = busy.of(run)
    page = RunPage(
        run=run,
        head=header.of(run, moment, known, earlier),
        known=known,
        shown_status=standing.status_of_run(run, seen.steps) if moment is None else "",
        graph=graph,
        cards=[],
        questions=[] if moment else _questions(run, graph, seen.steps, person),
        notices=[] if moment else notices_of(run, graph, seen.steps),
        payloads=run_payloads(run, status, moment.timeline if moment else run.timeline),
        events=[],
        people=people,
        earlier=earlier,
        offers=_offers(run, person),
        listed=seen.listed,
        tab=view.tab,
        moment=moment,
        view=view,
        is_lost=moment is None and is_lost(seen.steps),
    )
    # After the run's own values: steps may have the same input.
    at = moment.at if moment else None
    page.cards = cards_of(run, graph, seen, people[::-1], tallies, status=status, now=at)
    forks.mark(run, page.head, page.cards)
    page.payloads = forks.inputs(page.payloads, page.head, page.cards)
    error = moment.error if moment else run_error(run)
    page.failure = failure.of(run, error, seen.steps, page.cards)
    _fill_tab(page, tallies, counted)
    _draw(page)
    return page


def _offers(run: Run, person: Person) -> dict[str, Offer]:
    specials = graphs.to_act(run)
    return {a.name: actions.offer(a, person, run, specials) for a in actions.ACTIONS.values()}


def _counted(
    run: Run, graph: Graph, view: View, moment: playback.Moment | None
) -> tuple[list[Mapping[str, Any]] | None, Tallies]:
    """Return the records by entry and status where a tab counts them anyway, and the tallies."""
    if view.tab == "timeline" and view.group and moment is None and run.started_at is not None:
        counted = timeline_parts.counted_now(run, view)
        return counted, records.tallied(run, graph, timeline_parts.tallies_in(counted))
    return None, records.tallies_of(run, graph, moment)


def _people(run: Run, view: View, moment: playback.Moment | None) -> list[Action]:
    """Return who did what last, newest first, and one more than is shown where there is more.

    With a `moment`, by then.
    """
    acted = run.actions.all() if moment is None else run.actions.filter(at__lte=moment.at)
    if view.tab == "audit":
        return list(audit_page.with_reasons(acted)[: MOST_EVENTS + 1])
    if moment is not None:
        return list(acted.defer("data").order_by("-pk")[: MOST_EVENTS + 1])
    reading = _people_reading(connection.vendor)
    return reading.read({statements.RUN: statements.prepared(run.pk)})


@lru_cache(maxsize=4)
def _people_reading(_vendor: str) -> statements.Reading[Action]:
    rows = Action.objects.filter(run_id=statements.RUN).defer("data")
    return statements.Reading(rows.order_by("-pk")[: MOST_EVENTS + 1], [statements.RUN])


def _draw(page: RunPage) -> None:
    """Make the trees of small values; what is folded away and not small comes when it is opened."""
    for payload in page.payloads:
        payload.draw(MOST_VALUE_ROWS)
    cards = page.shown_cards
    room = max(0, MOST_CARD_ROWS - len(cards))
    for card in cards:
        for payload in card.payloads:
            room -= payload.draw_within(room)


def _fill_tab(page: RunPage, tallies: Tallies, counted: list[Mapping[str, Any]] | None) -> None:
    """Gather what only the tab that is shown needs."""
    run, view = page.run, page.view
    if view.tab == "events":
        page.events = events_of(run, None if view.at is None else view.at + 1)
    elif view.tab == "timeline":
        _fill_timeline(page, tallies, counted)
    elif view.tab == "related":
        page.related = related.of(run, page.earlier, page.moment)
    elif view.tab == "data":
        page.state = state_of(run, page.moment)
        page.states = states.of(run, page.moment)
        if page.state:
            page.state.draw(MOST_VALUE_ROWS)


def _fill_timeline(
    page: RunPage, tallies: Tallies, counted: list[Mapping[str, Any]] | None
) -> None:
    run, view, moment = page.run, page.view, page.moment
    if run.started_at is None:
        return
    end = moment.at if moment and moment.at else run.ended_at or timezone.now()
    start = run.started_at
    if view.window is not None:
        whole = (end - start).total_seconds()
        first, last = view.window
        end = start + timedelta(seconds=min(last, whole))
        start += timedelta(seconds=min(first, whole))
    parts = page.parts = timeline_parts.of(run, page.graph, view, moment, counted)
    attempts = timeline_parts.attempts_of(run, parts.steps, page.known)
    known = page.known = replace(page.known, attempts={**page.known.attempts, **attempts})
    page.timeline = timelines.of(
        parts.steps,
        start,
        end,
        tallies={} if view.group else tallies,
        folds=view.folds and known.is_whole,
        spans=known.until(end),
        known=known,
        statuses=_statuses_of_rows(page, parts.steps),
    )
    parts.place(page.timeline)


def _statuses_of_rows(page: RunPage, steps: Sequence[StepSnapshot]) -> dict[str, str]:
    """Return how those of these rows that hold others stand, by path; one query, if any."""
    holders = [step for step in steps if step.kind in standing.HOLDERS]
    rest = [step for step in holders if step.path not in page.statuses]
    if page.moment is None:
        inside = records.inside_of(past.rows_of(page.run), page.graph, rest)
    else:
        inside = {step.path: standing.inside_of(step, steps, page.until) for step in rest}
    found = {step.path: standing.status_of(step, inside.get(step.path, ())) for step in rest}
    return found | {s.path: page.statuses[s.path] for s in holders if s.path in page.statuses}


def events_of(run: Run, before: int | None = None) -> list[dict[str, Any]]:
    """Return the latest events, newest first; `before` leaves out that number and later ones."""
    last = run.event_seq if before is None else min(before - 1, run.event_seq)
    after = max(last - MOST_EVENTS, 0)
    found = log.read(run.pk, after, MOST_EVENTS, is_whole=False) if last > 0 else []
    return [event for event in reversed(found) if after < event["seq"] <= last]


def _questions(
    run: Run,
    graph: Graph,
    steps: Sequence[StepSnapshot],
    person: Person,
) -> list[Question]:
    found = []
    items = {step.path: step.total for step in steps if step.kind == "foreach"}
    for step in sorted(steps, key=lambda step: step.pk):
        if step.status != StepStatus.SUSPENDED or step.kind != "step" or step.suspension is None:
            continue
        place = graphs.place_of(run, step)
        url = reverse("raw-step", args=[run.run_id, step.pk, "suspend_payload"])
        payload = previews.preview_of(step, "suspend_payload", url)
        offer = actions.offer(actions.RESUME, person, run, graphs.to_answer(run, step))
        of_items = items.get(step.path.rpartition("[")[0], 0)
        found.append(Question(step, place, payload, offer, of_items))
    return found


def find(run_id: str, *, has_values: bool = False) -> Run | None:
    """Return a run by its public id, with what its page names, without payloads.

    With `has_values`, also with the beginnings of its values.
    """
    if "\0" in run_id:  # PostgreSQL takes no such text
        return None
    found = _find_reading(connection.vendor, has_values).read({ID: run_id})
    return found[0] if found else None


@lru_cache(maxsize=8)
def _find_reading(_vendor: str, has_values: bool) -> statements.Reading[Run]:  # noqa: FBT001 - a key
    runs = Run.objects.light().select_related("workflow", "started_by")
    runs = runs.annotate(version_hash=F("version__hash"))
    shown = with_values(runs) if has_values else runs
    return statements.Reading(shown.filter(run_id=ID), [ID])
