"""What the time travel page shows: where from, with what, and the plan that comes of it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Final

from dashboard import graphs, previews, records
from dashboard.drawing import Box, Drawing
from dashboard.forms import documents
from dashboard.graphs import Graph, Place
from dashboard.previews import Preview
from workflows_app import Run as WorkflowRun
from workflows_app import actions, errors, jsontext, permissions
from workflows_app.actions import Offer, Person
from workflows_app.engine import payloads
from workflows_app.engine.travel import TravelPlan
from workflows_app.models import Run, StepSnapshot

JSON = Any
#: Stands for the input of the step that is gone to, among the values that are changed.
INPUT: Final = "$input"
#: Stands before the path of a step that was chosen before, for the input that it was given.
OTHER: Final = f"{INPUT}:"
#: Characters of a reason that is kept.
LONGEST_REASON: Final = 500
#: Values larger than this many characters of JSON are given as they are, not edited in a form.
MOST_EDITED: Final = 200_000


class BadChanges(ValueError):
    """What the page brought back of changed values cannot be read."""


@dataclass(frozen=True)
class Asked:
    """What the person has chosen so far: from where, and which values are others."""

    path: str = ""
    #: By path; the input of the step under `INPUT`, those of steps chosen before under theirs.
    changed: Mapping[str, JSON] = field(default_factory=dict)
    per_step: bool = False
    in_place: bool = False
    #: Why, for the audit trail.
    reason: str = ""
    #: The paths of all entries, in reading order.
    order: Sequence[str] = ()

    @classmethod
    def read(cls, data: Mapping[str, str], *, path: str = "") -> Asked:
        """Return what a form or an address says. Raises BadChanges."""
        try:
            changed = documents.load(data.get("changed") or "{}")
        except documents.NotJson:
            raise BadChanges("The changed values cannot be read; begin anew.") from None
        if not isinstance(changed, dict):
            raise BadChanges("The changed values cannot be read; begin anew.")
        return cls(
            path=data.get("from") or path,
            changed=changed,
            per_step=data.get("per_step") == "1",
            in_place=data.get("mode") == "here",
            reason=data.get("reason", "").strip().replace("\x00", "")[:LONGEST_REASON],
        )

    @property
    def changed_text(self) -> str:
        """The changed values as the page carries them."""
        return str(jsontext.dumps(dict(self.changed)))

    @cached_property
    def results(self) -> dict[str, JSON]:
        """The other results that count from here: those of entries before the step."""
        place = self.order.index(self.path) if self.path in self.order else len(self.order)
        before = set(self.order[:place])
        return {path: value for path, value in self.changed.items() if path in before}

    @property
    def kept(self) -> list[str]:
        """What else was changed, and counts once another step is chosen; in words."""
        others = [path for path in self.changed if path != INPUT and path not in self.results]
        return [
            f"the input of {path.removeprefix(OTHER)}"
            if path.startswith(OTHER)
            else f"the result of {path}"
            for path in others
        ]

    @property
    def options(self) -> dict[str, JSON]:
        """What the verbs are called with."""
        context = {path: {"output": out} for path, out in self.results.items()}
        found: dict[str, JSON] = {"context": context} if context else {}
        if INPUT in self.changed:
            found["input_data"] = self.changed[INPUT]
        return found

    def with_value(self, of: str, value: JSON) -> Asked:
        """Return the same with another value."""
        return replace(self, changed={**self.changed, of: value})

    def without(self, of: str) -> Asked:
        """Return the same with the recorded value."""
        return replace(self, changed={k: v for k, v in self.changed.items() if k != of})

    def at(self, path: str) -> Asked:
        """Return the same from another step; each step keeps the input that it was given."""
        changed = dict(self.changed)
        if INPUT in changed and self.path:
            changed[OTHER + self.path] = changed.pop(INPUT)
        if OTHER + path in changed:
            changed[INPUT] = changed.pop(OTHER + path)
        return replace(self, path=path, changed=changed)


@dataclass(frozen=True)
class Value:
    """A value that the travel uses: as recorded, and as it was changed."""

    of: str
    label: str
    recorded: Preview | None
    new: str = ""

    @property
    def is_changed(self) -> bool:
        """Whether the person gave another one."""
        return bool(self.new)


@dataclass(frozen=True)
class TravelPage:
    """The page, ready for its template."""

    run: Run
    graph: Graph
    asked: Asked
    places: list[Place]
    place: Place | None = None
    input: Value | None = None
    earlier: list[Value] = field(default_factory=list)
    plan: TravelPlan | None = None
    problem: str = ""

    @cached_property
    def drawing(self) -> Drawing | None:
        """The small drawing to choose from, its frames open; None: it is too large to be drawn."""
        return self.graph.drawn(frozenset())

    @property
    def boxes(self) -> list[tuple[Box, str, bool]]:
        """The drawing's boxes, each with what happens to it, and whether it can be chosen."""
        known = {place.path for place in self.places}
        boxes = self.drawing.boxes if self.drawing else []
        return [(box, self.fates.get(box.path, ""), box.path in known) for box in boxes]

    @cached_property
    def fates(self) -> dict[str, str]:
        """What the plan does with each entry, by path: `again`, `reused` or `skipped`."""
        if self.plan is None:
            return {}
        said = (("skipped", self.plan.skipped), ("reused", self.plan.reused))
        found = {path: fate for fate, paths in said for path in paths}
        return found | dict.fromkeys(self.plan.rerun, "again")

    def offer(self, person: Person) -> Offer:
        """Return whether the person may do it, and why not: the plan says which steps it passes."""
        action = actions.TRAVEL if self.asked.in_place else actions.FORK
        offer = actions.offer(action, person, self.run, graphs.to_act(self.run))
        why_not = permissions.why_not(self.plan.permissions, person) if self.plan else ""
        return Offer(action, why_not) if offer.is_possible and why_not else offer

    @property
    def python(self) -> str:
        """The same act as a call from Python."""
        verb = "time_travel" if self.asked.in_place else "fork"
        options = [f"{name}={value!r}" for name, value in self.asked.options.items()]
        if self.asked.per_step:
            options.append("per_step=True")
        if self.asked.reason:
            options.append(f"reason={self.asked.reason!r}")
        arguments = ", ".join([repr(self.asked.path), *options])
        workflow, run = self.run.workflow_id, self.run.run_id
        return f"get_workflow({workflow!r}).get_run({run!r}).{verb}({arguments})"


