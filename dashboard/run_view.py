"""How a person looks at the page of a run: all of it stands in the address."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode

from workflows_app.models import Run

TABS: Final = ("timeline", "graph", "events", "data", "related", "audit")


@dataclass(frozen=True)
class View:
    """How a person looks at a run."""

    tab: str = "graph"
    at: int | None = None
    folds: bool = True
    errors_only: bool = False
    #: How many rows of the timeline stand before the first one shown.
    skip: int = 0
    #: Seconds since the start, first and last, that the timeline shows.
    window: tuple[float, float] | None = None

    @classmethod
    def read(cls, data: Mapping[str, str], run: Run, remembered: str = "") -> View:
        """Return what an address says; what is not understood is left out."""
        tab = data.get("tab") or remembered
        at = _number(data.get("at", ""))
        window = (_number(data.get("since", "")), _number(data.get("until", "")))
        return cls(
            tab=tab if tab in TABS else "graph",
            at=None if at is None or at >= run.event_seq else int(at),
            folds=data.get("fold") != "0",
            errors_only=data.get("errors") == "1",
            skip=int(_number(data.get("skip", "")) or 0),
            window=(window[0], window[1])
            if window[0] is not None and window[1] is not None and window[0] < window[1]
            else None,
        )

    @property
    def now(self) -> str:
        """The same look at the run as it stands now."""
        return self._link("at")

    @property
    def whole(self) -> str:
        """The same look at all of its time."""
        return self._link("since", "until", "skip")

    def rows_from(self, skip: int) -> str:
        """Return the same look at other rows of the timeline."""
        return self._link("skip", skip=str(skip) if skip else "")

    @property
    def beside_switches(self) -> list[tuple[str, str]]:
        """What the form of the timeline's switches keeps of the address."""
        return self._kept("tab", "at", "since", "until")

    @property
    def beside_window(self) -> list[tuple[str, str]]:
        """What the form of the part that is shown keeps of the address."""
        return self._kept("tab", "at", "errors", "fold")

    @property
    def beside_playback(self) -> list[tuple[str, str]]:
        """What the form of the moment keeps of the address."""
        return self._kept("tab", "errors", "fold", "since", "until")

    @property
    def _said(self) -> dict[str, str]:
        """What the address says, in its own words."""
        first, last = self.window or (None, None)
        said = {
            "tab": self.tab,
            "at": "" if self.at is None else str(self.at),
            "errors": "1" if self.errors_only else "",
            "fold": "" if self.folds else "0",
            "since": "" if first is None else str(first),
            "until": "" if last is None else str(last),
            "skip": str(self.skip) if self.skip else "",
        }
        return {name: text for name, text in said.items() if text}

    def _kept(self, *names: str) -> list[tuple[str, str]]:
        return [(name, text) for name, text in self._said.items() if name in names]

    def _link(self, *without: str, **changes: str) -> str:
        kept = {name: text for name, text in self._said.items() if name not in without}
        return "?" + urlencode(kept | {name: text for name, text in changes.items() if text})


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if 0 <= number < 1e15 else None  # noqa: PLR2004 - what a number may be
