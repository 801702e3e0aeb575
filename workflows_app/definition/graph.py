"""The graph of a committed workflow: a frozen tree of entries, and an index by path."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from workflows_app.definition.builder import Builder
    from workflows_app.definition.functions import Function
    from workflows_app.definition.mappings import Computed, Shape
    from workflows_app.definition.steps import Step


class Kind(StrEnum):
    """What an entry of the graph is."""

    STEP = "step"
    MAP = "map"
    PARALLEL = "parallel"
    BRANCH = "branch"
    WORKFLOW = "workflow"


@dataclass(frozen=True)
class Node:
    """One entry of the graph, where it stands."""

    kind: Kind
    #: The last part of the path: `add#2`, `parallel-1`.
    name: str
    #: The name of its output among those of its siblings: the step's id.
    key: str
    #: From the root of the run's workflow, without indexes.
    path: str = ""
    #: The path of the container that holds it; empty for an entry of the root.
    parent: str = ""
    #: The path of the entry after it in its sequence; None at the end, and for arms.
    next: str | None = None
    children: tuple[Node, ...] = ()
    step: Step | None = None
    workflow: Builder | None = None
    conditions: tuple[Function, ...] = ()
    mapping: Computed | Shape | None = None
    allow_failure: bool = False
    entry_id: str | None = None
    description: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Graph:
    """The entries of a workflow in order, and every node at every depth by its path."""

    workflow: Builder
    entries: tuple[Node, ...]
    nodes: Mapping[str, Node]


def compile_graph(workflow: Builder, entries: Iterable[Node]) -> Graph:
    """Return the graph: every node placed, nested workflows opened in place."""
    placed = tuple(_sequence(tuple(entries), scope="", parent=""))
    nodes: dict[str, Node] = {}
    _index(placed, nodes)
    return Graph(workflow, placed, nodes)


def _sequence(entries: tuple[Node, ...], *, scope: str, parent: str) -> Iterator[Node]:
    for index, node in enumerate(entries):
        following = entries[index + 1].name if index + 1 < len(entries) else None
        next_path = _join(scope, following) if following is not None else None
        yield _place(node, scope=scope, parent=parent, next_path=next_path)


def _place(node: Node, *, scope: str, parent: str, next_path: str | None) -> Node:
    path = _join(scope, node.name)
    if node.workflow is not None:
        children = tuple(_sequence(node.workflow.tree.entries, scope=path, parent=path))
    else:
        children = tuple(
            _place(child, scope=scope, parent=path, next_path=None) for child in node.children
        )
    return replace(node, path=path, parent=parent, next=next_path, children=children)


def _join(scope: str, name: str) -> str:
    return f"{scope}.{name}" if scope else name


def _index(entries: Iterable[Node], nodes: dict[str, Node]) -> None:
    for node in entries:
        nodes[node.path] = node
        _index(node.children, nodes)
