"""Hints: messages that say that a queue has work, perhaps a certain step.

A hint may be lost, doubled or late, because the database knows the work and the sweep finds it.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from workflows_app.engine.host import clock

#: No step has this key, so a thread that gets it as a hint takes the oldest step.
ANY: Final = 0
#: The name of the one actor, which every hint asks for.
RUN_STEP: Final = "run_step"


class Hint(NamedTuple):
    """The key of a claimable step, when the hint was made, and the lane of the step.

    `at` is in milliseconds since 1970. `lane_key` is that of `chain.lane_key`; 0: none is known.
    """

    step: int
    at: int
    lane_key: int = 0

    @classmethod
    def now(cls, step: int, lane_key: int = 0) -> Hint:
        """Return a hint that is made now, by the database's clock."""
        return cls(step, milliseconds(), lane_key)

    @property
    def text(self) -> str:
        """The hint as Redis keeps it."""
        return f"{self.step}@{self.at}@{self.lane_key}"

    @classmethod
    def parsed(cls, text: bytes | str) -> Hint:
        """Return the hint that Redis kept, perhaps for another release."""
        parts = (text.decode() if isinstance(text, bytes) else text).split("@")
        return cls(*(int(part or 0) for part in [*parts, "0"][:3]))


def milliseconds() -> int:
    """Return the database's time in milliseconds since 1970."""
    return int(clock.now().timestamp() * 1000)
