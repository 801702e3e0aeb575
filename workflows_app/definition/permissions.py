"""Which permissions a graph asks for, by path: those of the workflow and of each step that asks
people.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from workflows_app.definition.graph import Graph, Node

#: Permissions needed by path, the innermost first. Paths that need none are left out.
Permissions = Mapping[str, tuple[str, ...]]

#: The path of the workflow itself, because no entry has an empty path.
WORKFLOW: Final = ""


def of_graph(graph: Graph) -> Permissions:
    """Return what a compiled graph asks for.

    The permission of a nested workflow applies to its entry and to all entries inside it.
    """
    found = dict(_of_nodes(graph.entries, ()))
    return _with_own(found, graph.workflow.permission)


def of_json(graph: Mapping[str, Any]) -> Permissions:
    """Return the same of a stored graph."""
    found = dict(_of_entries(graph.get("entries", ()), ()))
    return _with_own(found, graph.get("permission"))


def both(one: Permissions, other: Permissions) -> Permissions:
    """Return the permissions of both: what either asks for is needed."""
    return {
        path: tuple(dict.fromkeys([*one.get(path, ()), *other.get(path, ())]))
        for path in {**one, **other}
    }


def _with_own(found: dict[str, tuple[str, ...]], own: str | None) -> Permissions:
    needed = {path: names for path, names in found.items() if names}
    return {**needed, WORKFLOW: (own,)} if own else needed


def _of_nodes(
    nodes: Sequence[Node], around: tuple[str, ...]
) -> Iterator[tuple[str, tuple[str, ...]]]:
    for node in nodes:
        part = node.step or node.workflow
        needed = _inside(part.permission if part is not None else None, around)
        yield node.path, needed
        yield from _of_nodes(node.children, needed)


def _of_entries(
    entries: Sequence[Mapping[str, Any]], around: tuple[str, ...]
) -> Iterator[tuple[str, tuple[str, ...]]]:
    for entry in entries:
        part: Mapping[str, Any] = entry.get("step") or entry.get("workflow") or {}
        needed = _inside(part.get("permission"), around)
        yield entry["path"], needed
        yield from _of_entries(part.get("entries", ()), needed)
        yield from _of_entries(entry.get("children", ()), needed)


def _inside(own: str | None, around: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((own, *around))) if own else around
