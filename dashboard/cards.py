"""The cards of a run's page: one an entry of its graph, with what is known and worth of each."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any, Final

from django.db.models import QuerySet
from django.urls import reverse

from dashboard import answers, previews, records, standing, trees
from dashboard.addresses import Addresses
from dashboard.graphs import Graph, Place
from dashboard.playback import Moment
from dashboard.previews import Preview
from dashboard.trees import Tree
from workflows_app import jsontext
from workflows_app.definition import BODY
from workflows_app.engine import payloads
from workflows_app.models import Action, Run, StepSnapshot
from workflows_app.planner.statuses import ENDED, STEP_ENDED, RunStatus, StepStatus

RUN_FIELDS: Final = ("input", "result")
STATES: Final = ("state", "initial_state")
#: What `previews.with_previews` adds to the names of columns.
SHOWN: Final = ("_text", "_size")
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
#: Rows of a run's input, and of its result, on the run's page.
MOST_VALUE_ROWS: Final = 40
#: Cards, and rows of all the values in them, that the page holds before they are opened.
MOST_CARD_ROWS: Final = 100


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
    #: How many rows its tree may have; None: it is drawn whole.
    most: int | None = None

    @property
    def key(self) -> str:
        """Its place on the page."""
        return f"value-{self.url or self.label}"

    @property
    def mark(self) -> Hashable:
        """All that its drawing shows; None of a large value, which is drawn each time."""
        if len(self.preview.text) > previews.LIMIT:
            return None
        drawn = self.tree is not None, self.most, self.is_away, self.is_part
        return self.label, self.preview, self.url, *drawn

    def draw(self, most: int = trees.MOST_ROWS) -> int:
        """Make the tree of a value that is known whole; return how many rows it has."""
        self.most = most
        self.tree = None if self.preview.is_cut else trees.tree_of(self.preview.text, most)
        self.is_part = most < trees.MOST_ROWS
        return self.tree.size if self.tree else 1

    def draw_within(self, room: int) -> int:
        """Draw it if it is whole and fits into so many rows; if not, it stays away."""
        drawn = 0 if self.preview.is_cut or room <= 0 else self.draw(room)
        self.is_away = self.tree is None or not self.tree.is_whole
        self.most = None
        return 0 if self.is_away else drawn


@dataclass
class Card:
    """One entry of the graph with what is known of it in this run."""

    place: Place
    status: str
    step: StepSnapshot | None = None
    payloads: list[Payload] = field(default_factory=list)
    error: Mapping[str, Any] | None = None
    #: Who answered it, where they are known, and what they said.
    answered_by: str = ""
    answer: str = ""
    #: Of what may have many records: how many of them have which status.
    tally: list[tuple[str, int]] = field(default_factory=list)
    #: What its line says of records: a foreach or loop speaks for what stands directly inside.
    counts: list[tuple[str, int]] = field(default_factory=list)
    #: Whether a fork or a time travel began here, with another input than the step had before.
    is_input_changed: bool = False
    #: Whether a time travel in the same run left it as it was on an earlier timeline.
    is_kept: bool = False

    @property
    def is_reused(self) -> bool:
        """Whether a fork took its result over."""
        return self.step is not None and standing.is_reused(self.step)

    @property
    def is_given(self) -> bool:
        """Whether its result was given, and it never ran."""
        return self.step is not None and standing.is_given(self.step)

    @property
    def title(self) -> str:
        """The name of the entry, with the index of the record that is shown."""
        if self.step is not None and self.place.is_repeated:
            return self.step.path
        return self.place.title

    @property
    def alike(self) -> int:
        """How many more records of the entry stand like the one that is shown, and are not over."""
        is_open = self.place.is_repeated and self.status in records.ASKING
        return max(dict(self.tally).get(self.status, 0) - 1, 0) if is_open else 0

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


def cards_of(
    run: Run,
    graph: Graph,
    seen: records.Shown,
    people: Sequence[Action],
    tallies: Mapping[str, list[tuple[str, int]]],
    *,
    status: str = "",
    now: datetime | None = None,
) -> list[Card]:
    """Return the cards of the listed entries; of a graph that is drawn, of all its entries.

    Only those that are listed get their values. `people` are in order of time; `status` is that of
    the run at the moment `now` that is looked at, where it is not the present one.
    """
    known: dict[str, StepSnapshot] = {}
    for each in seen.steps:
        known.setdefault(each.base_path, each)
    statuses = Statuses(status or run.status, graph, known, tallies, now)
    who = _who_answered(people)
    cards = []
    for path in graph.paths if graph.drawing else seen.listed:
        step = known.get(path)
        card = Card(graph.places[path], statuses.of(path), step, tally=tallies.get(path, []))
        inside = f"{path}{BODY}"
        card.counts = tallies.get(inside, [] if path.endswith(BODY) else card.tally)
        if step is not None:
            card.error = _error_of(step)
            card.answered_by = who.get(step.path, "")
        cards.append(card)
    wanted = set(seen.listed)
    shown = [(c, c.step) for c in cards if c.step is not None and c.place.path in wanted]
    borrowed = records.borrowed_by(run, [step for _, step in shown])
    addresses = Addresses(run.run_id)
    for card, step in shown:
        card.payloads = _payloads(addresses, step, borrowed)
        card.answer = _answer_in(card)
    return cards


def _who_answered(people: Iterable[Action]) -> dict[str, str]:
    """Return who answered each step last, by its path; one answer may go to several."""
    given = (action for action in people if action.verb == "resume")
    return {path: action.actor_name for action in given for path in action.path.split(", ")}


def _answer_in(card: Card) -> str:
    """Return the answer to what the card's step asked last; empty while it asks."""
    if card.status == StepStatus.SUSPENDED:
        return ""
    given = (each.preview for each in card.payloads if each.field == "resume_payload")
    return answers.shown(next(given, None))


