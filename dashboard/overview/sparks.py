"""Sparklines: how much of something occurred in each part of a time range, as an SVG path.

Pure: takes numbers, returns a path. The box is as wide as there are parts, and `HEIGHT` high.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

#: How many parts a time range has.
PARTS: Final = 24
HEIGHT: Final = 12
#: The height of a part with anything in it is at least this, so that it can be seen.
LEAST: Final = 1.5
_GAP: Final = 0.3


def path_of(numbers: Sequence[int]) -> str:
    """Return the bars of these numbers as the `d` of a path; empty if all are zero."""
    most = max(numbers, default=0)
    return "".join(
        _bar(at, max(HEIGHT * number / most, LEAST)) for at, number in enumerate(numbers) if number
    )


def _bar(at: int, height: float) -> str:
    return f"M{at + _GAP:g} {HEIGHT}v{-height:.2f}h{1 - 2 * _GAP:g}V{HEIGHT}z"
