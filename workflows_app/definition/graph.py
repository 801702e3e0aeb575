"""The graph of a committed workflow: a frozen tree of entries, and an index by path."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from workflows_app.definition import serialize

if TYPE_CHECKING:
    from workflows_app.definition.builder import Builder
    from workflows_app.definition.event_waits import EventWait
    from workflows_app.definition.functions import Function
    from workflows_app.definition.mappings import Assembled, Computed
    from workflows_app.definition.steps import Step


class Kind(StrEnum):
    """What an entry of the graph is."""

    STEP = "step"
    MAP = "map"
    PARALLEL = "parallel"
    BRANCH = "branch"
    FOREACH = "foreach"
    DO_WHILE = "do_while"
    DO_UNTIL = "do_until"
    SLEEP = "sleep"
    WORKFLOW = "workflow"


#: Entries that repeat their one child: its path ends in `BODY`, the paths of its rows in `[3]`.
REPEATING: Final = frozenset({Kind.FOREACH, Kind.DO_WHILE, Kind.DO_UNTIL})
LOOPS: Final = frozenset({Kind.DO_WHILE, Kind.DO_UNTIL})
BODY: Final = "[]"


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """One entry of the graph at its place. Equal only to itself."""

    kind: Kind
    #: The last part of the path: `add`, `add#2`, `parallel-1`.
    name: str
    #: The key of its output among those of its siblings: the step's id.
    key: str
    #: From the root of the run's workflow, without indexes: `outer.add#2`.
    path: str = ""
    #: The path of the container that holds it; empty for an entry of the root.
    parent: str = ""
    #: The path of the entry after it in its sequence; None at the end, and for arms.
    next: str | None = None
    #: The arms of a parallel or branch, the entries of a nested workflow in order, or the one body
    #: of a foreach or loop.
    children: tuple[Node, ...] = ()
    step: Step | None = None
    workflow: Builder | None = None
    #: A branch: one for each child. A loop: the one that ends it.
    conditions: tuple[Function, ...] = ()
    #: A foreach: how many items at a time. Others: None.
    concurrency: int | Function | None = None
    #: A sleep: seconds, or with `is_until` the moment, or a function that returns it.
    delay: float | datetime | Function | None = None
    is_until: bool = False
    mapping: Computed | Assembled | None = None
    #: A step that stands for the wait for an event: which one.
    event: EventWait | None = None
    allow_failure: bool = False
    #: The name that `id=` gave the entry.
    entry_id: str | None = None
    description: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class Graph:
    """The entries of a workflow in order, and every node at every depth by its path."""

    workflow: Builder
    entries: tuple[Node, ...]
    nodes: Mapping[str, Node]

    @property
    def first(self) -> Node:
        """The first entry of a run."""
        return self.entries[0]

    def to_json(self) -> dict[str, Any]:
        """Return the workflow as JSON values, with its types and its entries."""
        return serialize.workflow_json(self.workflow, self.entries)


def compile_graph(workflow: Builder, placed: list[Node]) -> Graph:
    """Return the graph of placed entries, and link each to the next."""
    following = [node.path for node in placed[1:]]
    entries = tuple(
        replace(node, next=path) for node, path in zip(placed, [*following, None], strict=True)
    )
    nodes = {node.path: node for node in walk(entries)}
    return Graph(workflow, entries, MappingProxyType(nodes))


def place(node: Node, *, scope: str = "", parent: str = "") -> Node:
    """Return an entry with its path in `scope`, the path of a workflow; place its children, too."""
    path = _join(scope, node.name)
    if node.workflow is not None:
        entries = node.workflow.tree.entries
        children = tuple(place(entry, scope=path, parent=path) for entry in entries)
    else:
        children = tuple(place(arm, scope=scope, parent=path) for arm in node.children)
    next_path = None if node.next is None else _join(scope, node.next)
    return replace(node, path=path, parent=parent, next=next_path, children=children)


def walk(nodes: Iterable[Node]) -> Iterator[Node]:
    """Yield nodes and everything below them, each before its children."""
    for node in nodes:
        yield node
        yield from walk(node.children)


def locate(
    nodes: Mapping[str, Node], wanted: str | Step | Builder | Callable[..., Any]
) -> Node | None:
    """Return the node at a path, or the outermost first node of a step, or None.

    A plain function means the step made of it.
    """
    if isinstance(wanted, str):
        return nodes.get(wanted)
    found = [node for node in nodes.values() if _holds(node, wanted)]
    return min(found, key=lambda node: node.path.count("."), default=None)


def places_of(nodes: Mapping[str, Node], part: object) -> list[str]:
    """Return the paths of the entries that hold this step or workflow, in order."""
    bodies = {node.children[0].path for node in nodes.values() if node.kind in REPEATING}
    return [node.path for node in nodes.values() if _holds(node, part) and node.path not in bodies]


def _holds(node: Node, wanted: object) -> bool:
    if node.kind in REPEATING:
        return _holds(node.children[0], wanted)
    part = node.step or node.workflow
    # Reading a method twice gives objects that are equal but not identical.
    return part is wanted or (node.step is not None and node.step.fn == wanted)


def _join(scope: str, name: str) -> str:
    return f"{scope}.{name}" if scope else name
