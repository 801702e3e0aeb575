"""Time travel and forks: from a request to a journey, and from a journey to rows."""

from collections.abc import Mapping
from typing import Any

from django.db.models import Q
from pydantic import BaseModel

from workflows_app import errors, permissions
from workflows_app.definition import ANY, BODY, Builder
from workflows_app.definition.changes import problem
from workflows_app.engine.host import clock
from workflows_app.engine.host.transactions import status_of
from workflows_app.engine.run import (
    accepted,
    audit,
    copies,
    deadlines,
    definitions,
    events,
    holds,
    payloads,
    step_paths,
    timelines,
    tracing,
    versions,
)
from workflows_app.engine.run.apply import apply
from workflows_app.engine.run.change import Change
from workflows_app.engine.run.claims import HOOK
from workflows_app.engine.run.performing import change
from workflows_app.engine.verbs import starting
from workflows_app.engine.verbs.travel_request import TravelRequest
from workflows_app.jsontext import NULL, Raw
from workflows_app.models import Run, StepSnapshot, WorkflowVersion
from workflows_app.models.step import StepQuerySet
from workflows_app.planner import passed
from workflows_app.planner import travel as planner
from workflows_app.planner.enter import hold_back
from workflows_app.planner.statuses import ACTIVE, RunStatus, StepStatus
from workflows_app.planner.travel import Journey, Past, show
from workflows_app.planner.view import Row


class TravelPlan(BaseModel):
    """What a time travel would do. With `token`, `time_travel` does exactly that."""

    step: str
    reused: list[str]
    rerun: list[str]
    skipped: list[str]
    #: Steps that asked somebody and would ask again.
    suspensions: list[str]
    #: The hash of the version of the workflow that would run.
    version: str
    warnings: list[str]
    #: The permissions that a person also needs, by step that the time travel leaves out, answers
    #: or replaces.
    permissions: dict[str, list[str]]
    token: str


def plan(definition: Builder, run: Run, asked: TravelRequest) -> TravelPlan:
    """Return what a time travel would do. Raises what it would raise."""
    journey = _journey(definition, run, asked)
    ahead = _answers_ahead(definition, run, asked, journey)
    needed = permissions.needed(definition, run, _spoken_for(journey, ahead))
    return TravelPlan(
        step=show(definition.tree.nodes[journey.target]),
        reused=_plain(journey.reused),
        rerun=_plain(journey.rerun),
        skipped=_plain(journey.skipped),
        suspensions=_plain(path for path in journey.suspensions),
        version=definition.version_hash,
        warnings=[*journey.warnings, *_version_warnings(definition, run)],
        permissions={permissions.shown(path): list(names) for path, names in needed.items()},
        token=_token(definition, run, asked),
    )


def check(definition: Builder, run: Run, asked: TravelRequest, actor: Any) -> None:
    """Raise what a time travel by this actor would raise."""
    journey = _journey(definition, run, asked)
    ahead = _answers_ahead(definition, run, asked, journey)
    permissions.require_answers(definition, run, _spoken_for(journey, ahead), actor)


def travel(
    definition: Builder,
    run: Run,
    asked: TravelRequest,
    *,
    token: str | None = None,
    per_step: bool = False,
    context: Mapping[str, Any] | None = None,
    trace: tracing.Trace | None = None,
    actor: Any = None,
    door: str = "",
    reason: str = "",
) -> Run | None:
    """Run again from a step, on a new timeline. A refusal leaves the run untouched.

    Return the run's row if it has not begun and something keeps it pending, else None.
    Raises RunStillRunning, MissingStepResult, InvalidInput, PlanOutdated, DefinitionChanged, and
    NotAllowedToAnswer.
    """
    with change(run.pk, clock.now()) as changing:
        model = changing.model
        if token is not None and token != _token(definition, model, asked):
            raise errors.PlanOutdated(
                f"Run {model.run_id!r}, its workflow or the request has changed since the time "
                "travel was planned; plan it again and look at what is different."
            )
        journey = _journey(definition, model, asked)
        state = _state(definition, model, asked)
        ahead = _answers_ahead(definition, model, asked, journey)
        permissions.require_answers(definition, model, _spoken_for(journey, ahead), actor)
        if model.started_at is None:
            _begin_late(changing, definition, asked, journey, actor)
            _keep_if_stopped(changing, definition, per_step=per_step)
            deadlines.give(changing, None, definition.deadline)
        else:
            timelines.begin(changing, "time-travel", asked.target.path, actor)
        _set_off(changing, asked, state=state, ahead=ahead, per_step=per_step, actor=actor)
        timelines.merge_context(changing, definition, context)
        tracing.keep(changing, trace)
        apply(changing, hold_back(changing.run, journey.decisions))
        why = {"reason": reason} if reason else {}
        audit.record(changing, "time-travel", actor, door=door, path=asked.target.path, **why)
    return changing.model if changing.status is RunStatus.PENDING else None


