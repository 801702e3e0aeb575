"""Lay out the graph of a workflow as boxes and lines, top to bottom. Pure: sizes in, places out.

Takes the JSON of a graph (see `definition.serialize`). Arms of a parallel or a branch stand side
by side, a nested workflow is a frame around its own entries.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from typing import Any, Final

Entry = Mapping[str, Any]

WIDTH: Final = 184
HEIGHT: Final = 44
GAP_X: Final = 20
GAP_Y: Final = 30
FORK: Final = 26
FORK_WIDTH: Final = 96
LABEL: Final = 22
PAD: Final = 14
TITLE: Final = 24
COUNT: Final = 6
END: Final = 10
LEAST_REACH: Final = 34

#: About as wide as a letter of a frame's title is.
LETTER: Final = 6.6

#: Letters of a name that a box has room for, where they cannot be cut by the page.
MOST_LETTERS: Final = 18

#: Entries that are drawn around what is inside them.
FRAMES: Final = frozenset({"workflow", "foreach", "do_while", "do_until"})

#: A frame that is folded, drawn as one box.
FOLDED: Final = "folded"

#: Wider drawings are scrolled, not shrunk.
SHRINKS: Final = 640

#: Larger graphs are shown as the list of their steps alone.
MAX_NODES: Final = 500


@dataclass(frozen=True)
class Point:
    """A place on the drawing, in its own units."""

    x: float
    y: float


@dataclass(frozen=True)
class Box:
    """One entry drawn: a step, a map, the bar of a fork, or the frame of a nested workflow."""

    path: str
    kind: str
    name: str
    x: float
    y: float
    width: float
    height: float
    title: str = ""

    @property
    def is_frame(self) -> bool:
        """Whether it stands around other boxes."""
        return self.kind in FRAMES

    @property
    def shown_title(self) -> str:
        """Its title, as much of it as a frame has room for."""
        most = int((self.width - 52) / LETTER)
        return self.title if len(self.title) <= most else self.title[: most - 1] + "…"

    @property
    def shown_name(self) -> str:
        """Its name; the body of a foreach or loop is named as the step is."""
        return self.name.removesuffix("[]")

    @property
    def short_name(self) -> str:
        """Its name, as much of it as a box has room for."""
        name = self.shown_name
        return name if len(name) <= MOST_LETTERS else name[: MOST_LETTERS - 1] + "…"

    @property
    def right_sign(self) -> float:
        """Where a second sign begins, at the right of the name."""
        return self.x + self.width - 28

    @property
    def tally_x(self) -> float:
        """Where the count of a frame ends: in its lower right corner."""
        return self.x + self.width - 8

    @property
    def tally_y(self) -> float:
        """The height of that count."""
        return self.y + self.height - 4

    @property
    def sign_x(self) -> float:
        """The middle of the sign that folds and opens a frame: in its upper right corner."""
        return self.x + self.width - 16

    @property
    def sign_y(self) -> float:
        """The height of that sign."""
        return self.y + 14 if self.is_frame else self.centre

    @property
    def middle(self) -> float:
        """The horizontal middle."""
        return self.x + self.width / 2

    @property
    def centre(self) -> float:
        """The vertical middle."""
        return self.y + self.height / 2

    @property
    def inset(self) -> float:
        """Where its sign, or without one its name, begins."""
        return self.x + 12

    @property
    def icon_y(self) -> float:
        """The upper edge of its sign."""
        return self.centre - 8

    @property
    def name_x(self) -> float:
        """Where its name begins, right of the sign."""
        return self.x + 36

    @property
    def name_y(self) -> float:
        """The upper edge of its name."""
        return self.centre - 11

    @property
    def baseline(self) -> float:
        """Where the text of a fork stands."""
        return self.centre + 4

    @property
    def title_y(self) -> float:
        """Where the title of a frame stands."""
        return self.y + 18

    @property
    def fork_x(self) -> float:
        """The left edge of a fork's bar."""
        return self.middle - FORK_WIDTH / 2

    @property
    def fork_width(self) -> float:
        """The width of a fork's bar."""
        return FORK_WIDTH


