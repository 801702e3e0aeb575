"""Deadlines: how long a run may take, and what happens when its time is up."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, Literal

from workflows_app import errors

Then = Literal["fail", "cancel", "warn"]

_THEN: Final = ("fail", "cancel", "warn")
#: The largest number of seconds: about 31 years.
_MOST: Final = 1e9


@dataclass(frozen=True)
class Deadline:
    """How long a run may take, from its start or its last retry or time travel.

    `after` and `warn_after` are seconds or timedeltas. When `after` has passed, the run is failed
    or canceled, or (`then="warn"`) goes on with a warning. With `while_suspended=False`, time in
    which the run is suspended does not count. Raises InvalidDeadline.
    """

    after: float | timedelta
    then: Then = "fail"
    while_suspended: bool = True
    warn_after: float | timedelta | None = None

    def __post_init__(self) -> None:
        _seconds(self.after, "after", "A deadline")
        if self.then not in _THEN:
            raise errors.InvalidDeadline(
                f"A deadline has then={errors.shown(self.then)}; it is one of {', '.join(_THEN)}."
            )
        if not isinstance(self.while_suspended, bool):
            raise errors.InvalidDeadline(
                f"A deadline has while_suspended={errors.shown(self.while_suspended)}; it is True "
                "or False."
            )
        if self.warn_after is None:
            return
        if _seconds(self.warn_after, "warn_after", "A deadline") >= self.seconds:
            raise errors.InvalidDeadline(
                f"A deadline has warn_after={errors.shown(self.warn_after)} and "
                f"after={errors.shown(self.after)}; the warning comes before the end."
            )

    @property
    def seconds(self) -> float:
        """How long the run may take, in seconds."""
        return _plain(self.after)

    @property
    def warning_seconds(self) -> float | None:
        """After how many seconds the warning comes; None: there is none before the end."""
        return None if self.warn_after is None else _plain(self.warn_after)

    def to_json(self) -> dict[str, Any]:
        """Return the deadline as JSON values; times in seconds."""
        return {
            "after": self.seconds,
            "then": self.then,
            "while_suspended": self.while_suspended,
            "warn_after": self.warning_seconds,
        }


def checked(value: Any, what: str) -> Deadline | None:
    """Return a deadline or None. Raises InvalidDeadline for anything else."""
    if value is None or isinstance(value, Deadline):
        return value
    raise errors.InvalidDeadline(
        f"{what} has deadline={errors.shown(value)}; it is a Deadline, such as "
        "Deadline(timedelta(hours=2))."
    )


def start_within(value: Any, what: str) -> float | None:
    """Return how long a run may wait to begin, in seconds, or None. Raises InvalidDeadline."""
    return None if value is None else _seconds(value, "start_within", what)


def _seconds(value: Any, name: str, what: str) -> float:
    is_number = isinstance(value, (int, float, timedelta)) and not isinstance(value, bool)
    if not is_number or not _is_between(value):
        raise errors.InvalidDeadline(
            f"{what} has {name}={errors.shown(value)}; it is a timedelta or a number of seconds, "
            f"above 0 and up to {_MOST:,.0f}."
        )
    return _plain(value)


def _is_between(value: float | timedelta) -> bool:
    try:
        seconds = _plain(value)
    except OverflowError:  # a whole number that no float holds
        return False
    return math.isfinite(seconds) and 0 < seconds <= _MOST


def _plain(value: float | timedelta) -> float:
    return value.total_seconds() if isinstance(value, timedelta) else float(value)
