"""What the verbs of a run are given by keyword, read and checked before anything is written."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping
from typing import Any, Final, TypedDict

from workflows_app import calling, errors
from workflows_app.engine import tracing

CANCEL: Final = ("wait", "timeout", "actor", "door")


class Options(TypedDict, total=False):
    """What every verb takes, by keyword."""

    #: Merged over the run's own.
    request_context: Mapping[str, Any] | None
    tracing_context: Any
    tracing_options: Mapping[str, Any] | None
    #: `include_state`, `include_resume_labels`.
    output_options: Mapping[str, bool] | None
    #: A Django user, for the audit trail.
    actor: Any
    #: Wait until the run settles; else return at once with the status as it stands.
    wait: bool
    #: Seconds to wait at most.
    timeout: float | None
    #: Through which door the call came, for the audit trail.
    door: str


class Travel(TypedDict, total=False):
    """What a time travel is given besides its step."""

    input_data: Any
    resume_data: Any
    initial_state: Mapping[str, Any] | None
    context: Mapping[str, Any] | None
    nested_steps_context: Mapping[str, Any] | None


class TravelOptions(Options, Travel, total=False):
    """What `time_travel` and `fork` take by keyword."""

    per_step: bool
    #: Why, in words, for the audit trail.
    reason: str


def output_options(given: Mapping[str, bool] | None) -> dict[str, bool]:
    """Return what a result is to include. Raises InvalidInput for an option it does not have."""
    known = {"include_state", "include_resume_labels"}
    calling.check("a verb", {"output_options": given}, ["output_options"])
    options = dict(given or {})
    if unknown := set(options) - known:
        raise errors.InvalidInput(
            f"output_options has no {', '.join(sorted(unknown))}; "
            f"it has {', '.join(sorted(known))}."
        )
    return options


def check_all(verb: str, options: Mapping[str, Any], known: Collection[str]) -> None:
    """Check the options of a verb that makes another run, before it is made."""
    calling.check(verb, options, known)
    output_options(options.get("output_options"))
    tracing.read(options.get("tracing_options"), options.get("tracing_context"))


def who(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return who asks, and through which door, as the engine takes it."""
    return {"actor": options.get("actor"), "door": options.get("door", "")}


def travel(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a time travel is given besides its step."""
    return {name: options[name] for name in Travel.__annotations__ if name in options}


def as_uuid(suspension: str | uuid.UUID | None) -> uuid.UUID | None:
    """Return the id of a suspension. Raises StepNotSuspended for what is none."""
    if suspension is None or isinstance(suspension, uuid.UUID):
        return suspension
    try:
        return uuid.UUID(suspension)
    except ValueError:
        raise errors.StepNotSuspended(
            f"{suspension!r} is no suspension id; take it from suspended_steps()."
        ) from None
