"""How far each foreach and loop of a run has come, as its frame in the drawing shows it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from django.utils.translation import gettext

from workflows_app import terms
from workflows_app.planner.statuses import STEP_ENDED

from .cards import Card

LOOPS: Final = frozenset({"do_while", "do_until"})
SIGNS: Final = {"success": "✓", "failed": "✕"}


def of(cards: Sequence[Card]) -> dict[str, str]:
    """Return by path: `248 ✓ 2 ✕ of 300` for a foreach, `round 3` for a loop."""
    by_path = {card.entry.path: card for card in cards}
    found: dict[str, str] = {}
    for card in cards:
        whole = by_path.get(card.entry.parent)
        # A frame counts what is directly inside: its first entry that has records.
        if whole is None or not card.tally or not card.entry.path.endswith("[]"):
            continue
        is_loop = whole.entry.kind in LOOPS
        found.setdefault(whole.entry.path, _rounds(card) if is_loop else _items(card, whole))
    return found


def _rounds(card: Card) -> str:
    number = sum(number for _, number in card.tally)
    return gettext("round {number}").format(number=number)


def _items(card: Card, whole: Card) -> str:
    tally = dict(card.tally)
    total = max(sum(tally.values()), whole.step.total if whole.step is not None else 0)
    words = [f"{tally.pop(status)} {sign}" for status, sign in SIGNS.items() if tally.get(status)]
    words += [
        f"{number} {terms.status(status)}" for status, number in sorted(tally.items()) if number
    ]
    ended = sum(number for status, number in card.tally if status in STEP_ENDED)
    counts = " ".join(words)
    if ended >= total:
        return counts
    return gettext("{counts} of {total}").format(counts=counts, total=total)
