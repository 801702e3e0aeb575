"""The verbs on one run: each is the verb of the library, under the caller's name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from pydantic import BaseModel, Field

from workflows_app import Deadline, errors, permissions
from workflows_app.api.entry import rules
from workflows_app.api.entry.answers import Answer
from workflows_app.api.entry.doorway import Call, Handler, Result
from workflows_app.api.entry.inputs import Body, Include, Wait
from workflows_app.api.entry.operations import Resource
from workflows_app.api.entry.refusals import Refusal
from workflows_app.api.entry.rules import Rule
from workflows_app.api.routes import find, waiting
from workflows_app.api.shapes import questions, schemas
from workflows_app.api.shapes import runs as run_shapes
from workflows_app.definition import deadlines
from workflows_app.models import Run
from workflows_app.run import Run as LiveRun

resource: Final = Resource("verbs")
MISSING: Final = ("RunNotFound", "WorkflowNotFound")
BROUGHT: Final = ("InvalidRequestContext", "InvalidTraceId", "PayloadTooLarge")


class VerbQuery(Wait, Include):
    """Whether to wait, and which values of the run to give."""


class Tracing(Body):
    """What a verb adds to the trace of its run."""

    metadata: dict[str, Any] | None = None
    request_context_keys: list[str] | None = None
    trace_id: str | None = None
    parent_span_id: str | None = None
    tags: list[str] | None = None
    root_span_name: str | None = None


class Given(Body):
    """What every verb that goes on with a run takes."""

    request_context: dict[str, Any] | None = None
    tracing_options: Tracing | None = None


class DeadlineGiven(Body):
    """How long a run may take, in seconds, and what happens then: `fail`, `cancel` or `warn`."""

    after: float
    then: str = "fail"
    while_suspended: bool = True
    warn_after: float | None = None


class Times(Body):
    """Until when a run has to begin and to end, in place of what its workflow says."""

    deadline: DeadlineGiven | None = None
    start_within: float | None = Field(None, description="Seconds from the start.")


def times(body: Times) -> dict[str, Any]:
    """Return the times of a start as the verb takes them. Raises InvalidDeadline."""
    said = body.deadline
    deadline = None if said is None else Deadline(**said.model_dump())
    within = deadlines.start_within(body.start_within, "The start")
    return {"deadline": deadline, "start_within": within}


class Start(Given, Times):
    """What a start takes."""

    input_data: Any = None
    initial_state: dict[str, Any] | None = None
    per_step: bool = False


class Resume(Given):
    """What an answer takes."""

    resume_data: Any = None
    step: str | list[str] | None = None
    label: str | None = None
    suspension: str | None = None
    foreach_index: int | None = Field(None, ge=0)
    retry_count: int | None = Field(None, ge=0)
    per_step: bool = False


class Cancel(Body):
    """What a cancel takes."""

    reason: str = ""


class OfStep(Body):
    """Which waiting step is meant; without it, the only one."""

    step: str | list[str] | None = None


class Pause(Body):
    """What a pause takes."""

    reason: str = ""


class Proceed(Body):
    """What letting a paused run on takes; without `per_step` it goes as before the pause."""

    per_step: bool | None = None


class Rerun(Body):
    """What running again takes."""

    input_data: Any = None


class Planned(Body):
    """What planning a time travel takes."""

    step: str | list[str]
    input_data: Any = None
    resume_data: Any = None
    initial_state: dict[str, Any] | None = None
    context: dict[str, Any] | None = None
    nested_steps_context: dict[str, Any] | None = None
    per_step: bool = False
    reason: str = ""


class Travel(Planned):
    """What a time travel takes."""

    plan: str | None = None


def _verb(
    name: str,
    rule: Rule,
    body: type[BaseModel],
    *refuses: str,
    is_made: bool = False,
    found: Callable[[Call], Any] = find.live,
    note_refused: Callable[[Call, Refusal], None] | None = None,
) -> Callable[[Handler], Handler]:
    """Register a verb; `is_made`: it makes another run."""
    gives: dict[int, Any] = {201: schemas.Run} if is_made else {200: schemas.Run, 202: schemas.Run}
    return resource.post(
        f"/runs/{{run_id}}/{name}", rule, query=VerbQuery, body=body, find=found,
        ready=run_shapes.asked, gives=gives, not_found=MISSING, refuses=[*refuses, *BROUGHT],
        note_refused=note_refused,
    )  # fmt: skip


def _to_resume(call: Call) -> LiveRun:
    """Return the run of the address, for somebody who may answer something that it asks."""
    run = find.live(call)
    questions.require_any_answer(call.caller, find.run(call), call.acts)
    return run


def _note_refused(call: Call, refusal: Refusal) -> None:
    run = Run.objects.light().filter(run_id=call.path["run_id"]).first()
    if run is not None:
        questions.note_refused(run, refusal, call.acts)


def _acted(call: Call, verb: Callable[..., Any], *first: Any, **given: Any) -> Result:
    """Do what a verb does to the run of the address, and answer with the run."""
    verb(*first, **given, **call.acts, wait=False)
    return waiting.answered(call, call.target.pk)


def _given(body: BaseModel, *left_out: str) -> dict[str, Any]:
    """Return the body as the verb takes it: as it came, what was left out left out."""
    given = {name: getattr(body, name) for name in body.model_fields_set if name not in left_out}
    if isinstance(tracing := given.get("tracing_options"), Tracing):
        given["tracing_options"] = tracing.model_dump(exclude_unset=True)
    return given


@_verb("start", rules.START, Start, "InvalidInput", "InvalidDeadline", "RunAlreadyStarted")
def start(call: Call) -> Result:
    """Start a pending run."""
    given = _given(call.body, "input_data", "deadline", "start_within")
    return _acted(call, call.target.start, call.body.input_data, **given, **times(call.body))


@_verb(
    "resume", rules.ANSWER, Resume, "InvalidResumeData", "StepNotFound", "LabelNotFound",
    "NotAllowedToAnswer", "RunNotSuspended", "StepNotSuspended", "MultipleSuspendedSteps",
    "ResumeAlreadyClaimed", "DefinitionChanged", "InvalidInput", "SuspensionNotFound",
    found=_to_resume, note_refused=_note_refused,
)  # fmt: skip
def resume(call: Call) -> Result:
    """Answer a suspended step."""
    given = _given(call.body, "resume_data")
    if call.body.suspension is not None:
        find.asked_in(call.target.pk, call.body.suspension)
    return _acted(call, call.target.resume, call.body.resume_data, **given)


@resource.post(
    "/runs/{run_id}/cancel", rules.CANCEL, query=VerbQuery, body=Cancel, find=find.live,
    ready=run_shapes.asked,
    gives={200: schemas.CanceledRun, 202: schemas.CanceledRun}, not_found=MISSING,
)  # fmt: skip
def cancel(call: Call) -> Result:
    """Cancel a run; one that has ended is left as it is."""
    run: LiveRun = call.target
    said = run.cancel(reason=call.body.reason, **call.acts)
    return waiting.answered(call, run.pk, waiting.OVER, message=said["message"])


@_verb("restart", rules.STEER, Given, "NothingToRestart", "RunNotActive", "DefinitionChanged")
def restart(call: Call) -> Result:
    """Go on with an active run from its last active steps."""
    return _acted(call, call.target.restart, **_given(call.body))


@_verb("retry", rules.STEER, Given, "RunNotFailed", "DefinitionChanged", "UniqueKeyTaken")
def retry(call: Call) -> Result:
    """Run what failed again."""
    return _acted(call, call.target.retry, **_given(call.body))


@_verb("pause", rules.STEER, Pause, "RunNotActive", "InvalidInput")
def pause(call: Call) -> Result:
    """Let nothing of a run start until it proceeds; its running steps end first."""
    call.target.pause(call.body.reason, **call.acts)
    return waiting.answered(call, call.target.pk)


WAITS: Final = ("StepNotWaiting", "MultipleWaitingSteps", "StepNotFound", "DefinitionChanged")


@_verb("skip-wait", rules.STEER, OfStep, *WAITS)
def skip_wait(call: Call) -> Result:
    """Let a step that sleeps, or waits for its next attempt, go on now."""
    return _acted(call, call.target.skip_wait, call.body.step)


@_verb("give-up", rules.STEER, OfStep, *WAITS)
def give_up(call: Call) -> Result:
    """Fail a step that waits for its next attempt now, with its last error."""
    return _acted(call, call.target.give_up, call.body.step)


@_verb("proceed", rules.STEER, Proceed, "RunNotPaused", "DefinitionChanged")
def proceed(call: Call) -> Result:
    """Let a paused run on: as before the pause, for one step, or to its end."""
    return _acted(call, call.target.proceed, **_given(call.body))


TRAVEL: Final = (
    "RunStillRunning", "StepNotFound", "InvalidInput", "InvalidResumeData", "MissingStepResult",
    "DefinitionChanged", "NotAllowedToAnswer",
)  # fmt: skip


@_verb("time-travel", rules.STEER, Travel, *TRAVEL, "PlanOutdated", "UniqueKeyTaken")
def time_travel(call: Call) -> Result:
    """Run again from a step, on a new timeline."""
    return _acted(call, call.target.time_travel, call.body.step, **_given(call.body, "step"))


@resource.post(
    "/runs/{run_id}/time-travel/plan", rules.VIEW, body=Planned, find=find.live,
    gives={200: schemas.Plan}, not_found=MISSING, refuses=[*TRAVEL, "PayloadTooLarge"],
)  # fmt: skip
def plan_time_travel(call: Call) -> Answer:
    """Say what a time travel would do, and change nothing."""
    run: LiveRun = call.target
    permissions.require(run.workflow, call.caller.user)
    given = _given(call.body, "step", "per_step", "reason")
    plan = run.plan_time_travel(call.body.step, **given)
    return Answer(plan.model_dump(mode="json"), workflow_id=run.workflow_id)


# Verbs that make another run.


def _made(call: Call, made: LiveRun) -> Result:
    """Answer with the run that a verb has made."""
    return waiting.answered(call, made.pk, 201, is_new=True)


@_verb("rerun", rules.START, Rerun, "InvalidInput", "RunAlreadyStarted", is_made=True)
def rerun(call: Call) -> Result:
    """Start a new run with the same input, or with the one given."""
    given = call.body.input_data
    return _made(call, call.target.rerun(given, **call.acts, wait=False))


@_verb("fork", rules.START, Travel, *TRAVEL, "PlanOutdated", is_made=True)
def fork(call: Call) -> Result:
    """Do what a time travel would do, in a new run."""
    given = _given(call.body, "step", "plan")
    if call.body.plan is not None:
        _check_plan(call)
    return _made(call, call.target.fork(call.body.step, **given, **call.acts, wait=False))


def _check_plan(call: Call) -> None:
    given = _given(call.body, "step", "plan", "per_step", "reason")
    if call.target.plan_time_travel(call.body.step, **given).token != call.body.plan:
        raise errors.PlanOutdated(
            "The run, its workflow or what is asked of it has changed since this was planned."
        )


@resource.delete(
    "/runs/{run_id}", rules.DELETE_RUN, find=find.live, gives={204: None}, not_found=MISSING,
    refuses=["RunStillRunning"],
)  # fmt: skip
def delete_run(call: Call) -> Answer:
    """Delete a run that is not active, and all that is known of it."""
    call.target.delete(**call.acts)
    return Answer(status=204)