def card_for(
    run: Run,
    place: Place,
    step: StepSnapshot,
    people: Iterable[Action] = (),
    *,
    inside: Collection[str] = (),
) -> Card:
    """Return the card of one record, for the page of a step; `people` are in order of time.

    `inside` has the statuses of what stands in it.
    """
    card = Card(place, standing.status_of(step, inside), step)
    card.payloads = payloads_of(run, step)
    card.error = _error_of(step)
    card.answered_by = _who_answered(people).get(step.path, "")
    card.answer = _answer_in(card)
    return card


def payloads_of(run: Run, step: StepSnapshot) -> list[Payload]:
    """Return the values of one record, read with `records.shown` and `TREE_LIMIT`, as trees."""
    borrowed = records.borrowed_by(run, [step], previews.TREE_LIMIT)
    found = _payloads(Addresses(run.run_id), step, borrowed)
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


class Statuses:
    """The status of each entry, asked for one by one: its own, or what its absence means."""

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
        self._places = graph.places
        self._known = known
        self._tallies = tallies
        self._chosen = {self._places[path].parent for path in known if path in self._places}
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
        above = self._places[path].parent
        parent = self._places.get(above)
        if self._is_ended or (parent and self.of(above) in {"untaken", *STEP_ENDED}):
            return "untaken"
        if parent is not None and parent.kind == "branch" and above in self._chosen:
            # The conditions of a branch are asked at once: the arms it did not take never come.
            return "untaken"
        return "pending"

    @cached_property
    def _inside(self) -> dict[str, set[str]]:
        """The statuses of all that stands inside what holds others, by its path."""
        found: dict[str, set[str]] = {}
        for path in {**self._known, **self._tallies}:
            place = self._places.get(path)
            statuses = self._statuses_at(path)
            while place is not None and statuses:
                found.setdefault(place.parent, set()).update(statuses)
                place = self._places.get(place.parent)
        return found

    def _statuses_at(self, path: str) -> set[str]:
        """Return the statuses of the records of an entry, as what holds them counts them."""
        step, place = self._known.get(path), self._places.get(path)
        if step is not None and not standing.is_counted_inside(step):
            return set()
        if path in self._tallies and place is not None and not place.is_container:
            return {status for status, _ in self._tallies[path]}
        return set() if step is None else {standing.status_of(step, (), self._now)}


