"""Everything the page of one run shows, gathered in a handful of queries.

The graph is the one of the version that ran; its entries, in reading order, are the list of
steps, with what is known of each. The list is also the drawing's twin for screen readers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property
from typing import Any, Final

from django.urls import reverse
from django.utils import timezone

from dashboard import graphs, playback, previews, records, related, trees
from dashboard import timeline as timelines
from dashboard.drawing import Box, Line
from dashboard.forms.fields import JSON
from dashboard.forms.wording import humanised
from dashboard.graphs import Graph, Place
from dashboard.notices import Notice, notices_of
from dashboard.previews import Preview
from dashboard.run_view import View
from dashboard.trees import Tree
from workflows_app import actions, jsontext, results
from workflows_app.actions import Offer, Person
from workflows_app.engine import log, payloads, places
from workflows_app.models import Action, Run, StepSnapshot
from workflows_app.planner.statuses import ENDED, STEP_ENDED, RunStatus, StepStatus

MOST_EVENTS: Final = 100
MOST_FACTS: Final = 12
RUN_FIELDS: Final = ("input", "result")
LABELS: Final = {
    "payload": "Input",
    "output": "Output",
    "suspend_payload": "What it asks",
    "resume_payload": "The answer",
    "input": "Input",
    "result": "Result",
    "state": "State",
    "error": "Error",
}


@dataclass
class Payload:
    """One value of a step or a run on the page."""

    label: str
    preview: Preview
    field: str = ""
    #: The page of this value alone.
    url: str = ""
    tree: Tree | None = None
    #: Whether the page holds a link in its place, which script follows when it is looked at.
    is_away: bool = False
    #: Whether the value's own page draws more of it than this one.
    is_part: bool = False

    @property
    def key(self) -> str:
        """Its place on the page."""
        return f"value-{self.url or self.label}"

    def draw(self, most: int = trees.MOST_ROWS) -> int:
        """Make the tree of a value that is known whole; return how many rows it has."""
        self.tree = None if self.preview.is_cut else trees.tree_of(self.preview.text, most)
        self.is_part = most < trees.MOST_ROWS
        return self.tree.size if self.tree else 1

    def draw_within(self, room: int) -> int:
        """Draw it if it is whole and fits into so many rows; if not, it stays away."""
        drawn = 0 if self.preview.is_cut or room <= 0 else self.draw(room)
        self.is_away = self.tree is None or not self.tree.is_whole
        return 0 if self.is_away else drawn


@dataclass
class Card:
    """One entry of the graph with what is known of it in this run."""

    place: Place
    status: str
    step: StepSnapshot | None = None
    payloads: list[Payload] = field(default_factory=list)
    error: Mapping[str, Any] | None = None
    answered_by: str = ""
    #: Of what may have many records: how many of them have which status.
    tally: list[tuple[str, int]] = field(default_factory=list)

    @property
    def title(self) -> str:
        """The name of the entry, with the index of the record that is shown."""
        if self.step is not None and self.place.is_repeated:
            return self.step.path
        return self.place.title

    @property
    def key(self) -> str:
        """The card's id on the page."""
        return f"step-{self.place.path}"

    @property
    def is_open(self) -> bool:
        """Whether the card shows its inside at first: where something asks for attention."""
        is_leaf = not self.place.is_container
        return is_leaf and self.status == StepStatus.FAILED and self.error is not None

    @property
    def has_inside(self) -> bool:
        """Whether there is more to see than one line."""
        return bool(self.payloads or self.error or self.place.description or self.place.mapping)

    @property
    def attempt(self) -> int:
        """Which attempt this is; 1 is the first."""
        return (self.step.retry_count if self.step else 0) + 1


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
        return [(humanised(key), inner) for key, inner in value.items() if inner != self.text]

    @property
    def text(self) -> str:
        """What it asks, in a few words."""
        return previews.question_in(self.payload.text if self.payload else "")


#: What the menu of a run offers besides the button; an answer has its form on the page.
MENU: Final = ("retry", "proceed", "rerun", "time-travel", "restart", "cancel", "delete")
#: Rows of a run's input, and of its result, on the run's page.
MOST_VALUE_ROWS: Final = 40
#: Cards, and rows of all the values in them, that the page holds before they are opened.
MOST_CARD_ROWS: Final = 100
#: Entries of a graph that the page lists.
MOST_CARDS: Final = 100


