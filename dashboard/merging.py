"""Two graphs as one, and where two runs part on it. Pure: graphs and statuses in, marks out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any, Final

from dashboard import drawing
from dashboard.drawing import Box, Drawing, Entry, Line

#: What is said of an entry, by its mark.
WORDS: Final = {
    "both": "the same status in both",
    "different": "another status",
    "A": "only A",
    "B": "only B",
    "none": "taken by neither",
}


@dataclass(frozen=True)
class Marked:
    """One box of the merged drawing: what each side came to there; None: it did not take it."""

    box: Box
    statuses: tuple[str | None, str | None]

    @property
    def mark(self) -> str:
        """`both`, `different`, `A`, `B` or `none`."""
        return mark_of(*self.statuses)

    @property
    def word(self) -> str:
        """What stands on the box, where the sides part."""
        return "" if self.mark in {"both", "none"} else WORDS[self.mark]

    @property
    def title(self) -> str:
        """All of it in words."""
        ours, theirs = (status or "not taken" for status in self.statuses)
        return f"{self.box.title or self.box.name}: A {ours}, B {theirs}"


@dataclass(frozen=True)
class Merged:
    """The drawing of both graphs with the way that each run took."""

    drawing: Drawing
    boxes: list[Marked]
    lines: list[tuple[Line, str]]


def mark_of(ours: str | None, theirs: str | None) -> str:
    """Return how two statuses of one entry stand to each other."""
    if ours is None or theirs is None:
        return "none" if ours is theirs else "B" if ours is None else "A"
    return "both" if ours == theirs else "different"


def draw(
    graphs: tuple[Mapping[str, Any], Mapping[str, Any]],
    statuses: tuple[Mapping[str, str], Mapping[str, str]],
    ends: tuple[str, str],
) -> Merged | None:
    """Return both graphs as one drawing; None: they have too many entries to be drawn.

    `statuses` are by the paths of entries, of those that a run took; `ends` are the runs' own.
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

    boxes = [Marked(box, at(box.path)) for box in sheet.boxes]
    lines = [(line, _way(*at(line.to))) for line in sheet.lines]
    return Merged(sheet, boxes, lines)


def _enter(entries: Sequence[Entry], known: dict[str, str]) -> bool:
    """Note that what holds an entry which was taken was taken, too; return whether any was."""
    is_any = False
    for entry in entries:
        if _enter(drawing.inside(entry), known):
            known.setdefault(entry["path"], "success")
        is_any = is_any or entry["path"] in known
    return is_any


def _way(ours: str | None, theirs: str | None) -> str:
    """Return who took a line; with what outcome does not matter to it."""
    mark = mark_of(ours, theirs)
    return "both" if mark == "different" else mark


def worst_by_place(steps: Iterable[tuple[str, str]], order: Sequence[str]) -> dict[str, str]:
    """Return one status for each entry of (path of the entry, status): the first in the order."""
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
        # What stands elsewhere in the other graph is shown once, where the first one has it.
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
