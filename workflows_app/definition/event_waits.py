"""The entry that waits for an event from outside."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from workflows_app import errors
from workflows_app.definition import event_names, mappings, options
from workflows_app.definition.steps import Step

if TYPE_CHECKING:
    from workflows_app.definition.mappings import Assembled, Nodes, Values

_KEY: Final = "key"


@dataclass(frozen=True, slots=True)
class EventWait:
    """Which event an entry waits for, and what happens if it does not come."""

    name: str
    source: Assembled
    #: Seconds; None: as long as it takes.
    timeout: float | None = None
    #: Whether the run goes on with the entry's input after the timeout; else it fails.
    goes_on: bool = False

    def key(self, values: Values) -> Any:
        """Return the key of the event in one run."""
        return self.source.evaluate(values)[_KEY]

    def to_json(self) -> dict[str, Any]:
        """Return the wait as JSON values."""
        return {
            "name": self.name,
            "key": self.source.to_json()[_KEY],
            "timeout": self.timeout,
            "on_timeout": "continue" if self.goes_on else "fail",
        }


def event_wait(
    name: str,
    key: Any,
    timeout: float | timedelta | None,
    on_timeout: str,
    *,
    nodes: Nodes,
    what: str,
) -> EventWait:
    """Return the wait of an entry. Raises InvalidStep for an option that cannot be."""
    options.one_of(on_timeout, "on_timeout", what, ("fail", "continue"))
    is_source = hasattr(key, "evaluate") or callable(key)
    if not is_source:
        key = mappings.constant(event_names.check_key(key, what, errors.InvalidStep))
    return EventWait(
        event_names.check(name, what, errors.InvalidStep),
        mappings.assembled({_KEY: key}, what).bind(nodes, what),
        None if timeout is None else options.duration(timeout, "timeout", what),
        on_timeout == "continue",
    )


def step_of(id_: str, event: EventWait) -> Step:
    """Return the step that stands for the entry; the engine waits, and calls no function."""
    return Step(id_, _wait, 0, is_async=False, description=f"Wait for the event {event.name}")


def _wait() -> None:
    raise errors.InvalidStep("An entry that waits for an event has no function to call.")
