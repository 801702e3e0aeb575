"""How a person looks at the page of a run: all of it stands in the address."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from dashboard.graph_look import Look
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
    #: How the drawing of the graph is looked at.
    look: Look = field(default_factory=Look)

    @property
    def graph_address(self) -> dict[str, str]:
        """What the address of the graph says besides how it is looked at."""
        return {"tab": "graph"} | ({} if self.at is None else {"at": str(self.at)})

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
            look=Look.read(data),
        )


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if 0 <= number < 1e15 else None  # noqa: PLR2004 - what a number may be