@dataclass
class RunPage:
    """The page, ready for its template."""

    run: Run
    graph: Graph
    cards: list[Card]
    questions: list[Question]
    notices: list[Notice]
    payloads: list[Payload]
    error: Mapping[str, Any] | None
    events: list[dict[str, Any]]
    people: list[Action]
    offers: dict[str, Offer]
    hidden_steps: int = 0
    tab: str = "graph"
    #: What only the tab that is shown needs.
    timeline: timelines.Timeline | None = None
    related: related.Related | None = None
    state: Payload | None = None
    #: The run as it stood at an event, where the page is played back.
    moment: playback.Moment | None = None
    view: View = field(default_factory=View)

    @property
    def primary(self) -> Offer:
        """The action that stands out."""
        return self.offers[actions.likely(self.run).name]

    @property
    def menu(self) -> list[Offer]:
        """The other actions: those that end something last."""
        others = [o for name, o in self.offers.items() if name in MENU and o is not self.primary]
        return sorted(others, key=lambda offer: offer.is_dangerous)

    @property
    def status(self) -> str:
        """The run's status, now or at the moment that is played back."""
        return self.moment.status if self.moment else self.run.status

    @property
    def timeline_next(self) -> int | None:
        """Where the next rows of the timeline begin; None: there are no more."""
        if self.timeline is None or len(self.timeline.rows) <= records.MOST_ROWS:
            return None
        return self.view.skip + records.MOST_ROWS

    @property
    def timeline_previous(self) -> int:
        """Where the rows before those shown begin."""
        return max(self.view.skip - records.MOST_ROWS, 0)

    @property
    def tallies(self) -> dict[str, str]:
        """How far each foreach and loop has come, by path, in a few words."""
        found = {}
        for card in self.cards:
            if card.tally and card.place.is_repeated:
                whole = card.place.parent
                done = sum(number for status, number in card.tally if status in STEP_ENDED)
                total = sum(number for _, number in card.tally)
                step = next((c.step for c in self.cards if c.place.path == whole), None)
                total = max(total, step.total if step is not None else 0)
                found[whole] = f"{done} of {total}"
        return found

    @property
    def shown_cards(self) -> list[Card]:
        """The entries that the page lists."""
        return _listed(self.cards)

    @property
    def cards_left_out(self) -> int:
        """How many entries it does not list."""
        return max(len(self.cards) - MOST_CARDS, 0)

    @cached_property
    def statuses(self) -> dict[str, str]:
        """The status of each entry by path, for the drawing."""
        return {card.place.path: card.status for card in self.cards}

    @property
    def earlier_events(self) -> int:
        """How many events the log holds before those shown."""
        return max(self.run.event_seq - len(self.events), 0)

    @property
    def boxes(self) -> list[tuple[Box, str]]:
        """The drawing's boxes, each with its status."""
        drawing = self.graph.drawing
        return [(box, self._status_of(box)) for box in drawing.boxes] if drawing else []

    @property
    def lines(self) -> list[tuple[Line, bool]]:
        """The drawing's lines, each with whether it was taken."""
        drawing = self.graph.drawing
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
    graph = graphs.of_version(run.version_id)
    steps, hidden = records.steps_of(run)
    people = list(run.actions.defer("data").order_by("pk")[:MOST_EVENTS])
    moment = playback.at(run, view.at) if view.at is not None else None
    tallies = records.tallies_of(run, graph)
    run_payloads = _run_payloads(run, moment.status if moment else run.status)
    cards = _cards(run, graph, steps, people, tallies)
    if moment is not None:
        cards = [_as_of(card, moment) for card in cards]
    page = RunPage(
        run=run,
        graph=graph,
        cards=cards,
        questions=[] if moment else _questions(run, graph, steps, person),
        notices=[] if moment else notices_of(run, steps),
        payloads=run_payloads,
        error=None if moment and moment.status != RunStatus.FAILED else _run_error(run),
        events=[],
        people=people,
        offers={a.name: actions.offer(a, person, run) for a in actions.ACTIONS.values()},
        hidden_steps=hidden,
        tab=view.tab,
        moment=moment,
        view=view,
    )
    _fill_tab(page, tallies)
    _draw(page)
    return page


def _draw(page: RunPage) -> None:
    """Make the trees of small values; what is folded away and not small comes when it is opened."""
    for payload in page.payloads:
        payload.draw(MOST_VALUE_ROWS)
    cards = page.shown_cards
    room = max(0, MOST_CARD_ROWS - len(cards))
    for card in cards:
        for payload in card.payloads:
            room -= payload.draw_within(room)