def fork(
    definition: Builder,
    source: Run,
    target: Run,
    asked: TravelRequest,
    *,
    per_step: bool = False,
    context: Mapping[str, Any] | None = None,
    trace: tracing.Trace | None = None,
    actor: Any = None,
    door: str = "",
    reason: str = "",
) -> Run | None:
    """Do in the new run `target` what a time travel would do in `source`, which stays untouched.

    Return the new run's row if something keeps it pending, else None.
    Raises RunAlreadyStarted if `target` is no longer new, and NotAllowedToAnswer.
    """
    source = Run.objects.get(pk=source.pk)
    journey = _journey(definition, source, asked)
    state = _state(definition, source, asked)
    ahead = _answers_ahead(definition, source, asked, journey)
    permissions.require_answers(definition, source, _spoken_for(journey, ahead), actor)
    with change(target.pk, clock.now()) as changing:
        run = changing.model
        if run.status != RunStatus.PENDING:
            raise errors.RunAlreadyStarted(
                f"Run {run.run_id!r} has already been started and is {status_of(run)}; a fork "
                "needs its own run. Choose another run id."
            )
        _take_over(changing, source, asked, journey)
        _log_start(changing, actor)
        timelines.mark(changing, "time-travel", asked.target.path, actor)
        timelines.reopen(changing)
        has_other_input = asked.run_input is not None
        copies.copy_kept(source, run, journey.kept, changing.now, has_other_input=has_other_input)
        _keep_if_stopped(changing, definition, per_step=per_step)
        deadlines.give(changing, deadlines.own_of(source), definition.deadline)
        _set_off(changing, asked, state=state, ahead=ahead, per_step=per_step, actor=actor)
        timelines.merge_context(changing, definition, context)
        tracing.keep(changing, trace)
        apply(changing, hold_back(changing.run, journey.decisions))
        why = {"reason": reason} if reason else {}
        audit.record(changing, "fork", actor, door=door, path=asked.target.path, **why)
    return changing.model if changing.status is RunStatus.PENDING else None


def _take_over(changing: Change, source: Run, asked: TravelRequest, journey: Journey) -> None:
    """Give a fork the values with which the run that it comes from began."""
    run = changing.model
    run.input = asked.run_input or (
        payloads.run_input(source.pk) if source.started_at else _run_input(asked, journey)
    )
    run.initial_state = source.initial_state or {}
    run.initial_request_context = source.initial_request_context
    run.request_context = source.request_context
    changing.outputs[payloads.RUN_INPUT] = run.input or NULL
    changing.touch("input", "initial_state", "request_context", "initial_request_context")


def _keep_if_stopped(changing: Change, definition: Builder, *, per_step: bool) -> None:
    """Keep a run that has not begun pending, if it is held or its workflow's intake is paused."""
    if holds.keeps_pending(changing.model):
        within = definition.start_within
        starting.keep_start(changing, per_step=per_step, start_within=within)
        changing.status, changing.model.started_at = RunStatus.PENDING, None


def _log_start(changing: Change, actor: Any) -> None:
    """Note who starts the run, and log its start."""
    run = changing.model
    if getattr(actor, "pk", None) is not None:
        run.started_by = actor
    changing.log.add(events.started(run.workflow_id, run.input or NULL, audit.name_of(actor)))


# From a request to a journey.


def _journey(definition: Builder, run: Run, asked: TravelRequest) -> Journey:
    if run.status in ACTIVE:
        raise errors.RunStillRunning(
            f"Run {run.run_id!r} is {status_of(run)}, and a time travel needs a run that "
            "nobody works on: wait until it settles, or cancel it."
        )
    past = past_of(run)
    if past.was_started:
        chain = planner.chain_to(definition.tree, asked.target)
        _require_fit(definition, run, chain[-1].path)
    elif asked.input_data is None and asked.target is definition.tree.first:
        raise errors.InvalidInput(
            f"Run {run.run_id!r} was never started, so its first step has no input; give "
            "input_data, or start() it."
        )
    return planner.plan(
        definition.tree,
        asked.target,
        past,
        given=asked.results,
        input_data=asked.input_data,
        changed=_changed(definition, asked),
    )


def _changed(definition: Builder, asked: TravelRequest) -> list[str]:
    """Return where values differ from the recorded ones, besides those that the planner sees."""
    target = planner.chain_to(definition.tree, asked.target)[-1]
    state = [] if asked.initial_state is None else [target.path]
    return state if asked.run_input is None else [*state, passed.RUN_INPUT]


def _spoken_for(journey: Journey, ahead: Mapping[str, Any] | None) -> set[str]:
    """Return the base paths of steps whose answers are given, left out or replaced."""
    return {*journey.passed, *(step_paths.base(path) for path in ahead or ())}


def _require_fit(definition: Builder, run: Run, path: str) -> None:
    """Raise DefinitionChanged if the current code does not fit what the run has done.

    A target that the run has reached is compared with the version under which it was reached.
    """
    rows = StepSnapshot.objects.current().light().filter(run=run.pk, base_path=path)
    reached = rows.order_by("pk").first()
    version = (
        definitions.latest_version(run) if reached is None else definitions.version_of(run, reached)
    )
    definitions.require_fit(definition, run, version, path, "time travel")


