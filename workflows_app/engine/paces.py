"""How long steps took lately, in this process: whether a thread may hold several of them."""

from typing import Final

from workflows_app.engine.claims import Claim

#: Seconds that a step may take so that a thread holds several of its kind.
QUICK: Final = 0.002

#: Seconds, by workflow and place; there are no more of them than entries of known workflows.
_paces: Final[dict[tuple[str, str], float]] = {}


def of(workflow: str, place: str) -> float:
    """Return the seconds that a step took lately; one that nobody knows yet counts as slow."""
    return _paces.get((workflow, place), QUICK)


def note(held: Claim, seconds: float) -> None:
    """Note how long a step took. A slow one counts at once, quick ones by and by."""
    key = (held.workflow_id, held.base_path)
    before = _paces.get(key, seconds)
    _paces[key] = max(seconds, 0.8 * before + 0.2 * seconds)