def _payloads(
    addresses: Addresses, step: StepSnapshot, borrowed: Mapping[str, tuple[str, int]]
) -> list[Payload]:
    found = []
    for name in records.STEP_FIELDS:
        url = addresses.raw_of_step(step.pk, name)
        preview = previews.preview_of(step, name, url)
        source = {"payload": step.payload_from, "output": step.output_from}.get(name)
        if source == payloads.PARTS:
            preview = Preview(f"[…] {step.total} items", previews.LIMIT + 1, url)
        elif source and source in borrowed:
            preview = Preview(*borrowed[source], url)
        if preview is not None and (preview.text != "null" or name in {"output", "resume_payload"}):
            own_page = addresses.value_of_step(step.pk, name)
            found.append(Payload(LABELS[name], preview, name, own_page))
    return found


def _error_of(step: StepSnapshot) -> Mapping[str, Any] | None:
    return error_from(getattr(step, "error_text", None))


def error_from(text: str | None) -> Mapping[str, Any] | None:
    """Return an error to show; of one that is too large, its type and message."""
    if not text or text == "null":
        return None
    try:
        value = jsontext.loads(text)
    except ValueError:
        value = {key: previews.text_at(text, key) for key in ("type", "message", "traceback")}
    return value if isinstance(value, dict) else {"type": "Error", "message": str(value)}


def with_values(runs: QuerySet[Run]) -> QuerySet[Run]:
    """Return the runs with the beginnings of their values, as a run's page shows them."""
    shown = previews.with_previews(runs, (*RUN_FIELDS, *STATES), previews.TREE_LIMIT)
    return previews.with_previews(shown, ["error"], previews.ERROR_LIMIT)


def run_payloads(run: Run, status: str, timeline: int) -> list[Payload]:
    """Return what the run was given, and what came of it on a timeline where it had `status`.

    Asks the database if the run was not read by `with_values`.
    """
    if "input_text" not in run.__dict__:
        row = with_values(Run.objects.filter(pk=run.pk).only("pk")).get()
        run.__dict__.update(
            {name: value for name, value in row.__dict__.items() if name.endswith(SHOWN)}
        )
    found = [_payload_of_run(run, run, "input")]
    if status == RunStatus.SUCCESS:
        is_left = timeline != run.timeline
        found.append(
            _earlier_result(run, timeline) if is_left else _payload_of_run(run, run, "result")
        )
    return [payload for payload in found if payload is not None]


def _earlier_result(run: Run, timeline: int) -> Payload | None:
    """Return what came of an earlier timeline of a run; it has no address of its own."""
    left = run.earlier_timelines.filter(number=timeline).only("pk")
    row = previews.with_previews(left, ["result"], previews.TREE_LIMIT).first()
    preview = previews.preview_of(row, "result") if row is not None else None
    return None if preview is None else Payload(LABELS["result"], preview, "result")


def state_of(run: Run, moment: Moment | None = None) -> Payload | None:
    """Return the state of a run read by `with_values`, now or at a moment; None: it has none."""
    if moment is None:
        payload = _payload_of_run(run, run, "state")
    elif moment.state is None:
        preview = previews.preview_of(run, "initial_state")
        payload = Payload(LABELS["state"], preview, "state") if preview else None
    else:
        text = jsontext.dumps(moment.state)
        preview = Preview(text[: previews.TREE_LIMIT], previews.size_of(text))
        payload = Payload(LABELS["state"], preview, "state")
    return None if payload is None or payload.preview.text in {"{}", "null"} else payload


def run_error(run: Run) -> Mapping[str, Any] | None:
    """Return the error of a run read by `with_values`; None: it has none."""
    return error_from(run.__dict__.get("error_text"))
