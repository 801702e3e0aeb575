"""What the time travel page shows: the step, the changed values, and the resulting plan."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Final

from django.utils.translation import gettext

from workflows_app import Run as WorkflowRun
from workflows_app import actions, engine_words, errors, jsontext, permissions, refusal_words
from workflows_app.actions import Offer, Person
from workflows_app.engine.run import payloads
from workflows_app.engine.verbs.travel import TravelPlan
from workflows_app.models import Run, StepSnapshot

from .. import same
from ..forms import documents
from ..forms.documents import MOST_EDITED
from ..forms.fields import MISSING
from ..graph import graphs
from ..graph.graphs import Graph, GraphEntry
from ..graph.shapes import Box, Drawing
from ..same import Call
from ..values import borrowing, previews, sight
from ..values.previews import Preview

JSON = Any
#: Stands for the input of the chosen step among the values that are changed.
INPUT: Final = "$input"
#: Precedes the path of a step that was chosen before, for the input that it was given.
OTHER: Final = f"{INPUT}:"
#: The most characters of a reason.
LONGEST_REASON: Final = 500


class BadChanges(ValueError):
    """The changed values that the page sent back cannot be read."""


@dataclass(frozen=True)
class TravelChoice:
    """What the person has chosen so far: the step to go on from, and the changed values."""

    path: str = ""
    #: By path; the input of the step under `INPUT`, inputs of steps chosen before under their
    #: names.
    changed: Mapping[str, JSON] = field(default_factory=dict)
    per_step: bool = False
    in_place: bool = False
    #: The reason for the audit trail.
    reason: str = ""
    #: The paths of all entries, in reading order.
    order: Sequence[str] = ()

    @classmethod
    def read(cls, data: Mapping[str, str], *, path: str = "") -> TravelChoice:
        """Return what a form or an address says. Raises BadChanges."""
        try:
            changed = documents.load(data.get("changed") or "{}")
        except documents.NotJson:
            raise BadChanges(gettext("The changed values cannot be read; start over.")) from None
        if not isinstance(changed, dict):
            raise BadChanges(gettext("The changed values cannot be read; start over."))
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
        """The other changed results that count from here: those of entries before the step."""
        index = self.order.index(self.path) if self.path in self.order else len(self.order)
        before = set(self.order[:index])
        return {path: value for path, value in self.changed.items() if path in before}

    @property
    def kept(self) -> list[str]:
        """The other changes, which count again if another step is chosen; in words."""
        others = [path for path in self.changed if path != INPUT and path not in self.results]
        return [
            gettext("the input of {path}").format(path=path.removeprefix(OTHER))
            if path.startswith(OTHER)
            else gettext("the result of {path}").format(path=path)
            for path in others
        ]

    @property
    def options(self) -> dict[str, JSON]:
        """The arguments of the verbs."""
        context = {path: {"output": out} for path, out in self.results.items()}
        found: dict[str, JSON] = {"context": context} if context else {}
        if INPUT in self.changed:
            found["input_data"] = self.changed[INPUT]
        return found

    def with_value(self, of: str, value: JSON) -> TravelChoice:
        """Return the same with another value."""
        return replace(self, changed={**self.changed, of: value})

    def without(self, of: str) -> TravelChoice:
        """Return the same with the recorded value."""
        return replace(self, changed={k: v for k, v in self.changed.items() if k != of})

    def at(self, path: str) -> TravelChoice:
        """Return the same from another step; each step keeps the input that it was given."""
        changed = dict(self.changed)
        if INPUT in changed and self.path:
            changed[OTHER + self.path] = changed.pop(INPUT)
        if OTHER + path in changed:
            changed[INPUT] = changed.pop(OTHER + path)
        return replace(self, path=path, changed=changed)


@dataclass(frozen=True)
class TravelValue:
    """A value that the travel uses: as recorded, and as it was changed."""

    of: str
    label: str
    recorded: Preview | None
    new: str = ""

    @property
    def is_changed(self) -> bool:
        """Whether the person gave another value."""
        return bool(self.new)


@dataclass(frozen=True)
class TravelPage:
    """The page, ready for its template."""

    run: Run
    graph: Graph
    choice: TravelChoice
    entries: list[GraphEntry]
    entry: GraphEntry | None = None
    input: TravelValue | None = None
    earlier: list[TravelValue] = field(default_factory=list)
    plan: TravelPlan | None = None
    problem: str = ""

    @cached_property
    def drawing(self) -> Drawing | None:
        """The small drawing to choose from, with open frames; None if it is too large."""
        return self.graph.drawn(frozenset())

    @property
    def boxes(self) -> list[tuple[Box, str, bool]]:
        """The drawing's boxes, each with what happens to it and whether it can be chosen."""
        known = {entry.path for entry in self.entries}
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
        """Return whether the person may do it, or why not: the plan says which steps it passes."""
        action = actions.TRAVEL if self.choice.in_place else actions.FORK
        offer = actions.offer(action, person, self.run, graphs.to_act(self.run))
        why_not = permissions.why_not(self.plan.permissions, person) if self.plan else ""
        if offer.is_possible and why_not:
            return Offer(action, engine_words.retold(why_not))
        return offer

    @property
    def calls(self) -> list[Call]:
        """The same action as it is called from outside."""
        choice = self.choice
        words = ["--step", choice.path]
        body: dict[str, JSON] = {"step": choice.path, **choice.options}
        for name, flag in (("input_data", "--input"), ("context", "--context")):
            if name in body:
                words += [flag, same.as_json(body[name])]
        if choice.per_step:
            body["per_step"] = True
            words.append("--per-step")
        if choice.reason:
            body["reason"] = choice.reason
            words += ["--reason", choice.reason]
        verb = "time-travel" if choice.in_place else "fork"
        return [same.on_run(self.run.run_id, verb, body, words)]

    @property
    def python(self) -> str:
        """The same action as a call in Python."""
        verb = "time_travel" if self.choice.in_place else "fork"
        options = [f"{name}={value!r}" for name, value in self.choice.options.items()]
        if self.choice.per_step:
            options.append("per_step=True")
        if self.choice.reason:
            options.append(f"reason={self.choice.reason!r}")
        arguments = ", ".join([repr(self.choice.path), *options])
        workflow, run = self.run.workflow_id, self.run.run_id
        return f"get_workflow({workflow!r}).get_run({run!r}).{verb}({arguments})"


