"""The keyword options of a run's verbs, checked before anything is written."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping
from datetime import timedelta
from typing import Any, Final, TypedDict

from workflows_app import calling, errors
from workflows_app.definition import Deadline
from workflows_app.engine.run import tracing

CANCEL: Final = ("wait", "timeout", "actor", "door", "reason")


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
    #: Wait until the run settles; otherwise return at once with the current status.
    wait: bool
    #: Seconds to wait at most.
    timeout: float | None
    #: The door of the call, for the audit trail.
    door: str


class StartOptions(Options, total=False):
    """What `start` takes by keyword."""

    initial_state: Mapping[str, Any] | None
    per_step: bool
    #: How long the run may take, in place of the workflow's.
    deadline: Deadline | None
    #: How long it may wait to begin, in place of the workflow's.
    start_within: float | timedelta | None


class AnswerOptions(Options, total=False):
    """What `resume` takes by keyword."""

    step: Any
    label: str | None
    suspension: str | uuid.UUID | None
    foreach_index: int | None
    retry_count: int | None
    per_step: bool
    #: For the audit trail.
    note: str


class RerunOptions(Options, total=False):
    """What `rerun` takes by keyword."""

    per_step: bool
    run_id: str | None


class ProceedOptions(Options, total=False):
    """What `proceed` takes by keyword."""

    per_step: bool | None


class Travel(TypedDict, total=False):
    """Options of a time travel besides its step."""

    input_data: Any
    resume_data: Any
    initial_state: Mapping[str, Any] | None
    context: Mapping[str, Any] | None
    nested_steps_context: Mapping[str, Any] | None


class TravelOptions(Options, Travel, total=False):
    """What `time_travel` and `fork` take by keyword."""

    per_step: bool
    #: The reason in words, for the audit trail.
    reason: str


class TravelNowOptions(TravelOptions, total=False):
    """What `time_travel` takes by keyword besides: the token of a plan."""

    plan: str | None


class ForkOptions(TravelOptions, total=False):
    """What `fork` takes by keyword besides: the id of the new run."""

    run_id: str | None


def output_options(given: Mapping[str, bool] | None) -> dict[str, bool]:
    """Return what a result includes. Raises InvalidInput for an unknown option."""
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
    """Return the actor and the door as arguments of the engine."""
    return {"actor": options.get("actor"), "door": options.get("door", "")}


def travel(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of a time travel besides its step."""
    return {name: options[name] for name in Travel.__annotations__ if name in options}


def as_uuid(suspension: str | uuid.UUID | None) -> uuid.UUID | None:
    """Return the id of a suspension. Raises StepNotSuspended if it is not one."""
    if suspension is None or isinstance(suspension, uuid.UUID):
        return suspension
    try:
        return uuid.UUID(suspension)
    except ValueError:
        raise errors.StepNotSuspended(
            f"{suspension!r} is not a suspension id; take it from suspended_steps()."
        ) from None
