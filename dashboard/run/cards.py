"""The cards of a run's page: one for each entry of its graph, with what is known about it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any, Final

from workflows_app.definition import BODY
from workflows_app.models import Action, Run, StepSnapshot
from workflows_app.planner.statuses import ENDED, STEP_ENDED, StepStatus

from ..graph.graphs import Graph, GraphEntry
from ..status import standing
from ..values import answers, borrowing
from . import records, shown_payloads
from .addresses import Addresses
from .shown_payloads import Payload

#: How many cards, and rows of values in them, the page contains before any card is opened.
MOST_CARD_ROWS: Final = 100


@dataclass
class Card:
    """One entry of the graph with what is known about it in this run."""

    entry: GraphEntry
    status: str
    step: StepSnapshot | None = None
    payloads: list[Payload] = field(default_factory=list)
    error: Mapping[str, Any] | None = None
    #: Who answered its question, if known, and what they said.
    answered_by: str = ""
    answer: str = ""
    #: How many records of the entry have which status, if it may have several.
    tally: list[tuple[str, int]] = field(default_factory=list)
    #: The counts that its line shows: for a foreach or loop, those of what is directly inside.
    counts: list[tuple[str, int]] = field(default_factory=list)
    #: Whether a fork or a time travel began here with a different input for the step.
    is_input_changed: bool = False
    #: Whether a time travel in the same run kept its result from an earlier timeline.
    is_kept: bool = False

    @property
    def is_reused(self) -> bool:
        """Whether a fork copied its result."""
        return self.step is not None and standing.is_reused(self.step)

    @property
    def is_given(self) -> bool:
        """Whether its result was given, so that it never ran."""
        return self.step is not None and standing.is_given(self.step)

    @property
    def title(self) -> str:
        """The name of the entry, with the index of the record that is shown."""
        if self.step is not None and self.entry.is_repeated:
            return self.step.path
        return self.entry.title

    @property
    def alike(self) -> int:
        """How many more open records of the entry have the status of the one that is shown."""
        is_open = self.entry.is_repeated and self.status in standing.ASKING
        return max(dict(self.tally).get(self.status, 0) - 1, 0) if is_open else 0

    @property
    def key(self) -> str:
        """The card's id on the page."""
        return f"step-{self.entry.path}"

    @property
    def is_open(self) -> bool:
        """Whether the card is open at first, because something in it asks for attention."""
        is_leaf = not self.entry.is_container
        return is_leaf and self.status == StepStatus.FAILED and self.error is not None

    @property
    def has_inside(self) -> bool:
        """Whether there is more to see than one line."""
        return bool(self.payloads or self.error or self.entry.description or self.entry.mapping)

    @property
    def attempt(self) -> int:
        """Which attempt this is; 1 is the first."""
        return (self.step.retry_count if self.step else 0) + 1


def cards_of(
    run: Run,
    graph: Graph,
    seen: records.ShownRecords,
    people: Sequence[Action],
    tallies: Mapping[str, list[tuple[str, int]]],
    *,
    status: str = "",
    now: datetime | None = None,
) -> list[Card]:
    """Return the cards of the listed entries, or of all entries if the graph is drawn.

    Only the listed ones get their values. `people` are in order of time. `status` is that of the
    run at the moment `now`, if a past moment is shown.
    """
    known: dict[str, StepSnapshot] = {}
    for each in seen.steps:
        known.setdefault(each.base_path, each)
    statuses = Statuses(status or run.status, graph, known, tallies, now)
    paths = graph.paths if graph.drawing else seen.listed
    cards = [
        _card(graph.entries[path], statuses.of(path), known.get(path), tallies) for path in paths
    ]
    who = _who_answered(people)
    for card in cards:
        card.answered_by = who.get(card.step.path, "") if card.step else ""
    _fill_values(run, cards, set(seen.listed))
    return cards


def _card(
    entry: GraphEntry,
    status: str,
    step: StepSnapshot | None,
    tallies: Mapping[str, list[tuple[str, int]]],
) -> Card:
    card = Card(entry, status, step, tally=tallies.get(entry.path, []))
    inside = f"{entry.path}{BODY}"
    card.counts = tallies.get(inside, [] if entry.path.endswith(BODY) else card.tally)
    if step is not None:
        card.error = _error_of(step)
    return card


