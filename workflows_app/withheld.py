"""Events and errors without the values of runs, for whoever may not see those."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

#: The keys of an event's payload that hold values of the run.
VALUES: Final = frozenset({
    "input", "payload", "output", "result", "state", "data", "iteration_output",
    "suspend_payload", "resume_payload", "resume_data", "input_data",
})  # fmt: skip
#: What is told of an error.
_BRIEF: Final = ("type", "message")


def event(said: Mapping[str, Any]) -> dict[str, Any]:
    """Return an event without its values, and without its references to some."""
    payload = {key: each for key, each in said["payload"].items() if key not in VALUES}
    if isinstance(failed := payload.get("error"), dict):
        payload["error"] = error(failed)
    return {**{key: each for key, each in said.items() if key != "refs"}, "payload": payload}


def error(said: Mapping[str, Any]) -> dict[str, Any]:
    """Return the type and the message of an error."""
    return {key: said.get(key, "") for key in _BRIEF}
