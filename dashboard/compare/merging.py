"""Two graphs as one, and the places where two runs part. Pure: takes graphs and statuses."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any, Final

from django.utils.translation import gettext

from workflows_app import terms
from workflows_app.languages import gettext_lazy

from ..graph import drawing, outline
from ..graph.outline import Entry
from ..graph.shapes import Box, Drawing, Line

#: The words for an entry, by its mark.
WORDS: Final = {
    "both": gettext_lazy("the same status in both"),
    "different": gettext_lazy("another status"),
    "A": gettext_lazy("only A"),
    "B": gettext_lazy("only B"),
    "none": gettext_lazy("taken by neither"),
}


@dataclass(frozen=True)
class MergedBox:
    """One box of the merged drawing: the status on each side; None if the side did not take it."""

    box: Box
    statuses: tuple[str | None, str | None]

    @property
    def mark(self) -> str:
        """`both`, `different`, `A`, `B` or `none`."""
        return mark_of(*self.statuses)

    @property
    def word(self) -> str:
        """The word on the box, if the sides part there."""
        return "" if self.mark in {"both", "none"} else WORDS[self.mark]

    @property
    def title(self) -> str:
        """All of it in words."""
        ours, theirs = (terms.status(status or "untaken") for status in self.statuses)
        name = self.box.title or self.box.name
        return gettext("{name}: A {ours}, B {theirs}").format(name=name, ours=ours, theirs=theirs)


@dataclass(frozen=True)
class MergedDrawing:
    """The drawing of both graphs with the way that each run took."""

    drawing: Drawing
    boxes: list[MergedBox]
    lines: list[tuple[Line, str]]


def mark_of(ours: str | None, theirs: str | None) -> str:
    """Return how two statuses of one entry compare."""
    if ours is None or theirs is None:
        return "none" if ours is theirs else "B" if ours is None else "A"
    return "both" if ours == theirs else "different"


def draw(
    graphs: tuple[Mapping[str, Any], Mapping[str, Any]],
    statuses: tuple[Mapping[str, str], Mapping[str, str]],
    ends: tuple[str, str],
) -> MergedDrawing | None:
    """Return both graphs as one drawing; None if they have too many entries to be drawn.

    `statuses` are by the paths of the entries that a run took; `ends` are the runs' own statuses.
    """
    old, new = (graph.get("entries", []) for graph in graphs)
    entries = old if old == new else merged(old, new)
    sheet = drawing.draw({"entries": entries})
    if sheet is None:
        return None
    done = [{"end": "success"} if status == "success" else {} for status in ends]
    ours, theirs = ({**known, **end} for known, end in zip(statuses, done, strict=True))
    for known in (ours, theirs):
        _enter(entries, known)

    def at(path: str) -> tuple[str | None, str | None]:
        return ours.get(path), theirs.get(path)

    boxes = [MergedBox(box, at(box.path)) for box in sheet.boxes]
    lines = [(line, _way(*at(line.to))) for line in sheet.lines]
    return MergedDrawing(sheet, boxes, lines)


def _enter(entries: Sequence[Entry], known: dict[str, str]) -> bool:
    """Add the containers of entries that were taken; return whether any entry was."""
    is_any = False
    for entry in entries:
        if _enter(outline.inside(entry), known):
            known.setdefault(entry["path"], "success")
        is_any = is_any or entry["path"] in known
    return is_any


def _way(ours: str | None, theirs: str | None) -> str:
    """Return which sides took a line; the outcome makes no difference to it."""
    mark = mark_of(ours, theirs)
    return "both" if mark == "different" else mark


def worst_by_entry(steps: Iterable[tuple[str, str]], order: Sequence[str]) -> dict[str, str]:
    """Return one status for each entry path: of its statuses, the first in `order`."""
    rank = {status: number for number, status in enumerate(order)}
    found: dict[str, str] = {}
    for path, status in steps:
        known = found.get(path)
        if known is None or rank.get(status, len(rank)) < rank.get(known, len(rank)):
            found[path] = status
    return found


def merged(old: Sequence[Entry], new: Sequence[Entry]) -> list[Entry]:
    """Return the entries of both in one order, each path once; those of `old` come first."""
    ours, theirs = ([entry["path"] for entry in entries] for entries in (old, new))
    by_path = {entry["path"]: entry for entry in new}
    found: list[Entry] = []
    matcher = SequenceMatcher(None, ours, theirs, autojunk=False)
    for _, first, last, start, end in matcher.get_opcodes():
        for entry in old[first:last]:
            other = by_path.get(entry["path"])
            found.append(entry if other is None else _both(entry, other))
        # An entry that is elsewhere in the other graph is shown once, at its place in the first.
        found += [entry for entry in new[start:end] if entry["path"] not in ours]
    return found


def _both(old: Entry, new: Entry) -> Entry:
    if old["kind"] != new["kind"]:
        return old
    if old.get("workflow") and new.get("workflow"):
        entries = merged(old["workflow"]["entries"], new["workflow"]["entries"])
        return {**old, "workflow": {**old["workflow"], "entries": entries}}
    if old["kind"] in {"parallel", "branch"}:
        children = merged(old["children"], new["children"])
        found: dict[str, Any] = {**old, "children": children}
        if old["kind"] == "branch":
            said = {**_conditions(new), **_conditions(old)}
            found["conditions"] = [said.get(child["path"], "") for child in children]
        return found
    return old


def _conditions(entry: Entry) -> dict[str, str]:
    arms = (child["path"] for child in entry["children"])
    return dict(zip(arms, entry["conditions"], strict=False))
