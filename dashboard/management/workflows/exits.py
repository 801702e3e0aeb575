"""With which number the command ends, by what came of it."""

from __future__ import annotations

from typing import Final

from workflows_app.planner.statuses import RunStatus

SUCCESS: Final = 0
FAILED: Final = 1
USAGE: Final = 2
ASKS: Final = 3
REFUSED: Final = 4
NOT_FOUND: Final = 5
#: Somebody pressed Ctrl+C: the number that shells use for it.
INTERRUPTED: Final = 130

_BY_STATUS: Final = {
    RunStatus.FAILED: FAILED,
    RunStatus.CANCELED: FAILED,
    RunStatus.SUSPENDED: ASKS,
    RunStatus.PAUSED: ASKS,
}


def of_status(status: str) -> int:
    """Return the number for a run that was waited for."""
    return _BY_STATUS.get(RunStatus(status), SUCCESS)


def of_refusal(kind: str) -> int:
    """Return the number for a refusal of this type."""
    return NOT_FOUND if kind.endswith("NotFound") else REFUSED