def _fill_values(run: Run, cards: Iterable[Card], listed: Collection[str]) -> None:
    """Give the listed cards their values and their answers."""
    shown = [(c, c.step) for c in cards if c.step is not None and c.entry.path in listed]
    borrowed = borrowing.borrowed_by(run, [step for _, step in shown])
    addresses = Addresses(run.run_id)
    for card, step in shown:
        card.payloads = shown_payloads.of_step(addresses, step, borrowed)
        card.answer = _answer_in(card)


def _who_answered(people: Iterable[Action]) -> dict[str, str]:
    """Return who last answered each step, by its path; one answer may go to several steps."""
    given = (action for action in people if action.verb == "resume")
    return {path: action.actor_name for action in given for path in action.path.split(", ")}


def _answer_in(card: Card) -> str:
    """Return the answer to the last question of a card's step; empty while it waits for one."""
    if card.status == StepStatus.SUSPENDED:
        return ""
    given = (each.preview for each in card.payloads if each.field == "resume_payload")
    return answers.line_of(next(given, None))


def card_for(
    run: Run,
    entry: GraphEntry,
    step: StepSnapshot,
    people: Iterable[Action] = (),
    *,
    inside: Collection[str] = (),
) -> Card:
    """Return the card of one record for the page of a step; `people` are in order of time.

    `inside` has the statuses of what the step contains.
    """
    card = Card(entry, standing.status_of(step, inside), step)
    card.payloads = shown_payloads.of_record(run, step)
    card.error = _error_of(step)
    card.answered_by = _who_answered(people).get(step.path, "")
    card.answer = _answer_in(card)
    return card


class Statuses:
    """The status of each entry, worked out on demand: its own, or what its absence means."""

    def __init__(
        self,
        status: str,
        graph: Graph,
        known: Mapping[str, StepSnapshot],
        tallies: Mapping[str, list[tuple[str, int]]],
        now: datetime | None = None,
    ) -> None:
        self._is_ended = status in ENDED
        self._now = now
        self._entries = graph.entries
        self._known = known
        self._tallies = tallies
        self._chosen = {self._entries[path].parent for path in known if path in self._entries}
        self._found: dict[str, str] = {}

    def of(self, path: str) -> str:
        """Return the status of the entry at a path of the graph."""
        if path not in self._found:
            self._found[path] = self._status_of(path)
        return self._found[path]

    def _status_of(self, path: str) -> str:
        step = self._known.get(path)
        if step is not None:
            return standing.status_of(step, self._inside.get(path, ()), self._now)
        above = self._entries[path].parent
        parent = self._entries.get(above)
        if self._is_ended or (parent and self.of(above) in {"untaken", *STEP_ENDED}):
            return "untaken"
        if parent is not None and parent.kind == "branch" and above in self._chosen:
            # The conditions of a branch are evaluated together, so the arms it did not take never
            # run.
            return "untaken"
        return "pending"

    @cached_property
    def _inside(self) -> dict[str, set[str]]:
        """The statuses of everything inside each container, by the container's path."""
        found: dict[str, set[str]] = {}
        for path in {**self._known, **self._tallies}:
            entry = self._entries.get(path)
            statuses = self._statuses_at(path)
            while entry is not None and statuses:
                found.setdefault(entry.parent, set()).update(statuses)
                entry = self._entries.get(entry.parent)
        return found

    def _statuses_at(self, path: str) -> set[str]:
        """Return the statuses of an entry's records, as its container counts them."""
        step, entry = self._known.get(path), self._entries.get(path)
        if step is not None and not standing.is_counted_inside(step):
            return set()
        if path in self._tallies and entry is not None and not entry.is_container:
            return {status for status, _ in self._tallies[path]}
        return set() if step is None else {standing.status_of(step, (), self._now)}


def _error_of(step: StepSnapshot) -> Mapping[str, Any] | None:
    return shown_payloads.error_from(getattr(step, "error_text", None))
