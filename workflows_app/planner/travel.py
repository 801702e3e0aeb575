"""Time travel: decides what is kept, what runs again, and what to write. Changes nothing."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from workflows_app import errors
from workflows_app.definition import BODY, REPEATING, Graph, Kind, Node
from workflows_app.definition.graph import walk
from workflows_app.jsontext import NULL, Raw
from workflows_app.planner import passed
from workflows_app.planner.decisions import (
    Adopt,
    Decision,
    GiveResult,
    InputOf,
    Joined,
    OpenContainer,
    OutputOf,
    RecordResult,
    RunInput,
    SupersedeAllBut,
    Value,
)
from workflows_app.planner.enter import enter, in_scope
from workflows_app.planner.statuses import StepStatus
from workflows_app.planner.view import Row


@dataclass(frozen=True, slots=True)
class GivenResult:
    """A result that the caller gives for a step, instead of the recorded one."""

    status: StepStatus = StepStatus.SUCCESS
    output: Raw | None = None
    payload: Raw | None = None


@dataclass(frozen=True, slots=True)
class Past:
    """The record of a run: its current snapshots outside of foreach and loops, by path."""

    was_started: bool
    rows: Mapping[str, Row] = field(default_factory=dict)
    #: Base paths of the steps that have asked somebody.
    asked: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Journey:
    """What a time travel does: paths for people, decisions for the engine."""

    target: str
    reused: tuple[str, ...]
    rerun: tuple[str, ...]
    skipped: tuple[str, ...]
    suspensions: tuple[str, ...]
    warnings: tuple[str, ...]
    #: The places of the graph whose snapshots stay.
    kept: frozenset[str]
    decisions: tuple[Decision, ...]
    #: The places that are left out or replaced by given results; see `passed`.
    passed: frozenset[str] = frozenset()


def plan(
    graph: Graph,
    target: Node,
    past: Past,
    *,
    given: Mapping[str, GivenResult] | None = None,
    input_data: Raw | None = None,
    changed: Collection[str] = (),
) -> Journey:
    """Return what a time travel to `target` does.

    `changed` names other places that differ from the record: the target for another state,
    `passed.RUN_INPUT` for another input of the run. A target inside a foreach or loop means the
    whole entry. Raises MissingStepResult naming the first step before the target without a known
    result.
    """
    return _Planner(graph, target, past, given or {}, input_data).plan(changed)


def chain_to(graph: Graph, target: Node) -> list[Node]:
    """Return the containers around a node, outermost first, and the node itself.

    It ends at the first foreach or loop, because entries inside one cannot be a target.
    """
    chain = [target]
    while chain[0].parent:
        chain.insert(0, graph.nodes[chain[0].parent])
    repeating = next((i for i, node in enumerate(chain) if node.kind in REPEATING), len(chain))
    return chain[: repeating + 1]


class _Planner:
    """Walks from the root to the target, level by level."""

    def __init__(
        self,
        graph: Graph,
        target: Node,
        past: Past,
        given: Mapping[str, GivenResult],
        input_data: Raw | None,
    ) -> None:
        self.graph = graph
        self.asked_for = target
        self.chain = chain_to(graph, target)
        self.target = self.chain[-1]
        self.past = past
        self.given = given
        self.input_data = input_data
        self.kept: set[str] = set()
        self.reused: list[str] = []
        self.skipped: list[str] = []
        self.warnings: list[str] = []
        self.decisions: list[Decision] = []

    def plan(self, changed: Collection[str]) -> Journey:
        if self.asked_for is not self.target:
            self.warnings.append(
                f"{show(self.asked_for)} is inside {show(self.target)}, which runs again as a "
                "whole."
            )
        self._walk()
        rerun = [*self._again([self.target]), *self._again(self._following())]
        again = set(rerun)
        return Journey(
            target=self.target.path,
            reused=tuple(self.reused),
            rerun=tuple(rerun),
            skipped=tuple(self.skipped),
            suspensions=tuple(sorted(path for path in self.past.asked if path in again)),
            warnings=tuple(self.warnings),
            kept=frozenset(self.kept),
            decisions=(SupersedeAllBut(frozenset(self.kept)), *self.decisions),
            passed=self._passed(changed),
        )

    def _passed(self, changed: Collection[str]) -> frozenset[str]:
        own = self.given.get(self.target.path)
        has_input = self.input_data is not None or (own is not None and own.payload is not None)
        places = {*changed, *([self.target.path] if has_input else [])}
        return passed.paths(self.graph, self.chain, self.past.rows, self.given.keys(), places)

    def _walk(self) -> None:
        """Decide level by level: the entries before, the containers, the target itself."""
        scope, parent = "", None
        payload: Value | None = RunInput() if self.past.was_started else None
        entries: Sequence[Node] = self.graph.entries
        position = 0
        for node in self.chain:
            holder = self.graph.nodes.get(node.parent)
            if holder is None or holder.kind is Kind.WORKFLOW:
                payload = self._before(entries, node, scope, parent, payload)
            else:
                position = self._beside(holder, node, scope, parent)
            if node is self.target:
                self._enter(scope, parent, payload, position)
                return
            parent = self._open(node, in_scope(scope, node.name), parent, payload, position)
            position = 0
            if node.kind is Kind.WORKFLOW:
                scope, entries = parent, node.children
                payload = InputOf(parent) if payload is not None else None

    def _enter(self, scope: str, parent: str | None, payload: Value | None, position: int) -> None:
        own = self.given.get(self.target.path)
        value = self.input_data or (own.payload if own else None) or payload
        if value is None:
            raise self._missing(self.asked_for, "no input is known of")
        self.decisions += enter(
            self.target, scope=scope, parent=parent, payload=value, position=position
        )

    def _open(
        self, node: Node, path: str, parent: str | None, payload: Value | None, position: int
    ) -> str:
        """Open a new container around the target, with the parts that are kept."""
        value = payload if payload is not None else NULL
        self.decisions += [
            OpenContainer(path, node.path, node.kind, parent, value, 1, position),
            Adopt(path),
        ]
        return path

    def _before(
        self,
        entries: Iterable[Node],
        node: Node,
        scope: str,
        parent: str | None,
        payload: Value | None,
    ) -> Value | None:
        """Keep or make the results before `node` in its sequence; return its input."""
        for entry in entries:
            if entry is node:
                break
            is_known = self._known(entry, scope, parent)
            if not is_known and self.past.was_started:
                raise self._missing(self._unknown_in(entry), "no result is recorded of")
            if not is_known:
                self._skip(entry, scope, parent)
            payload = OutputOf(in_scope(scope, entry.name)) if is_known else None
        return payload

    def _known(self, entry: Node, scope: str, parent: str | None, position: int = 0) -> bool:
        """Keep or make the record of an entry; return whether it has an output."""
        path = in_scope(scope, entry.name)
        given = self.given.get(path)
        if given is not None and given.output is not None:
            self._give(entry, path, parent, given, position)
            return True
        if self._is_given_inside(entry):
            return self._compose(entry, path, scope, parent, position)
        row = self.past.rows.get(path)
        if row is None or row.status not in {StepStatus.SUCCESS, StepStatus.SKIPPED}:
            return False
        self.kept.update(node.path for node in walk([entry]))
        self.reused += [p for p in self._again([entry]) if p in self.past.rows]
        return row.status is StepStatus.SUCCESS or self._skipped_is_enough(entry)

    def _skipped_is_enough(self, entry: Node) -> bool:
        """Return whether a skipped entry may stay skipped, because its output is not needed."""
        return entry.next not in {node.path for node in self.chain} or self.input_data is not None

    def _give(
        self, entry: Node, path: str, parent: str | None, given: GivenResult, position: int = 0
    ) -> None:
        self.reused.append(path)
        self.decisions.append(
            GiveResult(
                path, entry.path, entry.kind, parent, given.status, given.output, given.payload,
                position,
            )
        )  # fmt: skip

    def _is_given_inside(self, entry: Node) -> bool:
        inside = {node.path for node in walk(entry.children)}
        return entry.kind not in REPEATING and not inside.isdisjoint(self.given)

    def _compose(
        self, entry: Node, path: str, scope: str, parent: str | None, position: int
    ) -> bool:
        """Make the record of a container from those of its parts."""
        self.decisions += [
            OpenContainer(path, entry.path, entry.kind, parent, NULL, 1, position),
            Adopt(path),
        ]
        inner = path if entry.kind is Kind.WORKFLOW else scope
        known = [self._known(part, inner, path, i) for i, part in enumerate(entry.children)]
        if entry.kind is Kind.WORKFLOW:
            output: Value = OutputOf(in_scope(inner, entry.children[-1].name))
            is_known = known[-1]
        else:
            output = Joined(path)
            is_known = any(known) if entry.kind is Kind.BRANCH else all(known)
        if is_known:
            self.decisions.append(RecordResult(path, StepStatus.SUCCESS, output))
        elif not self.past.was_started:
            raise self._missing(self._unknown_in(entry), "no result is given for")
        return is_known

    def _skip(self, entry: Node, scope: str, parent: str | None) -> None:
        """Note that an entry did not run, in a run that begins after it."""
        path = in_scope(scope, entry.name)
        self.skipped += self._again([entry])
        self.decisions.append(GiveResult(path, entry.path, entry.kind, parent, StepStatus.SKIPPED))

    def _beside(self, holder: Node, node: Node, scope: str, parent: str | None) -> int:
        """Keep the results of the arms beside the target; return the position of its own."""
        for position, arm in enumerate(holder.children):
            if arm is node:
                continue
            row = self.past.rows.get(in_scope(scope, arm.name))
            may_stay = row is not None and row.status is StepStatus.FAILED and holder.allow_failure
            if may_stay:
                self.kept.update(each.path for each in walk([arm]))
            elif not self._known(arm, scope, parent, position):
                self.skipped += self._again([arm])
                if row is not None:
                    self.warnings.append(
                        f"{show(arm)} has no result, so it stays out of the output."
                    )
        return holder.children.index(node)

    def _following(self) -> Iterator[Node]:
        """Yield the entries after the target, innermost first."""
        for node in reversed(self.chain):
            following = node.next
            while following is not None:
                yield self.graph.nodes[following]
                following = self.graph.nodes[following].next

    def _again(self, nodes: Iterable[Node]) -> list[str]:
        """Return the paths of these entries and those inside them, as far as people know them."""
        hidden = {Kind.PARALLEL, Kind.BRANCH}
        found: list[str] = []
        for node in nodes:
            if node.kind not in hidden:
                found.append(node.path)
            if node.kind in REPEATING:
                continue
            arms = node.children
            if node.kind is Kind.BRANCH:
                taken = [arm for arm in arms if arm.path in self.past.rows]
                arms = tuple(taken) if taken or node is not self.target else arms
            found += self._again(arms)
        return found

    def _unknown_in(self, entry: Node) -> Node:
        """Return the step because of which an entry has no result."""
        if entry.kind is Kind.PARALLEL:
            return next((arm for arm in entry.children if not self._has(arm)), entry)
        return entry

    def _has(self, node: Node) -> bool:
        row = self.past.rows.get(node.path)
        return node.path in self.given or (row is not None and row.status is StepStatus.SUCCESS)

    def _missing(self, node: Node, fact: str) -> errors.MissingStepResult:
        path = show(node)
        hint = f"context={{{path!r}: {{'output': ...}}}}"
        if node is self.asked_for:
            hint = "input_data, or the result of the step before it in context"
        return errors.MissingStepResult(
            f"A time travel to {show(self.asked_for)!r} needs what comes to it, and {fact} "
            f"{path!r}. Give {hint}, or go to an earlier step."
        )


def show(node: Node) -> str:
    """Return the path of a node as people write it."""
    return node.path.replace(BODY, "")
