"""Sparklines: how many of something came in each part of a stretch of time, as the path of an SVG.

Pure: numbers in, a path out. The box is as wide as there are parts, and `HEIGHT` high.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

#: The parts of a stretch.
PARTS: Final = 24
HEIGHT: Final = 12
#: A part with anything in it is at least so high that it can be seen.
LEAST: Final = 1.5
_GAP: Final = 0.3


def path_of(numbers: Sequence[int]) -> str:
    """Return the bars of these numbers as the `d` of a path; empty where all are none."""
    most = max(numbers, default=0)
    return "".join(
        _bar(at, max(HEIGHT * number / most, LEAST)) for at, number in enumerate(numbers) if number
    )


def _bar(at: int, height: float) -> str:
    return f"M{at + _GAP:g} {HEIGHT}v{-height:.2f}h{1 - 2 * _GAP:g}V{HEIGHT}z"