def page_for(run: Run, live: WorkflowRun, choice: TravelChoice) -> TravelPage:
    """Gather the page; it shows a refusal of the engine as a sentence."""
    graph = graphs.of_run(run)
    entries = [entry for entry in graph.entries.values() if not entry.is_repeated]
    entry = graph.entries.get(choice.path)
    if entry is None:
        problem = (
            ""
            if not choice.path
            else gettext("There is no step “{path}” in this workflow.").format(path=choice.path)
        )
        return TravelPage(run, graph, choice, entries, problem=problem)
    found: TravelPlan | None = None
    problem = ""
    try:
        found = live.plan_time_travel(choice.path, **choice.options)
    except errors.WorkflowError as refusal:
        problem = refusal_words.of(refusal)
    earlier = _earlier(run, graph, entry, found)
    rows = _rows_of(run, [entry.path, *earlier])
    return TravelPage(
        run, graph, choice, entries, entry,
        input=_input(choice, rows.get(entry.path)),
        earlier=[_result(choice, path, rows.get(path)) for path in earlier],
        plan=found,
        problem=problem,
    )  # fmt: skip


def recorded(run: Run, of: str, path: str) -> JSON:
    """Return the recorded value: the output of a step, or the input of `path`.

    Nothing for a person who may not see it, who may write another one all the same.
    """
    if not sight.values():
        return MISSING
    rows = StepSnapshot.objects.current().light().filter(run=run)
    step = rows.filter(path=path if of == INPUT else of).first()
    if step is None:
        return None
    text = payloads.payload_of(step) if of == INPUT else payloads.output_of(step)
    if len(text) > MOST_EDITED:
        raise BadChanges(gettext("This value is too large to be changed in a form; use Python."))
    return jsontext.loads(text)


def _earlier(run: Run, graph: Graph, entry: GraphEntry, plan: TravelPlan | None) -> list[str]:
    """Return the steps whose results are kept, or would be: a person may change those."""
    if plan is not None:
        return [p for p in plan.reused if p in graph.entries and not graph.entries[p].is_container]
    found = []
    for path, other in graph.entries.items():
        if path == entry.path:
            break
        if other.step is not None and not other.is_repeated:
            found.append(path)
    return found


def _rows_of(run: Run, paths: list[str]) -> dict[str, StepSnapshot]:
    steps = StepSnapshot.objects.current().light().filter(run=run, path__in=paths)
    found = previews.with_previews(steps, ["payload", "output"])
    return {step.path: step for step in found}


def _input(choice: TravelChoice, step: StepSnapshot | None) -> TravelValue:
    return _value(choice, INPUT, gettext("What the step gets"), _shown(step, "payload"))


def _result(choice: TravelChoice, path: str, step: StepSnapshot | None) -> TravelValue:
    return _value(choice, path, path, _shown(step, "output"))


def _shown(step: StepSnapshot | None, name: str) -> Preview | None:
    """Return the beginning of a recorded value, also if another row stores it."""
    if step is None:
        return None
    source = step.payload_from if name == "payload" else step.output_from
    if source:
        borrowed = borrowing.borrowed_by(step.run, [step]).get(source)
        return None if borrowed is None else Preview(*borrowed)
    return previews.preview_of(step, name)


def _value(choice: TravelChoice, of: str, label: str, shown: Preview | None) -> TravelValue:
    new = ""
    if of in choice.changed:
        new = json.dumps(choice.changed[of], indent=2, ensure_ascii=False)
    return TravelValue(of, label, shown, new)