def _fill_tab(page: RunPage, tallies: dict[str, list[tuple[str, int]]]) -> None:
    """Gather what only the tab that is shown needs."""
    run, view = page.run, page.view
    if view.tab == "events":
        page.events = events_of(run, None if view.at is None else view.at + 1)
    elif view.tab == "timeline":
        page.timeline = _timeline(run, view, page.moment, tallies)
    elif view.tab == "related":
        page.related = related.of(run)
    elif view.tab == "data":
        page.state = _state(run)
        if page.state:
            page.state.draw(MOST_VALUE_ROWS)


def _timeline(
    run: Run,
    view: View,
    moment: playback.Moment | None,
    tallies: dict[str, list[tuple[str, int]]],
) -> timelines.Timeline | None:
    if run.started_at is None:
        return None
    steps = records.timed_steps(run, view)
    end = moment.at if moment and moment.at else run.ended_at or timezone.now()
    start = run.started_at
    if view.window is not None:
        whole = (end - start).total_seconds()
        first, last = view.window
        end = start + timedelta(seconds=min(last, whole))
        start += timedelta(seconds=min(first, whole))
    return timelines.of(steps, start, end, tallies=tallies, folds=view.folds)


def _as_of(card: Card, moment: playback.Moment) -> Card:
    """Return a card with what was known of its step at a moment."""
    if card.place.is_fork:
        return card
    path = card.step.path if card.step is not None else card.place.path
    known = moment.of(path)
    if known is None:
        return Card(card.place, "pending")
    seen = {LABELS["payload"]}
    if known.ended_at is not None:
        seen |= set(LABELS.values())
    elif known.status == "suspended":
        seen.add(LABELS["suspend_payload"])
    return Card(
        card.place,
        known.status,
        card.step,
        [payload for payload in card.payloads if payload.label in seen],
        card.error if known.status == StepStatus.FAILED else None,
    )


def events_of(run: Run, before: int | None = None) -> list[dict[str, Any]]:
    """Return the latest events, newest first; `before` leaves out that number and later ones."""
    last = run.event_seq if before is None else min(before - 1, run.event_seq)
    after = max(last - MOST_EVENTS, 0)
    found = log.read(run.pk, after, MOST_EVENTS) if last > 0 else []
    return [event for event in reversed(found) if after < event["seq"] <= last]


def _cards(
    run: Run,
    graph: Graph,
    steps: Sequence[StepSnapshot],
    people: Sequence[Action],
    tallies: Mapping[str, list[tuple[str, int]]],
) -> list[Card]:
    known: dict[str, StepSnapshot] = {}
    for each in steps:
        known.setdefault(each.base_path, each)
    statuses = _statuses(run, graph, known)
    answers = {action.path: action.actor_name for action in people if action.verb == "resume"}
    cards = []
    for place in graph.places.values():
        step = known.get(place.path)
        card = Card(place, statuses[place.path], step, tally=tallies.get(place.path, []))
        if step is not None:
            card.error = _error_of(step)
            card.answered_by = answers.get(step.path, "")
        cards.append(card)
    shown = [(card, card.step) for card in _listed(cards) if card.step is not None]
    borrowed = records.borrowed_by(run, [step for _, step in shown])
    for card, step in shown:
        card.payloads = _payloads(run, step, borrowed)
    return cards