def page_for(run: Run, live: WorkflowRun, asked: Asked) -> TravelPage:
    """Gather the page; a refusal of the engine stands on it as a sentence."""
    graph = graphs.of_run(run)
    places = [place for place in graph.places.values() if not place.is_repeated]
    place = graph.places.get(asked.path)
    if place is None:
        problem = "" if not asked.path else f"There is no step “{asked.path}” in this workflow."
        return TravelPage(run, graph, asked, places, problem=problem)
    found: TravelPlan | None = None
    problem = ""
    try:
        found = live.plan_time_travel(asked.path, **asked.options)
    except errors.WorkflowError as refusal:
        problem = str(refusal)
    earlier = _earlier(run, graph, place, found)
    rows = _rows_of(run, [place.path, *earlier])
    return TravelPage(
        run, graph, asked, places, place,
        input=_input(asked, rows.get(place.path)),
        earlier=[_result(asked, path, rows.get(path)) for path in earlier],
        plan=found,
        problem=problem,
    )  # fmt: skip


def recorded(run: Run, of: str, path: str) -> JSON:
    """Return the value that is recorded: of a step's output, or of the input of `path`."""
    rows = StepSnapshot.objects.current().light().filter(run=run)
    step = rows.filter(path=path if of == INPUT else of).first()
    if step is None:
        return None
    text = payloads.payload_of(step) if of == INPUT else payloads.output_of(step)
    if len(text) > MOST_EDITED:
        raise BadChanges("This value is too large to be changed in a form; use Python.")
    return jsontext.loads(text)


def _earlier(run: Run, graph: Graph, place: Place, plan: TravelPlan | None) -> list[str]:
    """Return the steps whose results stay, or would: of those a person may give others."""
    if plan is not None:
        return [p for p in plan.reused if p in graph.places and not graph.places[p].is_container]
    found = []
    for path, other in graph.places.items():
        if path == place.path:
            break
        if other.step is not None and not other.is_repeated:
            found.append(path)
    return found


def _rows_of(run: Run, paths: list[str]) -> dict[str, StepSnapshot]:
    steps = StepSnapshot.objects.current().light().filter(run=run, path__in=paths)
    found = previews.with_previews(steps, ["payload", "output"])
    return {step.path: step for step in found}


def _input(asked: Asked, step: StepSnapshot | None) -> Value:
    return _value(asked, INPUT, "What the step gets", _shown(step, "payload"))


def _result(asked: Asked, path: str, step: StepSnapshot | None) -> Value:
    return _value(asked, path, path, _shown(step, "output"))


def _shown(step: StepSnapshot | None, name: str) -> Preview | None:
    """Return the beginning of a recorded value, also where it stands in another row."""
    if step is None:
        return None
    source = step.payload_from if name == "payload" else step.output_from
    if source:
        borrowed = records.borrowed_by(step.run, [step]).get(source)
        return None if borrowed is None else Preview(*borrowed)
    return previews.preview_of(step, name)


def _value(asked: Asked, of: str, label: str, shown: Preview | None) -> Value:
    new = ""
    if of in asked.changed:
        new = json.dumps(asked.changed[of], indent=2, ensure_ascii=False)
    return Value(of, label, shown, new)
