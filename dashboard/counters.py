"""How far each foreach and loop of a run has come, as its frame in the drawing says it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from dashboard.cards import Card
from workflows_app.planner.statuses import STEP_ENDED

LOOPS: Final = frozenset({"do_while", "do_until"})
SIGNS: Final = {"success": "✓", "failed": "✕"}


def of(cards: Sequence[Card]) -> dict[str, str]:
    """Return by path: `248 ✓ 2 ✕ of 300` of a foreach, `round 3` of a loop."""
    by_path = {card.place.path: card for card in cards}
    found: dict[str, str] = {}
    for card in cards:
        whole = by_path.get(card.place.parent)
        # A frame counts what stands directly inside: the first entry of it that has records.
        if whole is None or not card.tally or not card.place.path.endswith("[]"):
            continue
        is_loop = whole.place.kind in LOOPS
        found.setdefault(whole.place.path, _rounds(card) if is_loop else _items(card, whole))
    return found


def _rounds(card: Card) -> str:
    return f"round {sum(number for _, number in card.tally)}"


def _items(card: Card, whole: Card) -> str:
    tally = dict(card.tally)
    total = max(sum(tally.values()), whole.step.total if whole.step is not None else 0)
    words = [f"{tally.pop(status)} {sign}" for status, sign in SIGNS.items() if tally.get(status)]
    words += [f"{number} {status}" for status, number in sorted(tally.items()) if number]
    ended = sum(number for status, number in card.tally if status in STEP_ENDED)
    return " ".join(words) + (f" of {total}" if ended < total else "")
