"""The figures of a storm, from what was measured. Nothing here reads anything."""

import math
from collections.abc import Sequence


def spread(seconds: Sequence[float]) -> dict[str, float | None]:
    """Return the median, the 95th percentile and the most of these, in seconds; None of nothing.

    By nearest rank, so that each is a measured value.
    """
    found = sorted(seconds)
    ranks = {"p50": 0.5, "p95": 0.95, "max": 1.0}
    return {name: _at(found, share) for name, share in ranks.items()}


def _at(found: Sequence[float], share: float) -> float | None:
    if not found:
        return None
    return round(found[math.ceil(share * len(found)) - 1], 2)
