"""How long steps took lately in this process; this decides whether a thread may hold several."""

from typing import Final

from workflows_app.engine.run.claims import Claim

#: A thread holds several claims of a step that takes less than this, in seconds.
QUICK: Final = 0.002

#: Seconds by workflow and base path; there are at most as many as known workflows have entries.
_seconds: Final[dict[tuple[str, str], float]] = {}


def of(workflow: str, base_path: str) -> float:
    """Return the seconds that a step took lately; a step that has not run yet counts as slow."""
    return _seconds.get((workflow, base_path), QUICK)


def note(held: Claim, seconds: float) -> None:
    """Note how long a step took: a slow attempt counts at once, quick ones count gradually."""
    key = (held.workflow_id, held.base_path)
    before = _seconds.get(key, seconds)
    _seconds[key] = max(seconds, 0.8 * before + 0.2 * seconds)
