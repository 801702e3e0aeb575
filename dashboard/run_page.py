"""Everything the page of one run shows, gathered in a handful of queries.

The graph is the one of the version that ran; its entries, in reading order, are the list of
steps, with what is known of each. The list is also the drawing's twin for screen readers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

from django.urls import reverse
from django.utils import timezone

from dashboard import graphs, previews, records
from dashboard.drawing import Box, Line
from dashboard.forms.fields import JSON
from dashboard.forms.wording import humanised
from dashboard.graphs import Graph, Place
from dashboard.previews import Preview
from workflows_app import actions, conf, jsontext, results
from workflows_app.actions import Offer, Person
from workflows_app.engine import log, payloads, places, workers
from workflows_app.models import Action, Run, StepSnapshot
from workflows_app.planner.statuses import STEP_ENDED, RunStatus, StepStatus

MOST_EVENTS: Final = 100
#: For so long a step may wait before the page asks why.
PATIENCE: Final = timedelta(seconds=5)
MOST_FACTS: Final = 12
RUN_FIELDS: Final = ("input", "result")
LABELS: Final = {
    "payload": "Input",
    "output": "Output",
    "suspend_payload": "What it asks",
    "resume_payload": "The answer",
    "input": "Input",
    "result": "Result",
}


@dataclass(frozen=True)
class Payload:
    """One value of a step or a run on the page."""

    label: str
    preview: Preview


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


@dataclass(frozen=True)
class Notice:
    """One sentence about the state of the run that people must know of."""

    tone: str
    text: str


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

    @property
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
            return self.run.status if self.run.is_ended else "pending"
        return self.statuses.get(box.path, "pending")

    def _is_taken(self, line: Line) -> bool:
        if line.to == "end":
            return self.run.status == RunStatus.SUCCESS
        return self.statuses.get(line.to, "pending") not in {"pending", "untaken", "skipped"}


def page_for(run: Run, person: Person) -> RunPage:
    """Gather the page of a run as this person may see it."""
    graph = graphs.of_version(run.version_id)
    steps, hidden = records.steps_of(run)
    people = list(run.actions.defer("data").order_by("pk")[:MOST_EVENTS])
    cards = _cards(run, graph, steps, people)
    return RunPage(
        run=run,
        graph=graph,
        cards=cards,
        questions=_questions(run, graph, steps, person),
        notices=_notices(run, steps),
        payloads=_run_payloads(run),
        error=_run_error(run),
        events=events_of(run),
        people=people,
        offers={a.name: actions.offer(a, person, run) for a in actions.ACTIONS.values()},
        hidden_steps=hidden,
    )


def events_of(run: Run, before: int | None = None) -> list[dict[str, Any]]:
    """Return the latest events, newest first; `before` leaves out that number and later ones."""
    last = run.event_seq if before is None else min(before - 1, run.event_seq)
    after = max(last - MOST_EVENTS, 0)
    found = log.read(run.pk, after, MOST_EVENTS) if last > 0 else []
    return [event for event in reversed(found) if after < event["seq"] <= last]


def _cards(
    run: Run, graph: Graph, steps: Sequence[StepSnapshot], people: Sequence[Action]
) -> list[Card]:
    known: dict[str, StepSnapshot] = {}
    for each in steps:
        known.setdefault(each.base_path, each)
    tallies = records.tallies_of(run, graph)
    statuses = _statuses(run, graph, known)
    borrowed = records.borrowed_by(run, steps)
    answers = {action.path: action.actor_name for action in people if action.verb == "resume"}
    cards = []
    for place in graph.places.values():
        step = known.get(place.path)
        card = Card(place, statuses[place.path], step, tally=tallies.get(place.path, []))
        if step is not None:
            card.payloads = _payloads(run, step, borrowed)
            card.error = _error_of(step)
            card.answered_by = answers.get(step.path, "")
        cards.append(card)
    return cards


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
        url = reverse("raw-step", args=[run.run_id, step.pk, name])
        preview = previews.preview_of(step, name, url)
        source = {"payload": step.payload_from, "output": step.output_from}.get(name)
        if source == payloads.PARTS:
            preview = Preview(f"[…] {step.total} items", previews.LIMIT + 1, url)
        elif source and source in borrowed:
            preview = Preview(*borrowed[source], url)
        if preview is not None and (preview.text != "null" or name in {"output", "resume_payload"}):
            found.append(Payload(LABELS[name], preview))
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


def _run_payloads(run: Run) -> list[Payload]:
    rows = previews.with_previews(Run.objects.filter(pk=run.pk).only("pk"), RUN_FIELDS)
    row: Any = previews.with_previews(rows, ["error"], previews.ERROR_LIMIT).first()
    run.__dict__["error_text"] = row.error_text
    found = []
    for name in RUN_FIELDS:
        preview = previews.preview_of(row, name, reverse("raw-run", args=[run.run_id, name]))
        if preview is not None and (name == "input" or run.status == RunStatus.SUCCESS):
            found.append(Payload(LABELS[name], preview))
    return found


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


def _notices(run: Run, steps: Sequence[StepSnapshot]) -> list[Notice]:
    found = []
    if run.is_canceling:
        grace = conf.get("CANCEL_GRACE_SECONDS")
        found.append(
            Notice(
                "warning",
                "This run is being canceled. Nothing new starts; the steps that are running were "
                f"asked to stop and are given up after {grace:g} s.",
            )
        )
    unknown = [s.path for s in steps if s.unknown_since and s.status == StepStatus.QUEUED]
    if unknown:
        found.append(
            Notice(
                "warning",
                f"No worker has this version of the code for {_listed(unknown)}. Deploy code that "
                f"fits the run; after {conf.get('VERSION_GRACE_SECONDS'):g} s the step fails, and "
                "can be retried.",
            )
        )
    if left := _left_waiting(steps):
        found.append(left)
    lost = [step.path for step in steps if _is_lost(step)]
    if lost:
        found.append(
            Notice(
                "warning",
                f"No sign of life from the worker that runs {_listed(lost)}. Another worker takes "
                "it over by itself, unless the workflow says auto_restart=False.",
            )
        )
    return found


def _left_waiting(steps: Sequence[StepSnapshot]) -> Notice | None:
    """Return the notice that nobody serves the queue of a step that waits for a worker."""
    now = timezone.now()
    waiting = [
        step
        for step in steps
        if step.status == StepStatus.QUEUED
        and step.unknown_since is None
        and now - step.queued_at > PATIENCE
        and (step.wake_at is None or step.wake_at < now)
    ]
    unserved = workers.unserved({step.queue for step in waiting}, now) if waiting else set()
    if not unserved:
        return None
    paths = [step.path for step in waiting if step.queue in unserved]
    queues = ", ".join(sorted(unserved))
    return Notice(
        "warning",
        f"No worker that is alive serves the queue {queues}, so {_listed(paths)} waits. Start "
        f"one: manage.py worker --queues {queues}.",
    )


def _is_lost(step: StepSnapshot) -> bool:
    if step.status != StepStatus.RUNNING or step.kind != "step" or step.worker_id is None:
        return False
    worker = step.worker
    if worker is None or worker.stopped_at is not None:
        return True
    age = timezone.now() - worker.heartbeat_at
    return age.total_seconds() > conf.get("LEASE_SECONDS")


def _listed(paths: Sequence[str]) -> str:
    shown = ", ".join(paths[:3])
    return shown if len(paths) <= 3 else f"{shown} and {len(paths) - 3} more"  # noqa: PLR2004


def find(run_id: str) -> Run | None:
    """Return a run by its public id, with what its page names, without payloads."""
    runs = Run.objects.light().select_related("workflow", "started_by")
    return runs.filter(run_id=run_id).first()
