"""The content of a run's page, ready for its template; `gathering` reads it.

The graph is that of the version that ran. Its entries, in reading order, are the list of steps,
which also stands in for the drawing on screen readers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any, Final

from workflows_app import actions
from workflows_app.actions import Offer
from workflows_app.models import Action, Run, Timeline
from workflows_app.planner.statuses import ENDED, RunStatus

from .. import acts, trail
from ..graph.graphs import Graph
from ..graph.look import Sheet
from ..graph.shapes import Box, Line
from ..questions import Question
from ..status import busy
from . import counters, deadlines, failure, header, playback, records, related, states
from .addresses import Addresses
from .cards import Card
from .notices import Notice
from .shown_payloads import Payload
from .timeline import bars as timelines
from .timeline import window as timeline_window
from .view import View

MOST_EVENTS: Final = 100
#: How many questions get a form each; more of them get a table with one form below it.
MOST_FORMS: Final = 3


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
    #: The paths of the entries that the page lists; `cards` may have more, for the drawing.
    listed: Sequence[str] = ()
    tab: str = "graph"
    #: What only the open tab needs.
    timeline: timelines.Timeline | None = None
    rows: timeline_window.TimelineWindow | None = None
    related: related.Related | None = None
    state: Payload | None = None
    states: states.States | None = None
    #: The run at one of its events, if the page is played back.
    moment: playback.Moment | None = None
    view: View = field(default_factory=View)
    #: Whether one of its steps is held by a worker that has gone silent.
    is_lost: bool = False
    failure: failure.Failure | None = None
    #: The status that is shown, if it differs from the status of the run's row.
    shown_status: str = ""
    #: When its steps ran and waited.
    known: busy.Busy = field(default_factory=busy.Busy)

    @property
    def is_in_a_table(self) -> bool:
        """Whether there are too many questions to give each a form."""
        return len(self.questions) > MOST_FORMS

    @cached_property
    def opened(self) -> list[Question]:
        """The questions with open forms, in the order in which they were asked.

        If there are many, it is the one that the address names, or the first that can be answered.
        """
        if not self.is_in_a_table:
            return self.questions
        wanted = [q for q in self.questions if q.step.suspension == self.view.question]
        possible = [q for q in self.questions if q.offer.is_possible]
        return (wanted or possible or self.questions)[:1]

    @property
    def acted(self) -> str:
        """How many actions of people there are, counted up to a limit; empty if there are none."""
        return f"{MOST_EVENTS}+" if self.has_more_acts else str(len(self.people) or "")

    @property
    def has_more_acts(self) -> bool:
        """Whether there are older actions than those shown."""
        return len(self.people) > MOST_EVENTS

    @property
    def trail(self) -> list[trail.TrailEntry]:
        """The actions that the tab shows, newest first."""
        return trail.entries_of(self.people[:MOST_EVENTS])

    @property
    def can_travel(self) -> bool:
        """Whether the person may travel to a step now, in this run or in a new one."""
        if self.moment is not None:
            return False
        names = (actions.TRAVEL.name, actions.FORK.name)
        return any(self.offers[name].is_possible for name in names)

    @property
    def primary(self) -> Offer:
        """The action that is the page's main button."""
        return self.offers[actions.likely(self.run, is_lost=self.is_lost).name]

    @property
    def menu(self) -> list[Offer]:
        """The other actions; those that end something come last."""
        listed = (offer for name, offer in self.offers.items() if acts.ACTS[name].is_in_menu)
        others = [offer for offer in listed if offer is not self.primary]
        return sorted(others, key=lambda offer: offer.is_dangerous)

    @property
    def status(self) -> str:
        """The status that is shown, now or at the moment that is played back."""
        return self.moment.status if self.moment else self.shown_status or self.run.status

    @property
    def why_ended(self) -> str:
        """Why the run was canceled, if somebody said so."""
        return deadlines.why_ended(self.run)

    @property
    def is_canceling(self) -> bool:
        """Whether a cancel waits for running steps to end, as far as is known of the moment."""
        return self.run.is_canceling and self.moment is None

    @property
    def is_pausing(self) -> bool:
        """Whether a pause waits for running steps, in what is shown."""
        return self.run.is_pausing and self.moment is None

    @property
    def seq(self) -> int:
        """The number of the last event that the page takes into account."""
        return self.moment.seq if self.moment else self.run.event_seq

    @property
    def most_played_back(self) -> int:
        """The number of the last event that can be played back."""
        return playback.MOST_EVENTS

    @property
    def until(self) -> datetime | None:
        """The moment at which open steps are looked at; None means now."""
        return self.moment.at if self.moment else None

    @property
    def reused(self) -> list[Card]:
        """What a fork took over from the run that it came from."""
        return [card for card in self.cards if card.is_reused]

    @property
    def changed(self) -> list[Card]:
        """What a fork was given in place of what the earlier run had."""
        return [card for card in self.cards if card.is_given or card.is_input_changed]

    @cached_property
    def tallies(self) -> dict[str, str]:
        """How far each foreach and loop has come, by path, in a few words."""
        return counters.of(self.cards)

    @cached_property
    def passed(self) -> dict[str, str]:
        """The address of each step's input, by path, as far as the page knows it."""
        given = ((card, payload) for card in self.cards for payload in card.payloads)
        return {card.entry.path: p.url for card, p in given if p.field == "payload"}

    @cached_property
    def sheet(self) -> Sheet:
        """The drawing of the graph, at the zoom and the folds of the address."""
        return Sheet(self.graph, self.view.look, self.view.graph_address)

    @cached_property
    def shown_cards(self) -> list[Card]:
        """The entries that the page lists."""
        wanted = set(self.listed)
        return [card for card in self.cards if card.entry.path in wanted]

    @property
    def cards_left_out(self) -> int:
        """How many entries of the graph the page does not list."""
        return len(self.graph.entries) - len(self.listed)

    @cached_property
    def list_pages(self) -> tuple[str, str]:
        """The links to the entries before and after the listed ones, in the order of the graph.

        Empty if the page lists all entries.
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
        """The link to each entry that this page does not list, by path."""
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
        """The addresses of its steps on the timeline that is shown."""
        is_past = self.moment is not None and self.moment.timeline < self.run.timeline
        timeline = self.moment.timeline if self.moment and is_past else None
        return Addresses(self.run.run_id, timeline)

    @cached_property
    def statuses(self) -> dict[str, str]:
        """The status of each entry by path, for the drawing."""
        return {card.entry.path: card.status for card in self.cards}

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
