"""The shapes of a drawing: boxes and lines, and their coordinates in SVG. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from .outline import FRAMES

WIDTH: Final = 184
GAP_Y: Final = 30
FORK_WIDTH: Final = 96
LABEL: Final = 22
LEAST_REACH: Final = 34

#: The approximate width of a letter of a frame's title.
LETTER: Final = 6.6

#: How many letters of a name fit into a box if the page cannot cut them.
MOST_LETTERS: Final = 18

#: Wider drawings are scrolled, not shrunk.
SHRINKS: Final = 640


@dataclass(frozen=True)
class Point:
    """A point on the drawing, in its own units."""

    x: float
    y: float


@dataclass(frozen=True)
class Box:
    """One drawn entry: a step, a map, the bar of a fork, or the frame of a nested workflow."""

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
        """Whether it is drawn around other boxes."""
        return self.kind in FRAMES

    @property
    def shown_title(self) -> str:
        """Its title, as much of it as fits into a frame."""
        most = int((self.width - 52) / LETTER)
        return self.title if len(self.title) <= most else self.title[: most - 1] + "…"

    @property
    def shown_name(self) -> str:
        """Its name; the body of a foreach or loop has the name of its step."""
        return self.name.removesuffix("[]")

    @property
    def short_name(self) -> str:
        """Its name, as much of it as fits into a box."""
        name = self.shown_name
        return name if len(name) <= MOST_LETTERS else name[: MOST_LETTERS - 1] + "…"

    @property
    def right_sign(self) -> float:
        """The left edge of a second icon, to the right of the name."""
        return self.x + self.width - 28

    @property
    def tally_x(self) -> float:
        """The right end of a frame's count, in its lower right corner."""
        return self.x + self.width - 8

    @property
    def tally_y(self) -> float:
        """The height of that count."""
        return self.y + self.height - 4

    @property
    def sign_x(self) -> float:
        """The middle of the button that folds or opens a frame, in its upper right corner."""
        return self.x + self.width - 16

    @property
    def sign_y(self) -> float:
        """The height of that button."""
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
        """The left edge of its icon, or of its name if it has no icon."""
        return self.x + 12

    @property
    def icon_y(self) -> float:
        """The upper edge of its icon."""
        return self.centre - 8

    @property
    def name_x(self) -> float:
        """The left edge of its name, to the right of the icon."""
        return self.x + 36

    @property
    def name_y(self) -> float:
        """The upper edge of its name."""
        return self.centre - 11

    @property
    def baseline(self) -> float:
        """The height of a fork's text."""
        return self.centre + 4

    @property
    def title_y(self) -> float:
        """The height of a frame's title."""
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
    """A line from one entry to the next. `to` is the path it is taken for; "" at an end."""

    start: Point
    end: Point
    to: str = ""
    text: str = ""
    #: Whether it leads into the entry that it is taken for, and not out of it or within it.
    is_entry: bool = True

    @property
    def data_x(self) -> float:
        """The position of the dot that links to the data which passed."""
        return self.end.x

    @property
    def data_y(self) -> float:
        """The height of that dot, shortly above the entry that got the data."""
        return self.end.y - 9

    @property
    def reach_y(self) -> float:
        """The middle of the area around that dot that a finger may hit, between the two entries.

        It is low enough for the whole area to be inside the drawing.
        """
        return max(self.end.y - GAP_Y / 2, LEAST_REACH)

    @property
    def label_x(self) -> float:
        """The left edge of the space for its text."""
        return self.end.x - WIDTH / 2

    @property
    def label_y(self) -> float:
        """The upper edge of that space."""
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
    """Boxes and lines, and the size of the whole."""

    width: float
    height: float
    boxes: tuple[Box, ...] = ()
    lines: tuple[Line, ...] = ()
    #: The position at which lines enter at the top and leave at the bottom.
    axis: float = 0

    @property
    def is_small(self) -> bool:
        """Whether it may shrink to a narrow screen and remain readable."""
        return self.width <= SHRINKS

    def moved(self, x: float, y: float) -> Drawing:
        """Return the same drawing moved by this much."""
        return replace(
            self,
            boxes=tuple(replace(box, x=box.x + x, y=box.y + y) for box in self.boxes),
            lines=tuple(
                replace(line, start=_shift(line.start, x, y), end=_shift(line.end, x, y))
                for line in self.lines
            ),
            axis=self.axis + x,
        )


def _shift(point: Point, x: float, y: float) -> Point:
    return Point(point.x + x, point.y + y)


def _n(number: float) -> str:
    return f"{number:.1f}".rstrip("0").rstrip(".")
