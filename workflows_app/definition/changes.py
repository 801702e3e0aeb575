"""What has changed between two shapes of one workflow, as far as it matters to a run under way.

Paths, kinds and order of the entries count; descriptions, schemas, retries and timeouts do not.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from workflows_app.definition.graph import Graph, walk

if TYPE_CHECKING:
    from workflows_app.definition.builder import Builder

Shape = tuple[tuple[str, str], ...]


def shape_of(graph: Graph) -> Shape:
    """Return the path and the kind of every entry at every depth, in order."""
    return tuple((node.path, node.kind.value) for node in walk(graph.entries))


def shape_of_json(graph: Mapping[str, Any]) -> Shape:
    """Return the same of a stored graph."""
    return tuple(_walk(graph["entries"]))


def difference(before: Shape, now: Shape, base_path: str | None = None) -> str:
    """Return a sentence on what differs at or before the entry at `base_path`, or empty text.

    Without a path, any difference counts.
    """
    known = [path for path, _ in before]
    if base_path is not None and base_path not in known:
        return f"it has no step {base_path!r} in the version that the run began with"
    last = len(before) if base_path is None else known.index(base_path) + 1
    for (path, kind), other in zip(before[:last], _padded(now, last), strict=True):
        if other is None:
            return f"{path!r} ({kind}) is gone"
        if (path, kind) != other:
            return f"where {path!r} ({kind}) was, there is now {other[0]!r} ({other[1]})"
    if base_path is None and len(now) > last:
        return f"{now[last][0]!r} ({now[last][1]}) is new"
    return ""


def problem(definition: Builder, before: Shape, base_path: str | None) -> str:
    """Return why a run of the shape `before` cannot continue at `base_path` under today's code."""
    strict = definition.on_version_change == "refuse"
    return difference(before, shape_of(definition.tree), None if strict else base_path)


def _padded(shape: Shape, length: int) -> Sequence[tuple[str, str] | None]:
    return [*shape[:length], *([None] * (length - len(shape)))]


def _walk(entries: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    for entry in entries:
        yield entry["path"], entry["kind"]
        if "workflow" in entry:
            yield from _walk(entry["workflow"]["entries"])
        yield from _walk(entry.get("children", ()))
