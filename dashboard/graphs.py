"""The graph of a version: its drawing, its entries in order, and what its steps ask for.

Versions never change, so what is worked out of one is kept for as long as the process lives.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import Any

from dashboard import drawing
from dashboard.drawing import Drawing, Entry
from workflows_app import permissions
from workflows_app.definition.permissions import Permissions, of_json
from workflows_app.models import Run, StepSnapshot, WorkflowVersion

JSON = Any


@dataclass(frozen=True)
class Place:
    """One entry of a graph, and how deep it stands."""

    path: str
    kind: str
    name: str
    description: str
    depth: int
    parent: str
    condition: str = ""
    step: Mapping[str, JSON] | None = None
    mapping: JSON = None
    #: What it does besides running what is inside it: how many items at a time, until when.
    note: str = ""

    @property
    def resume_schema(self) -> Mapping[str, JSON] | None:
        """The type of the answer, as a JSON schema; None: anything."""
        return self.step.get("resume_schema") if self.step else None

    @property
    def shown_condition(self) -> str:
        """The condition without the words that every lambda begins with."""
        return drawing.short_condition(self.condition)

    @property
    def is_fork(self) -> bool:
        """Whether the entry only splits and joins, and has no record of its own."""
        return self.kind in {"parallel", "branch"}

    @property
    def is_container(self) -> bool:
        """Whether the entry only holds others."""
        return self.kind in {"parallel", "branch", *drawing.FRAMES}

    @property
    def is_repeated(self) -> bool:
        """Whether a run may have many records of it: it stands inside a foreach or a loop."""
        return "[]" in self.path

    @property
    def title(self) -> str:
        """Its name for people."""
        return self.name.removesuffix("[]")

    @property
    def kind_word(self) -> str:
        """Its kind for people."""
        return self.kind.replace("_", " ")


@dataclass(frozen=True)
class Graph:
    """A graph made ready for pages."""

    json: Mapping[str, JSON]
    #: As it is drawn at first; None: it has too many entries, whatever is folded.
    drawing: Drawing | None
    places: Mapping[str, Place]
    #: The frames that are folded at first, because the graph is too large to be drawn with them.
    shut_at_first: frozenset[str] = frozenset()

    def drawn(self, shut: frozenset[str]) -> Drawing | None:
        """Return the drawing with these frames folded; None: too many entries are left."""
        return self.drawing if shut == self.shut_at_first else drawing.draw(self.json, shut)

    @cached_property
    def paths(self) -> list[str]:
        """The paths of all entries, in reading order."""
        return list(self.places)

    @cached_property
    def has_repeated(self) -> bool:
        """Whether a run may have many records of one entry."""
        return any(place.is_repeated for place in self.places.values())

    @cached_property
    def fork_of(self) -> Mapping[str, str]:
        """The path of the parallel or branch of each entry that is an arm of one."""
        around = ((path, self.places.get(place.parent)) for path, place in self.places.items())
        return {path: fork.path for path, fork in around if fork is not None and fork.is_fork}

    def below(self, path: str) -> frozenset[str]:
        """Return the paths of all entries inside one."""
        return self._below.get(path, frozenset())

    @cached_property
    def _below(self) -> dict[str, frozenset[str]]:
        found: dict[str, set[str]] = {}
        for path, place in self.places.items():
            above = self.places.get(place.parent)
            while above is not None:
                found.setdefault(above.path, set()).add(path)
                above = self.places.get(above.parent)
        return {path: frozenset(inside) for path, inside in found.items()}

    @property
    def title(self) -> str:
        """What people call the workflow."""
        return self.json.get("title") or self.json.get("id") or ""

    @cached_property
    def permissions(self) -> Permissions:
        """What it asks for of people, by path."""
        return of_json(self.json)


def prepared(graph: Mapping[str, JSON]) -> Graph:
    """Return a graph with its drawing and its places in reading order."""
    entries = graph.get("entries", [])
    places = {place.path: place for place in _walk(entries, 0, "")}
    is_large = drawing.count(entries) > drawing.MAX_NODES
    frames = (path for path, place in places.items() if place.kind in drawing.FRAMES)
    shut = frozenset(frames if is_large else ())
    return Graph(graph, drawing.draw(graph, shut), places, shut)


@lru_cache(maxsize=256)
def of_version(pk: int) -> Graph:
    """Return the graph of a stored version; asks the database the first time."""
    return prepared(WorkflowVersion.objects.get(pk=pk).graph)


def of_run(run: Run) -> Graph:
    """Return the graph that a run began with, as it is drawn; its places know newer steps, too."""
    graph = of_version(run.version_id)
    if run.later_version_id is None:
        return graph
    others = run.steps.exclude(version=None).order_by("version_id").distinct()
    places = dict(graph.places)
    for other in others.values_list("version_id", flat=True):
        for path, place in of_version(other).places.items():
            places.setdefault(path, place)
    return replace(graph, places=places)


def place_of(run: Run, step: StepSnapshot) -> Place | None:
    """Return where a step is in the graph of the version whose code queued it."""
    return of_version(step.version_id or run.version_id).places.get(step.base_path)


def to_act(run: Run) -> tuple[str, ...]:
    """Return what a person needs besides for any act on a run, by each code that counts for it."""
    return permissions.to_act(_asked(permissions.versions_of(run)), run.workflow_id)


def to_answer(run: Run, step: StepSnapshot) -> tuple[str, ...]:
    """Return what a person needs besides to answer a step, by each code that counts for it."""
    return to_answer_at(run.workflow_id, permissions.versions_of(run, step), step.base_path)


def to_answer_at(workflow_id: str, versions: Iterable[int], base_path: str) -> tuple[str, ...]:
    """Return the same by the keys of the versions that count."""
    return permissions.to_answer(_asked(versions), workflow_id, base_path)


def _asked(versions: Iterable[int]) -> Iterator[Permissions]:
    return (of_version(key).permissions for key in versions)


def _walk(entries: list[Entry], depth: int, parent: str) -> Iterator[Place]:
    for entry in entries:
        yield from _places(entry, depth, parent, "")


def _places(entry: Entry, depth: int, parent: str, condition: str) -> Iterator[Place]:
    yield Place(
        path=entry["path"],
        kind=entry["kind"],
        name=entry["name"],
        description=entry.get("description") or "",
        depth=depth,
        parent=parent,
        condition=condition,
        step=entry.get("step"),
        mapping=entry.get("mapping"),
        note=drawing.note_of(entry),
    )
    inner = drawing.inside(entry)
    has_arms = entry["kind"] == "branch"
    conditions = entry["conditions"] if has_arms else [""] * len(inner)
    for arm, text in zip(inner, conditions, strict=False):
        yield from _places(arm, depth + 1, entry["path"], text)
