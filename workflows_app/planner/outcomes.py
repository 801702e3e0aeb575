"""The possible outcomes of one attempt of a step, as the worker reports them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from workflows_app.jsontext import Raw


@dataclass(frozen=True, slots=True)
class Changes:
    """Changes of an attempt to the run's state and request context, by top-level key."""

    state: Mapping[str, Any] = field(default_factory=dict)
    context: Mapping[str, Any] = field(default_factory=dict)
    #: Keys that the attempt deleted from the request context.
    context_removed: tuple[str, ...] = ()
    #: Keys of the state that the step's type made, such as a new id; kept unless somebody wrote
    #: them.
    made: Mapping[str, Any] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.state or self.made or self.context or self.context_removed)

    def over(self, state: Mapping[str, Any]) -> dict[str, Any]:
        """Return a state with these changes."""
        return {**self.made, **state, **self.state}

    def over_context(self, context: Mapping[str, Any]) -> dict[str, Any]:
        """Return a request context with these changes."""
        kept = {key: item for key, item in context.items() if key not in self.context_removed}
        return {**kept, **self.context}


NO_CHANGES = Changes()


@dataclass(frozen=True, slots=True)
class Succeeded:
    """The function returned. A branch or a nested workflow reports `Opened`."""

    output: Raw
    changes: Changes = NO_CHANGES


@dataclass(frozen=True, slots=True)
class Opened:
    """A branch chose its arms, or a nested workflow accepted its input: the parts may start."""

    #: Positions of the arms to run; a nested workflow has the one part, 0.
    arms: tuple[int, ...]
    #: What each part gets.
    payload: Raw
    changes: Changes = NO_CHANGES


@dataclass(frozen=True, slots=True)
class Listed:
    """A foreach counted its items, and knows how many of them may run at a time."""

    total: int
    concurrency: int
    changes: Changes = NO_CHANGES


@dataclass(frozen=True, slots=True)
class Looped:
    """A loop's condition said whether there is another iteration."""

    again: bool
    changes: Changes = NO_CHANGES


@dataclass(frozen=True, slots=True)
class Slept:
    """A sleep's function returned its length: seconds from now, or until a moment."""

    delay: float | datetime
    changes: Changes = NO_CHANGES


@dataclass(frozen=True, slots=True)
class Failed:
    """The attempt raised, timed out, or its values did not fit their types."""

    error: Mapping[str, Any]
    #: Whether another attempt may help: not when a type did not fit.
    may_retry: bool = True


@dataclass(frozen=True, slots=True)
class Awaited:
    """What a step waits for instead of somebody's answer: an event, or the end of a run."""

    kind: str
    name: str
    key: str
    #: Seconds; None: as long as it takes.
    timeout: float | None = None


@dataclass(frozen=True, slots=True)
class Suspended:
    """The step asks, and waits for an answer, or with `awaited` for something else."""

    payload: Raw | None
    labels: tuple[str, ...] = ()
    changes: Changes = NO_CHANGES
    awaited: Awaited | None = None
    #: Digests of the tokens that may answer, as `ctx.callback_url` made them.
    tokens: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Bailed:
    """The step ends the whole run as a success with this result."""

    result: Raw
    changes: Changes = NO_CHANGES


@dataclass(frozen=True, slots=True)
class Aborted:
    """The step cancels the whole run."""


@dataclass(frozen=True, slots=True)
class Lost:
    """The worker was lost, and the run is ending: nobody will try again."""


Outcome = (
    Succeeded | Opened | Listed | Looped | Slept | Failed | Suspended | Bailed | Aborted | Lost
)
