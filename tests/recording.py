"""What tests need to record outcomes themselves and to turn the shortcuts off."""

from collections.abc import Sequence
from typing import Any

import pytest

from workflows_app.engine.record import chain, items
from workflows_app.engine.record.recorder import (
    NOT_PLAIN,
    Ended,
    Followed,
    Recorded,
    Refused,
    keep_all,
    keep_none,
)
from workflows_app.engine.record.settle import settle
from workflows_app.engine.run.claims import Claim
from workflows_app.planner import plain
from workflows_app.planner.outcomes import Outcome


def settled(
    held: Claim, outcome: Outcome, *, go_on: bool = False, said: Sequence[Any] = ()
) -> Claim | None:
    """Record one outcome; return the claim that follows. Raises the error that refused it."""
    (recorded,) = settle([Ended(held, outcome, said, keep_all if go_on else keep_none)])
    if isinstance(recorded, Refused):
        raise recorded.error
    return recorded.claim if isinstance(recorded, Followed) else None


def without_shortcuts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Turn the shortcuts off: the planner decides everything, and the reference records it."""

    def leaves_all(ended: Sequence[Ended]) -> list[Recorded]:
        return [NOT_PLAIN] * len(ended)

    monkeypatch.setattr(chain, "record", leaves_all)
    monkeypatch.setattr(items, "record", leaves_all)
    monkeypatch.setattr(chain, "claim", lambda *_: None)
    monkeypatch.setattr(chain, "is_claimable", lambda *_: False)
    monkeypatch.setattr(plain, "shortcut", lambda *_: None)
