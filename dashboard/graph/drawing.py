"""Lays out the graph of a workflow as boxes and lines, top to bottom. Pure.

It takes the JSON of a graph (see `definition.serialize`). Arms of a parallel or a branch are drawn
side by side; a nested workflow is a frame around its own entries.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import Any, Final

from django.utils.translation import pgettext

from workflows_app import terms

from .outline import Entry, count, fold, inside, note_of, short_condition
from .shapes import GAP_Y, LABEL, WIDTH, Box, Drawing, Line, Point

HEIGHT: Final = 44
GAP_X: Final = 20
FORK: Final = 26
PAD: Final = 14
TITLE: Final = 24
COUNT: Final = 6
END: Final = 10

#: Larger graphs are shown only as the list of their steps.
MAX_NODES: Final = 500


@dataclass
class _Canvas:
    boxes: list[Box] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)

    def put(self, drawing: Drawing, x: float, y: float) -> None:
        moved = drawing.moved(x, y)
        self.boxes += moved.boxes
        self.lines += moved.lines

    def done(self, width: float, height: float, axis: float) -> Drawing:
        return Drawing(width, height, tuple(self.boxes), tuple(self.lines), axis)


def draw(graph: Mapping[str, Any], shut: Set[str] = frozenset()) -> Drawing | None:
    """Return the drawing of a workflow's graph; None if it has too many entries to be readable.

    `shut` has the paths of the frames that are drawn as one box, without what is inside.
    """
    entries = fold(graph.get("entries", []), shut)
    if count(entries) > MAX_NODES:
        return None
    inner = _sequence(entries)
    sheet = _Canvas()
    sheet.put(inner, PAD, END + GAP_Y)
    first = entries[0]["path"] if entries else ""
    axis = inner.axis + PAD
    bottom = END + GAP_Y + inner.height
    sheet.boxes.insert(0, Box("", "start", pgettext("graph", "Start"), axis - END / 2, 0, END, END))
    sheet.boxes.append(
        Box("", "end", pgettext("graph", "End"), axis - END / 2, bottom + GAP_Y, END, END)
    )
    sheet.lines.append(Line(Point(axis, END), Point(axis, END + GAP_Y), first))
    sheet.lines.append(
        Line(Point(axis, bottom), Point(axis, bottom + GAP_Y), "end", is_entry=False)
    )
    return sheet.done(inner.width + 2 * PAD, bottom + GAP_Y + END, axis)


def _sequence(entries: Sequence[Entry]) -> Drawing:
    parts = [(entry, _entry(entry)) for entry in entries]
    if not parts:
        return Drawing(WIDTH, 0, axis=WIDTH / 2)
    axis = max(part.axis for _, part in parts)
    sheet, y, width = _Canvas(), 0.0, 0.0
    for index, (entry, part) in enumerate(parts):
        if index:
            sheet.lines.append(Line(Point(axis, y), Point(axis, y + GAP_Y), entry["path"]))
            y += GAP_Y
        sheet.put(part, axis - part.axis, y)
        width = max(width, axis - part.axis + part.width)
        y += part.height
    return sheet.done(width, y, axis)


def _entry(entry: Entry) -> Drawing:
    match entry["kind"]:
        case "parallel" | "branch":
            return _fork(entry)
        case "workflow":
            return _frame(entry, entry["workflow"].get("title") or entry["name"])
        case "foreach" | "do_while" | "do_until":
            return _frame(entry, f"{entry['name']}: {note_of(entry)}")
        case _:
            return _single(entry)


def _single(entry: Entry) -> Drawing:
    title = entry.get("description") or note_of(entry) or entry["name"]
    box = Box(entry["path"], entry["kind"], entry["name"], 0, 0, WIDTH, HEIGHT, title)
    return Drawing(WIDTH, HEIGHT, (box,), axis=WIDTH / 2)


def _fork(entry: Entry) -> Drawing:
    """Draw arms side by side under a bar that names the entry, joined again at the bottom."""
    arms = [(arm, _entry(arm)) for arm in entry["children"]]
    conditions = [short_condition(text) for text in entry.get("conditions", [""] * len(arms))]
    room = LABEL if any(conditions) else 0
    width = sum(part.width for _, part in arms) + GAP_X * (len(arms) - 1)
    axis, top = width / 2, float(FORK)
    first = top + GAP_Y + room
    bottom = first + max(part.height for _, part in arms)
    sheet = _Canvas()
    sheet.boxes.append(
        Box(
            entry["path"],
            entry["kind"],
            terms.term(entry["kind"]),
            axis - WIDTH / 2,
            0,
            WIDTH,
            FORK,
            entry["name"],
        )
    )
    x = 0.0
    for (arm, part), condition in zip(arms, conditions, strict=True):
        sheet.put(part, x, first)
        middle = x + part.axis
        sheet.lines.append(Line(Point(axis, top), Point(middle, first), arm["path"], condition))
        down = first + part.height
        sheet.lines.append(
            Line(Point(middle, down), Point(axis, bottom + GAP_Y), arm["path"], is_entry=False)
        )
        x += part.width + GAP_X
    return sheet.done(width, bottom + GAP_Y, axis)


def _frame(entry: Entry, title: str) -> Drawing:
    inner = _sequence(inside(entry))
    width = max(inner.width + 2 * PAD, WIDTH)
    bottom = TITLE + PAD + inner.height
    # A list or a loop has room for its count below what is inside.
    height = bottom + PAD + (0 if entry["kind"] == "workflow" else COUNT)
    frame = Box(entry["path"], entry["kind"], entry["name"], 0, 0, width, height, title)
    left = (width - inner.width) / 2
    placed = inner.moved(left, TITLE + PAD)
    axis = placed.axis
    lines = (
        *placed.lines,
        Line(Point(axis, TITLE), Point(axis, TITLE + PAD), entry["path"], is_entry=False),
        Line(Point(axis, bottom), Point(axis, height), entry["path"], is_entry=False),
    )
    return Drawing(width, height, (frame, *placed.boxes), lines, axis)