@dataclass(frozen=True)
class Line:
    """What leads from one entry to the next. `to` is the path it is taken for; "" at an end."""

    start: Point
    end: Point
    to: str = ""
    text: str = ""
    #: Whether it leads into the entry that it is taken for, and not out of it or within it.
    is_entry: bool = True

    @property
    def data_x(self) -> float:
        """Where the dot stands that leads to the data which passed."""
        return self.end.x

    @property
    def data_y(self) -> float:
        """The height of that dot: shortly before the entry that got it."""
        return self.end.y - 9

    @property
    def reach_y(self) -> float:
        """The middle of what a finger may hit for that dot: between the two entries.

        Not so high that a part of it would be outside of the drawing.
        """
        return max(self.end.y - GAP_Y / 2, LEAST_REACH)

    @property
    def label_x(self) -> float:
        """Where the room for its text begins."""
        return self.end.x - WIDTH / 2

    @property
    def label_y(self) -> float:
        """The upper edge of that room."""
        return self.end.y - LABEL - 3

    @property
    def d(self) -> str:
        """The line as the path data of SVG: down, across and down, with round corners."""
        a, b = self.start, self.end
        if abs(a.x - b.x) < 1:
            return f"M{_n(a.x)} {_n(a.y)}V{_n(b.y)}"
        turn = (a.y + b.y) / 2
        r = min(8, abs(a.x - b.x) / 2, abs(b.y - a.y) / 2)
        side = r if b.x > a.x else -r
        return (
            f"M{_n(a.x)} {_n(a.y)}V{_n(turn - r)}"
            f"Q{_n(a.x)} {_n(turn)} {_n(a.x + side)} {_n(turn)}"
            f"H{_n(b.x - side)}"
            f"Q{_n(b.x)} {_n(turn)} {_n(b.x)} {_n(turn + r)}V{_n(b.y)}"
        )


@dataclass(frozen=True)
class Drawing:
    """Boxes and lines, and the room they take."""

    width: float
    height: float
    boxes: tuple[Box, ...] = ()
    lines: tuple[Line, ...] = ()
    #: Where lines come in and go out, at the top and the bottom.
    axis: float = 0

    @property
    def is_small(self) -> bool:
        """Whether it may shrink to a narrow screen and still be read."""
        return self.width <= SHRINKS

    def moved(self, x: float, y: float) -> Drawing:
        """Return the same elsewhere."""
        return replace(
            self,
            boxes=tuple(replace(box, x=box.x + x, y=box.y + y) for box in self.boxes),
            lines=tuple(
                replace(line, start=_shift(line.start, x, y), end=_shift(line.end, x, y))
                for line in self.lines
            ),
            axis=self.axis + x,
        )


@dataclass
class _Sheet:
    boxes: list[Box] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)

    def put(self, drawing: Drawing, x: float, y: float) -> None:
        moved = drawing.moved(x, y)
        self.boxes += moved.boxes
        self.lines += moved.lines

    def done(self, width: float, height: float, axis: float) -> Drawing:
        return Drawing(width, height, tuple(self.boxes), tuple(self.lines), axis)


def draw(graph: Mapping[str, Any], shut: Set[str] = frozenset()) -> Drawing | None:
    """Return the drawing of a workflow's graph; None when it has too many entries to be read.

    `shut` holds the paths of the frames that are drawn as one box, without what is inside.
    """
    entries = fold(graph.get("entries", []), shut)
    if count(entries) > MAX_NODES:
        return None
    inner = _sequence(entries)
    sheet = _Sheet()
    sheet.put(inner, PAD, END + GAP_Y)
    first = entries[0]["path"] if entries else ""
    axis = inner.axis + PAD
    bottom = END + GAP_Y + inner.height
    sheet.boxes.insert(0, Box("", "start", "Start", axis - END / 2, 0, END, END))
    sheet.boxes.append(Box("", "end", "End", axis - END / 2, bottom + GAP_Y, END, END))
    sheet.lines.append(Line(Point(axis, END), Point(axis, END + GAP_Y), first))
    sheet.lines.append(
        Line(Point(axis, bottom), Point(axis, bottom + GAP_Y), "end", is_entry=False)
    )
    return sheet.done(inner.width + 2 * PAD, bottom + GAP_Y + END, axis)