def past_of(run: Run) -> Past:
    """Return what is recorded of a run outside of foreach and loops."""
    steps = StepSnapshot.objects.current().light().filter(run=run.pk).exclude(kind=HOOK)
    outside = steps.exclude(base_path__contains=BODY)
    rows = {
        step.path: Row(
            step.path,
            step.base_path,
            step.kind,
            StepStatus(step.status),
            unfinished=step.unfinished,
            position=step.position,
        )
        for step in outside
    }
    asked = _that_asked(steps).values_list("base_path", flat=True).distinct()
    return Past(
        was_started=run.started_at is not None,
        rows=rows,
        asked=frozenset(path.partition(BODY)[0] for path in asked),
    )


def _that_asked(steps: StepQuerySet) -> StepQuerySet:
    """Filter for the steps that asked somebody or were answered ahead by a time travel."""
    return steps.filter(Q(suspended_at__isnull=False) | Q(resumed_at__isnull=False))


def _state(definition: Builder, run: Run, asked: TravelRequest) -> dict[str, Any]:
    if asked.initial_state is not None:
        return asked.initial_state
    if run.started_at is None:
        return accepted.state(definition, None)
    target = planner.chain_to(definition.tree, asked.target)[-1]
    return timelines.state_at_start(run, target.path)


def _answers_ahead(
    definition: Builder, run: Run, asked: TravelRequest, journey: Journey
) -> dict[str, Any] | None:
    """Return the resume data by the step that it answers: a suspended one, else the target."""
    if asked.resume_data is None:
        return None
    again = set(journey.rerun)
    steps = _that_asked(StepSnapshot.objects.current().filter(run=run.pk))
    found = [s for s in steps.order_by("pk") if s.base_path.partition(BODY)[0] in again]
    found = [s for s in found if not (s.is_used_up and s.status == StepStatus.SUSPENDED)]
    waiting = [s for s in found if s.status == StepStatus.SUSPENDED] or found
    own = [s for s in waiting if s.path == journey.target] or waiting
    base_path = own[0].base_path if own else journey.target
    path = own[0].path if own else journey.target
    node = definition.tree.nodes[base_path]
    schema = node.step.resume if node.step is not None else ANY
    what = f"The resume data does not fit what step {path!r} asks for"
    name = "The resume data"
    answer = accepted.checked(schema, asked.resume_data, errors.InvalidResumeData, what, name)
    items = [s for s in own if s.base_path == base_path]
    if not items:
        return {path: {"data": answer, "asked": None}}
    return {s.path: {"data": answer, "asked": s.suspend_payload} for s in items}


def _plain(paths: Any) -> list[str]:
    return list(dict.fromkeys(path.replace(BODY, "") for path in paths))


def _version_warnings(definition: Builder, run: Run) -> list[str]:
    if versions.ensure(definition) == run.version_id:
        return []
    stored = WorkflowVersion.objects.get(pk=run.version_id)
    difference = problem(definition, versions.shape(stored.pk), None)
    known = f": {difference}" if difference else " in its types, options or descriptions"
    return [f"Workflow {definition.id!r} has changed since this run began{known}."]


def _token(definition: Builder, run: Run, asked: TravelRequest) -> str:
    """Return a token that stays the same as long as the run, its revision, code and request do."""
    return f"{run.pk.hex}-{run.revision}-{definition.version_hash[:16]}-{asked.digest}"


# From a journey to rows.


def _begin_late(
    changing: Change, definition: Builder, asked: TravelRequest, journey: Journey, actor: Any
) -> None:
    """Start a run, which was never started, at a later step."""
    run = changing.model
    changing.begin_with(versions.ensure(definition))
    run.input = asked.run_input or _run_input(asked, journey)
    run.initial_state = {}
    run.initial_request_context = {}
    changing.outputs[payloads.RUN_INPUT] = run.input or NULL
    changing.touch("input", "initial_state", "initial_request_context")
    _log_start(changing, actor)
    timelines.mark(changing, "time-travel", asked.target.path, actor)
    timelines.reopen(changing)


def _run_input(asked: TravelRequest, journey: Journey) -> Raw | None:
    """Return the input of a run that begins with a time travel: the input of its first step."""
    is_first = not journey.reused and not journey.skipped
    return asked.input_data if is_first and asked.input_data is not None else None


def _set_off(
    changing: Change,
    asked: TravelRequest,
    *,
    state: dict[str, Any],
    ahead: dict[str, Any] | None,
    per_step: bool,
    actor: Any,
) -> None:
    run = changing.model
    run.state = state
    if changing.model.initial_state in (None, {}) and asked.initial_state is not None:
        run.initial_state = asked.initial_state
        changing.touch("initial_state")
    run.answers_ahead = ahead
    holds.set_pace(run, per_step=per_step, ahead=1)
    changing.touch("state", "answers_ahead")
    given: dict[str, Any] = {} if asked.input_data is None else {"input_data": asked.input_data}
    if ahead:
        given["resume_data"] = next(iter(ahead.values()))["data"]
    told = (show(asked.target), audit.name_of(actor), run.timeline, state)
    changing.log.add(events.traveled(*told, **given))
