"""Which entries a time travel passes over: it leaves them out, or changes what they decided.

A person who may not answer a question may not pass over it either, so the shell requires the
permissions of these entries. An answer is reused as long as nothing around it changes.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Final

from workflows_app.definition import REPEATING, Graph, Kind, Node
from workflows_app.definition.graph import walk
from workflows_app.planner.statuses import StepStatus
from workflows_app.planner.view import Row

#: Marks the input of the run among the changed places; it comes before every entry.
RUN_INPUT: Final = ""

_SPLIT: Final = frozenset({Kind.PARALLEL, Kind.BRANCH})


def paths(
    graph: Graph,
    chain: Sequence[Node],
    rows: Mapping[str, Row],
    given: Collection[str],
    changed: Collection[str],
) -> frozenset[str]:
    """Return the paths of the entries passed over, at every depth.

    `chain` leads to the target, `rows` are the recorded snapshots, `given` names the results that
    are given. `changed` has the target's path if its input or the state changes, and `RUN_INPUT` if
    the run's input changes.
    """
    return frozenset(_Passed(graph, chain, rows, frozenset(given), frozenset(changed)).found())


class _Passed:
    """Visits the entries before the target and beside it, level by level."""

    def __init__(
        self,
        graph: Graph,
        chain: Sequence[Node],
        rows: Mapping[str, Row],
        given: frozenset[str],
        changed: frozenset[str],
    ) -> None:
        self.graph = graph
        self.chain = chain
        self.rows = rows
        self.given = given
        #: The entries before the target, and those beside it or beside its containers.
        self.before: list[Node] = []
        self.beside: list[tuple[Node, Node]] = []
        for node in chain:
            self._gather(node)
        settled = [*self.before, *(arm for _, arm in self.beside)]
        self.known = {node.path: node for node in walk(settled)}
        #: Places whose output differs from the record.
        self.changed = changed | (given & self.known.keys())

    def _gather(self, node: Node) -> None:
        holder = self.graph.nodes.get(node.parent)
        siblings = self.graph.entries if holder is None else holder.children
        if holder is not None and holder.kind in _SPLIT:
            self.beside += [(holder, arm) for arm in siblings if arm is not node]
        else:
            self.before += siblings[: siblings.index(node)]

    def found(self) -> Iterator[str]:
        for entry in self.before:
            yield from self._left_out(entry)
        for holder, arm in self.beside:
            if not self._was_rightly_left(holder, arm):
                yield from self._left_out(arm)
        for path in self.known:
            if any(not self._are_apart(place, path) for place in self.changed):
                yield path

    def _left_out(self, entry: Node) -> Iterator[str]:
        """Yield the entries whose own result is not reused; a given result counts as changed."""
        row = self.rows.get(entry.path)
        is_recorded = row is not None and row.status is StepStatus.SUCCESS
        inside = {node.path for node in walk(entry.children)}
        if entry.kind not in REPEATING and not inside.isdisjoint(self.given):
            for part in entry.children:
                is_untaken = entry.kind is Kind.BRANCH and part.path not in self.rows
                if not (is_recorded and is_untaken):
                    yield from self._left_out(part)
        elif not is_recorded:
            yield from (node.path for node in walk([entry]))

    def _was_rightly_left(self, holder: Node, arm: Node) -> bool:
        """Return whether an arm beside the target has no result because of the run itself.

        It failed where it may, or its condition was false for an input that has not changed.
        """
        row = self.rows.get(arm.path)
        if row is not None:
            return row.status is StepStatus.FAILED and holder.allow_failure
        others = {
            node.path for each, other in self.beside if each is holder for node in walk([other])
        }
        was_asked = any(each.path in self.rows for each in holder.children)
        return holder.kind is Kind.BRANCH and was_asked and self.changed <= others

    def _are_apart(self, one: str, other: str) -> bool:
        """Return whether two entries are in different arms, so that neither comes first."""
        ours, theirs = self._around(one), self._around(other)
        shared = [node for node in ours if node in theirs]
        if not shared or one == other or shared[-1].path in {one, other}:
            return False
        return shared[-1].kind in _SPLIT

    def _around(self, path: str) -> list[Node]:
        """Return the entries around a place, outermost first, and the one at it."""
        found: list[Node] = []
        node = self.graph.nodes.get(path)
        while node is not None:
            found.insert(0, node)
            node = self.graph.nodes.get(node.parent)
        return found
