"""The rare paths that a storm must have taken, because it shows nothing about the others."""

from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from workflows_app.engine.host.rare import Rare

#: In storms of at least so many seconds, all seeds together, this must have happened. Measured with
#: 45 seconds a storm: what comes ten times or more in each is asked of the shortest, and what comes
#: less often of storms in which it is to be expected ten times.
REQUIRED: Final[Mapping[Rare, float]] = {
    Rare.CLAIM_LOST: 45,
    Rare.CLAIM_PUT_BACK: 45,
    Rare.SHORTCUT_REFUSED: 45,
    Rare.GUARD_REFUSED: 45,
    Rare.HINT_STALE: 45,
    Rare.ITEMS_REFUSED: 45,
    Rare.HINT_REPEATED: 300,  # 0 and 7 in two storms of 120 seconds on a quiet machine
    Rare.LATE_RESULT_DROPPED: 300,
    Rare.RECOVERED_FROM_SILENT: 300,
    Rare.RECOVERED_FROM_STOPPED: 120,
    Rare.HANDOVER_LATE: 300,
    Rare.ORPHAN_FREED: 300,
    Rare.RESULT_KEPT: 300,
}


def missing(counts: Mapping[str, int], seconds: float) -> list[str]:
    """Return which of them never happened although there was enough time."""
    return [
        what.value
        for what, after in REQUIRED.items()
        if seconds >= after and not counts.get(what.value)
    ]


def counted(folder: Path) -> Counter[str]:
    """Return how often each has happened, in all processes, killed ones too."""
    files = folder.glob("*.rare")
    return total(line for file in files for line in file.read_text("utf-8").splitlines())


def total(lines: Iterable[str]) -> Counter[str]:
    """Return the sum of lines of a name and a number; what a kill has cut off is left out."""
    found: Counter[str] = Counter({what.value: 0 for what in Rare})
    for line in lines:
        name, _, times = line.partition(" ")
        if name in found and times.isdecimal():
            found[name] += int(times)
    return found
