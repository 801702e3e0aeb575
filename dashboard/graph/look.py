"""How the drawing of a graph is shown: what is folded, and how large it is.

The address says all of it, and every change is a link.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Final
from urllib.parse import urlencode

from .graphs import Graph, GraphEntry
from .outline import FRAMES
from .shapes import Drawing

#: The sizes, in per cent of the drawing's own size.
STEPS: Final = (25, 50, 75, 100, 125, 150, 200)
WHOLE: Final = 100
FIT: Final = "fit"
#: The width that a drawing has on a narrow phone, and that of a finger, in CSS pixels.
PHONE: Final = 310
FINGER: Final = 44
#: In a smaller drawing, icons would cover each other.
LEAST_SCALE: Final = 0.48
#: How many frames the menu of folds lists; the drawing itself has a button on each.
MOST_FRAMES: Final = 40


@dataclass(frozen=True)
class Look:
    """What an address says about a drawing. `turned` are frames shown otherwise than at first."""

    zoom: str = ""
    turned: frozenset[str] = frozenset()

    @classmethod
    def read(cls, data: Mapping[str, str]) -> Look:
        """Return what an address says; what is not understood is left out."""
        zoom = data.get("zoom", "")
        known = {FIT, *(str(step) for step in STEPS)}
        turned = frozenset(path for path in data.get("turned", "").split(",") if path)
        return cls(zoom if zoom in known else "", turned)

    @property
    def query(self) -> dict[str, str]:
        """The part of the address that says it."""
        said = {"zoom": self.zoom, "turned": ",".join(sorted(self.turned))}
        return {name: value for name, value in said.items() if value}


@dataclass(frozen=True)
class Frame:
    """A frame of the drawing, whether it is folded, and the link that changes that."""

    entry: GraphEntry
    is_shut: bool
    link: str


@dataclass(frozen=True)
class Sheet:
    """The drawing as a page shows it. `kept` is what else the page's address says."""

    graph: Graph
    look: Look = field(default_factory=Look)
    kept: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def shut(self) -> frozenset[str]:
        """The paths of the frames that are folded."""
        return self.graph.shut_at_first ^ (self.look.turned & self._paths)

    @property
    def unknown(self) -> frozenset[str]:
        """The names in the address that are not frames of the graph."""
        return self.look.turned - self._paths

    @cached_property
    def drawing(self) -> Drawing | None:
        """The drawing; None if it still has too many entries."""
        return self.graph.drawn(self.shut)

    @property
    def is_folded_at_first(self) -> bool:
        """Whether the graph is so large that its frames are folded until they are opened."""
        return bool(self.graph.shut_at_first)

    @property
    def is_fit(self) -> bool:
        """Whether the drawing fills the available width."""
        return self.look.zoom == FIT

    @property
    def percent(self) -> int:
        """The size, in per cent of its own."""
        return int(self.look.zoom) if self.look.zoom.isdigit() else WHOLE

    @property
    def width(self) -> int:
        """The width on the page, in CSS pixels."""
        return round((self.drawing.width if self.drawing else 0) * self.percent / WHOLE)

    @property
    def height(self) -> int:
        """The height on the page, in CSS pixels."""
        return round((self.drawing.height if self.drawing else 0) * self.percent / WHOLE)

    @property
    def reach(self) -> int:
        """The distance from a button at which a finger hits it on a phone, in drawing units."""
        scale = self.percent / WHOLE
        drawn = self.drawing
        if drawn and (self.is_fit or (drawn.is_small and not self.look.zoom)):
            scale = min(1, PHONE / drawn.width)
        return round(FINGER / 2 / max(scale, LEAST_SCALE)) + 1

    @property
    def nearer(self) -> str:
        """The address of the next larger size; empty at the largest."""
        return next((self._at(str(step)) for step in STEPS if step > self.percent), "")

    @property
    def farther(self) -> str:
        """The address of the next smaller size; empty at the smallest."""
        found = next((step for step in reversed(STEPS) if step < self.percent), None)
        return self._at(str(found)) if found else ""

    @property
    def whole(self) -> str:
        """The address of the drawing's own size."""
        return self._at(str(WHOLE))

    @property
    def fit(self) -> str:
        """The address at which the whole drawing is visible."""
        return self._at(FIT)

    @cached_property
    def frames(self) -> list[Frame]:
        """The frames that are drawn, open or folded, in reading order."""
        hidden = self.shut
        entries = self.graph.entries
        return [
            Frame(entry, entry.path in hidden, self._turned({entry.path}))
            for entry in self._frames
            if not any(above in hidden for above in _above(entries, entry))
        ]

    @property
    def listed_frames(self) -> list[Frame]:
        """The frames that the menu lists."""
        return self.frames[:MOST_FRAMES]

    @cached_property
    def frame_at(self) -> dict[str, Frame]:
        """The frames by path."""
        return {frame.entry.path: frame for frame in self.frames}

    @property
    def all_shut(self) -> str:
        """The address at which every frame is folded."""
        return self._with(self._paths - self.graph.shut_at_first)

    @property
    def all_open(self) -> str:
        """The address at which no frame is folded."""
        return self._with(self.graph.shut_at_first)

    @cached_property
    def mark(self) -> Hashable:
        """Everything that the controls above the drawing show."""
        frames = tuple(frame.entry.path for frame in self.listed_frames)
        return self.look, tuple(self.kept.items()), self.shut, frames

    @property
    def file_query(self) -> str:
        """The query of the file with the same drawing."""
        return urlencode(dict(self.kept) | self.look.query)

    @cached_property
    def _frames(self) -> list[GraphEntry]:
        return [entry for entry in self.graph.entries.values() if entry.kind in FRAMES]

    @cached_property
    def _paths(self) -> frozenset[str]:
        return frozenset(entry.path for entry in self._frames)

    def _at(self, zoom: str) -> str:
        return self._address(replace(self.look, zoom=zoom))

    def _turned(self, paths: set[str]) -> str:
        return self._with(self.look.turned ^ paths)

    def _with(self, turned: frozenset[str]) -> str:
        return self._address(replace(self.look, turned=turned))

    def _address(self, look: Look) -> str:
        return "?" + urlencode(dict(self.kept) | look.query)


def _above(entries: Mapping[str, GraphEntry], entry: GraphEntry) -> list[str]:
    """Return the paths of the entries around one."""
    found = []
    while entry.parent in entries:
        entry = entries[entry.parent]
        found.append(entry.path)
    return found
