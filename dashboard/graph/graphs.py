"""The graph of a version: its drawing, its entries in order, and the permissions of its steps.

Versions never change, so what is worked out from one is kept as long as the process lives.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import Any

from workflows_app import languages, permissions, terms
from workflows_app.definition.permissions import Permissions, of_json
from workflows_app.models import Run, StepSnapshot, WorkflowVersion

from . import drawing, outline
from .outline import Entry
from .shapes import Drawing

JSON = Any


@dataclass(frozen=True)
class GraphEntry:
    """One entry of a graph, and how deep it is nested."""

    path: str
    kind: str
    name: str
    description: str
    depth: int
    parent: str
    condition: str = ""
    step: Mapping[str, JSON] | None = None
    mapping: JSON = None
    #: The name of the event that it waits for; empty for any other entry.
    event: str = ""
    #: What it does apart from running what is inside: how many items at a time, until when.
    note: str = ""

    @property
    def shown_condition(self) -> str:
        """The condition without the words with which every lambda begins."""
        return outline.short_condition(self.condition)

    @property
    def is_fork(self) -> bool:
        """Whether the entry only splits and joins, and has no record of its own."""
        return self.kind in {"parallel", "branch"}

    @property
    def is_container(self) -> bool:
        """Whether the entry only contains others."""
        return self.kind in {"parallel", "branch", *outline.FRAMES}

    @property
    def is_repeated(self) -> bool:
        """Whether a run may have many records of it, because it is inside a foreach or a loop."""
        return "[]" in self.path

    @property
    def title(self) -> str:
        """The name that people see."""
        return self.name.removesuffix("[]")

    @property
    def kind_word(self) -> str:
        """The word for its kind."""
        return terms.term(self.kind)


@dataclass(frozen=True)
class Graph:
    """A graph that is ready for pages."""

    json: Mapping[str, JSON]
    #: The drawing as it is shown at first; None if it has too many entries even when folded.
    drawing: Drawing | None
    entries: Mapping[str, GraphEntry]
    #: The frames that are folded at first, because the graph is too large to be drawn with them.
    shut_at_first: frozenset[str] = frozenset()

    def drawn(self, shut: frozenset[str]) -> Drawing | None:
        """Return the drawing with these frames folded; None if it still has too many entries."""
        return self.drawing if shut == self.shut_at_first else drawing.draw(self.json, shut)

    @cached_property
    def paths(self) -> list[str]:
        """The paths of all entries, in reading order."""
        return list(self.entries)

    @cached_property
    def has_repeated(self) -> bool:
        """Whether a run may have many records of one entry."""
        return any(entry.is_repeated for entry in self.entries.values())

    @cached_property
    def fork_of(self) -> Mapping[str, str]:
        """The path of the parallel or branch of each entry that is an arm of one."""
        around = ((path, self.entries.get(entry.parent)) for path, entry in self.entries.items())
        return {path: fork.path for path, fork in around if fork is not None and fork.is_fork}

    def below(self, path: str) -> frozenset[str]:
        """Return the paths of all entries inside one."""
        return self._below.get(path, frozenset())

    @cached_property
    def _below(self) -> dict[str, frozenset[str]]:
        found: dict[str, set[str]] = {}
        for path, entry in self.entries.items():
            above = self.entries.get(entry.parent)
            while above is not None:
                found.setdefault(above.path, set()).add(path)
                above = self.entries.get(above.parent)
        return {path: frozenset(inside) for path, inside in found.items()}

    @property
    def title(self) -> str:
        """The name that people see."""
        return self.json.get("title") or self.json.get("id") or ""

    @cached_property
    def permissions(self) -> Permissions:
        """The permissions that people need, by path."""
        return of_json(self.json)


def prepared(graph: Mapping[str, JSON]) -> Graph:
    """Return a graph with its drawing and its entries in reading order."""
    top = graph.get("entries", [])
    entries = {entry.path: entry for entry in _walk(top, 0, "")}
    is_large = outline.count(top) > drawing.MAX_NODES
    frames = (path for path, entry in entries.items() if entry.kind in outline.FRAMES)
    shut = frozenset(frames if is_large else ())
    return Graph(graph, drawing.draw(graph, shut), entries, shut)


def of_version(pk: int) -> Graph:
    """Return the graph of a stored version; asks the database only the first time."""
    return _of_version(pk, languages.active())


# The words of a drawing are those of the language in which it was made.
@lru_cache(maxsize=256)
def _of_version(pk: int, _language: str) -> Graph:
    return prepared(WorkflowVersion.objects.get(pk=pk).graph)


def forget() -> None:
    """Forget all graphs, because the keys of versions mean others now."""
    _of_version.cache_clear()


def of_run(run: Run) -> Graph:
    """Return the graph that a run began with; its entries include steps of newer versions."""
    graph = of_version(run.version_id)
    if run.later_version_id is None:
        return graph
    others = run.steps.exclude(version=None).order_by("version_id").distinct()
    entries = dict(graph.entries)
    for other in others.values_list("version_id", flat=True):
        for path, entry in of_version(other).entries.items():
            entries.setdefault(path, entry)
    return replace(graph, entries=entries)


def entry_of(run: Run, step: StepSnapshot) -> GraphEntry | None:
    """Return the entry of a step in the graph of the version whose code queued it."""
    return of_version(step.version_id or run.version_id).entries.get(step.base_path)


def to_act(run: Run) -> tuple[str, ...]:
    """Return which special permissions an action on a run needs, by each version that counts."""
    return permissions.to_act(_asked(permissions.versions_of(run)), run.workflow_id)


def to_answer(run: Run, step: StepSnapshot) -> tuple[str, ...]:
    """Return which special permissions answering a step needs, by each version that counts."""
    return to_answer_at(run.workflow_id, permissions.versions_of(run, step), step.base_path)


def to_answer_at(workflow_id: str, versions: Iterable[int], base_path: str) -> tuple[str, ...]:
    """Return the same from the keys of the versions that count."""
    return permissions.to_answer(_asked(versions), workflow_id, base_path)


def _asked(versions: Iterable[int]) -> Iterator[Permissions]:
    return (of_version(key).permissions for key in versions)


def _walk(raw: list[Entry], depth: int, parent: str) -> Iterator[GraphEntry]:
    for each in raw:
        yield from _inside(each, depth, parent, "")


def _inside(raw: Entry, depth: int, parent: str, condition: str) -> Iterator[GraphEntry]:
    yield GraphEntry(
        path=raw["path"],
        kind=raw["kind"],
        name=raw["name"],
        description=raw.get("description") or "",
        depth=depth,
        parent=parent,
        condition=condition,
        step=raw.get("step"),
        mapping=raw.get("mapping"),
        event=(raw.get("event") or {}).get("name", ""),
        note=outline.note_of(raw),
    )
    inner = outline.inside(raw)
    has_arms = raw["kind"] == "branch"
    conditions = raw["conditions"] if has_arms else [""] * len(inner)
    for arm, text in zip(inner, conditions, strict=False):
        yield from _inside(arm, depth + 1, raw["path"], text)