def fold(entries: Sequence[Entry], shut: Set[str]) -> Sequence[Entry]:
    """Return the entries with these frames as entries of their own, with nothing inside."""
    return [_folded(entry, shut) for entry in entries] if shut else entries


def _folded(entry: Entry, shut: Set[str]) -> Entry:
    if entry["path"] in shut:
        number = count(inside(entry))
        what = f"{number} entr{'y' if number == 1 else 'ies'} folded"
        note = note_of(entry)
        return {
            "kind": FOLDED,
            "path": entry["path"],
            "name": (entry.get("workflow") or {}).get("title") or entry["name"],
            "description": f"{entry['name']}: {note}, {what}" if note else what,
        }
    nested = entry.get("workflow")
    if nested:
        inner = fold(nested["entries"], shut)
        return {**entry, "workflow": {**nested, "entries": inner}}
    if entry.get("children"):
        return {**entry, "children": fold(entry["children"], shut)}
    return entry


def count(entries: Iterable[Entry]) -> int:
    """Return how many entries there are, at every depth."""
    return sum(1 + count(inside(entry)) for entry in entries)


def inside(entry: Entry) -> Sequence[Entry]:
    """Return the entries that stand inside this one."""
    nested = entry.get("workflow")
    found: Sequence[Entry] = nested["entries"] if nested else entry.get("children", [])
    return found


def _sequence(entries: Sequence[Entry]) -> Drawing:
    parts = [(entry, _entry(entry)) for entry in entries]
    if not parts:
        return Drawing(WIDTH, 0, axis=WIDTH / 2)
    axis = max(part.axis for _, part in parts)
    sheet, y, width = _Sheet(), 0.0, 0.0
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
    """Arms side by side under a bar that names the entry, joined again at the bottom."""
    arms = [(arm, _entry(arm)) for arm in entry["children"]]
    conditions = [short_condition(text) for text in entry.get("conditions", [""] * len(arms))]
    room = LABEL if any(conditions) else 0
    width = sum(part.width for _, part in arms) + GAP_X * (len(arms) - 1)
    axis, top = width / 2, float(FORK)
    first = top + GAP_Y + room
    bottom = first + max(part.height for _, part in arms)
    sheet = _Sheet()
    sheet.boxes.append(
        Box(
            entry["path"],
            entry["kind"],
            entry["kind"],
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


def short_condition(text: object) -> str:
    """Return a condition's source without `lambda data, ctx:`."""
    return re.sub(r"^lambda\b[^:]*:\s*", "", str(text or ""))


def note_of(entry: Entry) -> str:
    """Return what an entry does besides running what is inside, in a few words."""
    match entry["kind"]:
        case "foreach":
            return f"each item, {entry['concurrency']} at a time"
        case "do_while" | "do_until":
            word = entry["kind"].removeprefix("do_")
            return f"again {word} {short_condition(entry['conditions'][0])}"
        case "sleep" if "until" in entry:
            return f"until {short_condition(entry['until'])}"
        case "sleep":
            seconds = entry["seconds"]
            return short_condition(seconds) if isinstance(seconds, str) else f"{seconds:g} s"
        case _:
            return ""


def _frame(entry: Entry, title: str) -> Drawing:
    inner = _sequence(inside(entry))
    width = max(inner.width + 2 * PAD, WIDTH)
    bottom = TITLE + PAD + inner.height
    # A list or a loop has room for its count under what is inside.
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


def _shift(point: Point, x: float, y: float) -> Point:
    return Point(point.x + x, point.y + y)


def _n(number: float) -> str:
    return f"{number:.1f}".rstrip("0").rstrip(".")