def _listed(cards: list[Card]) -> list[Card]:
    """Return the cards that the page lists: the first, or those around what asks for attention."""
    if len(cards) <= MOST_CARDS:
        return cards
    asking = (at for at, card in enumerate(cards) if card.status in records.ASKING)
    middle = next(asking, 0)
    first = min(max(middle - MOST_CARDS // 2, 0), len(cards) - MOST_CARDS)
    return cards[first : first + MOST_CARDS]


def card_for(run: Run, graph: Graph, place: Place, steps: Sequence[StepSnapshot]) -> Card:
    """Return the card of one record, for the page of a step."""
    step = steps[0]
    card = Card(place, results.status_of(step, list(steps)), step)
    card.payloads = payloads_of(run, step)
    card.error = _error_of(step)
    return card


def payloads_of(run: Run, step: StepSnapshot) -> list[Payload]:
    """Return the values of one record, read with `records.shown` and `TREE_LIMIT`, as trees."""
    borrowed = records.borrowed_by(run, [step], previews.TREE_LIMIT)
    found = _payloads(run, step, borrowed)
    for payload in found:
        payload.draw()
    return found


def payload_of_run(run: Run, name: str) -> Payload | None:
    """Return one value of a run as a tree, or its beginning."""
    rows = Run.objects.filter(pk=run.pk).only("pk")
    row = previews.with_previews(rows, [name], previews.TREE_LIMIT).get()
    payload = _payload_of_run(run, row, name)
    if payload:
        payload.draw()
    return payload


def _payload_of_run(run: Run, row: Run, name: str) -> Payload | None:
    address = [run.run_id, name]
    preview = previews.preview_of(row, name, reverse("raw-run", args=address))
    if preview is None:
        return None
    return Payload(LABELS[name], preview, name, reverse("value-run", args=address))


def _statuses(run: Run, graph: Graph, known: Mapping[str, StepSnapshot]) -> dict[str, str]:
    """Return the status of each entry: its own, or what its absence means."""
    chosen = {place.parent for path, place in graph.places.items() if path in known}
    found: dict[str, str] = {}
    steps = list(known.values())
    for path, place in graph.places.items():
        step, parent = known.get(path), graph.places.get(place.parent)
        if step is not None:
            found[path] = results.status_of(step, steps)
        elif run.is_ended or found.get(place.parent) in {"untaken", *STEP_ENDED}:
            found[path] = "untaken"
        elif parent is not None and parent.kind == "branch" and place.parent in chosen:
            # The conditions of a branch are asked at once: the arms it did not take never come.
            found[path] = "untaken"
        else:
            found[path] = "pending"
    return found


def _payloads(
    run: Run, step: StepSnapshot, borrowed: Mapping[str, tuple[str, int]]
) -> list[Payload]:
    found = []
    for name in records.STEP_FIELDS:
        address = [run.run_id, step.pk, name]
        url = reverse("raw-step", args=address)
        preview = previews.preview_of(step, name, url)
        source = {"payload": step.payload_from, "output": step.output_from}.get(name)
        if source == payloads.PARTS:
            preview = Preview(f"[…] {step.total} items", previews.LIMIT + 1, url)
        elif source and source in borrowed:
            preview = Preview(*borrowed[source], url)
        if preview is not None and (preview.text != "null" or name in {"output", "resume_payload"}):
            found.append(Payload(LABELS[name], preview, name, reverse("value-step", args=address)))
    return found


def _error_of(step: StepSnapshot) -> Mapping[str, Any] | None:
    return _error_from(getattr(step, "error_text", None))


def _error_from(text: str | None) -> Mapping[str, Any] | None:
    """Return an error to show; of one that is too large, its type and message."""
    if not text or text == "null":
        return None
    try:
        value = jsontext.loads(text)
    except ValueError:
        value = {key: previews.text_at(text, key) for key in ("type", "message", "traceback")}
    return value if isinstance(value, dict) else {"type": "Error", "message": str(value)}


def _run_payloads(run: Run, status: str) -> list[Payload]:
    own = Run.objects.filter(pk=run.pk).only("pk")
    rows = previews.with_previews(own, RUN_FIELDS, previews.TREE_LIMIT)
    row: Any = previews.with_previews(rows, ["error"], previews.ERROR_LIMIT).first()
    kept = ("error_text", "input_text", "input_size")
    run.__dict__.update((name, getattr(row, name)) for name in kept)
    found = []
    for name in RUN_FIELDS:
        payload = _payload_of_run(run, row, name)
        if payload is not None and (name == "input" or status == RunStatus.SUCCESS):
            found.append(payload)
    return found


def _state(run: Run) -> Payload | None:
    payload = payload_of_run(run, "state")
    return None if payload is None or payload.preview.text == "{}" else payload


def _run_error(run: Run) -> Mapping[str, Any] | None:
    return _error_from(run.__dict__.get("error_text"))


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
        place = graph.places.get(step.base_path)
        url = reverse("raw-step", args=[run.run_id, step.pk, "suspend_payload"])
        payload = previews.preview_of(step, "suspend_payload", url)
        special = place.permission if place else None
        offer = actions.offer(actions.RESUME, person, run, special)
        of_items = items.get(step.path.rpartition("[")[0], 0)
        found.append(Question(step, place, payload, offer, of_items))
    return found


def find(run_id: str) -> Run | None:
    """Return a run by its public id, with what its page names, without payloads."""
    if "\0" in run_id:  # PostgreSQL takes no such text
        return None
    runs = Run.objects.light().select_related("workflow", "started_by")
    return runs.filter(run_id=run_id).first()
