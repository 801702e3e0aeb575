"""Time travel and forks: from what is asked to a journey, and from a journey to rows."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.db.models import Q
from pydantic import BaseModel

from workflows_app import errors, permissions
from workflows_app.definition import ANY, BODY, Builder, Kind, Node
from workflows_app.definition.changes import problem
from workflows_app.definition.names import listing
from workflows_app.engine import (
    audit,
    clock,
    copies,
    definitions,
    given,
    payloads,
    places,
    timelines,
    tracing,
    versions,
)
from workflows_app.engine.apply import apply
from workflows_app.engine.change import Change, change
from workflows_app.engine.claims import HOOK
from workflows_app.engine.transactions import status_of
from workflows_app.jsontext import NULL, Raw
from workflows_app.models import Run, StepSnapshot, WorkflowVersion
from workflows_app.models.step import StepQuerySet
from workflows_app.planner import passed
from workflows_app.planner import travel as planner
from workflows_app.planner.enter import hold_back
from workflows_app.planner.statuses import ACTIVE, RunStatus, StepStatus
from workflows_app.planner.travel import Given, Journey, Past, show
from workflows_app.planner.view import Row

#: The context of a time travel may hold the run's input under this name, which no step can have.
INPUT: Final = "input"


class TravelPlan(BaseModel):
    """What a time travel would do. `token` lets `time_travel` do it, and nothing else."""

    step: str
    reused: list[str]
    rerun: list[str]
    skipped: list[str]
    #: Steps that asked somebody, and would ask again.
    suspensions: list[str]
    #: The hash of the version of the workflow that would run.
    version: str
    warnings: list[str]
    #: What it needs of a person besides: by step that it leaves out, answers or stands in for.
    permissions: dict[str, list[str]]
    token: str


@dataclass(frozen=True)
class Asked:
    """What a time travel was asked to do, checked against the workflow."""

    target: Node
    input_data: Raw | None
    resume_data: Any
    initial_state: dict[str, Any] | None
    results: Mapping[str, Given]
    run_input: Raw | None
    digest: str


def read(
    definition: Builder,
    target: Node,
    *,
    input_data: Any = None,
    resume_data: Any = None,
    initial_state: Mapping[str, Any] | None = None,
    context: Mapping[str, Any] | None = None,
    nested_steps_context: Mapping[str, Any] | None = None,
) -> Asked:
    """Check what was given. Raises InvalidInput, StepNotFound, PayloadTooLarge."""
    results = _results(definition, context or {}, nested_steps_context or {})
    said = (target.path, input_data, resume_data, initial_state, context, nested_steps_context)
    whole = planner.chain_to(definition.tree, target)[-1]
    own_input = (context or {}).get(INPUT)
    return Asked(
        target=target,
        input_data=None if input_data is None else _input_of(definition, whole, input_data),
        resume_data=resume_data,
        initial_state=None if initial_state is None else given.state(definition, initial_state),
        results=results,
        run_input=None if own_input is None else given.workflow_input(definition, own_input),
        digest=hashlib.sha256(given.text(ANY, said).encode()).hexdigest()[:16],
    )


def plan(definition: Builder, run: Run, asked: Asked) -> TravelPlan:
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


def check(definition: Builder, run: Run, asked: Asked, actor: Any) -> None:
    """Raise what a time travel by this actor would raise."""
    journey = _journey(definition, run, asked)
    ahead = _answers_ahead(definition, run, asked, journey)
    permissions.require_answers(definition, run, _spoken_for(journey, ahead), actor)


def travel(
    definition: Builder,
    run: Run,
    asked: Asked,
    *,
    token: str | None = None,
    per_step: bool = False,
    context: Mapping[str, Any] | None = None,
    trace: tracing.Trace | None = None,
    actor: Any = None,
    door: str = "",
    reason: str = "",
) -> None:
    """Run again from a step, on a new timeline. A refusal leaves the run untouched.

    Raises RunStillRunning, MissingStepResult, InvalidInput, PlanOutdated, DefinitionChanged, and
    NotAllowedToAnswer.
    """
    with change(run.pk, clock.now()) as changing:
        model = changing.model
        if token is not None and token != _token(definition, model, asked):
            raise errors.PlanOutdated(
                f"Run {model.run_id!r}, its workflow or what is asked of it has changed since the "
                "time travel was planned; plan it again and look at what is different."
            )
        journey = _journey(definition, model, asked)
        state = _state(definition, model, asked)
        ahead = _answers_ahead(definition, model, asked, journey)
        permissions.require_answers(definition, model, _spoken_for(journey, ahead), actor)
        if model.started_at is None:
            _begin_late(changing, definition, asked, journey, actor)
        else:
            timelines.begin(changing, "time-travel", asked.target.path, actor)
        _set_off(changing, asked, state=state, ahead=ahead, per_step=per_step, actor=actor)
        timelines.merge_context(changing, definition, context)
        tracing.keep(changing, trace)
        apply(changing, hold_back(changing.run, journey.decisions))
        why = {"reason": reason} if reason else {}
        audit.record(changing, "time-travel", actor, door=door, path=asked.target.path, **why)


def fork(
    definition: Builder,
    source: Run,
    target: Run,
    asked: Asked,
    *,
    per_step: bool = False,
    context: Mapping[str, Any] | None = None,
    trace: tracing.Trace | None = None,
    actor: Any = None,
    door: str = "",
    reason: str = "",
) -> None:
    """Do in the new run `target` what a time travel would do in `source`, which is untouched.

    Raises RunAlreadyStarted when `target` is not new any more; NotAllowedToAnswer.
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
                f"Run {run.run_id!r} was started before and is {status_of(run)}; a fork needs "
                "a run of its own. Choose another run id."
            )
        run.input = asked.run_input or (
            payloads.run_input(source.pk) if source.started_at else _run_input(asked, journey)
        )
        run.initial_state = source.initial_state or {}
        run.initial_request_context = source.initial_request_context
        run.request_context = source.request_context
        changing.outputs[payloads.RUN_INPUT] = run.input or NULL
        changing.touch("input", "initial_state", "request_context", "initial_request_context")
        changing.log.add("workflow-start", _started(changing, actor), {"input": "run.input"})
        timelines.mark(changing, "time-travel", asked.target.path, actor)
        timelines.reopen(changing)
        has_other_input = asked.run_input is not None
        copies.copy_kept(source, run, journey.kept, changing.now, has_other_input=has_other_input)
        _set_off(changing, asked, state=state, ahead=ahead, per_step=per_step, actor=actor)
        timelines.merge_context(changing, definition, context)
        tracing.keep(changing, trace)
        apply(changing, hold_back(changing.run, journey.decisions))
        why = {"reason": reason} if reason else {}
        audit.record(changing, "fork", actor, door=door, path=asked.target.path, **why)


def _started(changing: Change, actor: Any) -> dict[str, Any]:
    """Note who starts the run, and return what the event of its start says."""
    run = changing.model
    if getattr(actor, "pk", None) is not None:
        run.started_by = actor
    return {"workflow_id": run.workflow_id, "input": run.input, "actor": audit.name_of(actor)}


# From what is asked to a journey.


def _journey(definition: Builder, run: Run, asked: Asked) -> Journey:
    if run.status in ACTIVE:
        raise errors.RunStillRunning(
            f"Run {run.run_id!r} is {status_of(run)}, and a time travel needs one that "
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


def _changed(definition: Builder, asked: Asked) -> list[str]:
    """Return where something else flows on than is recorded, besides what the planner sees."""
    target = planner.chain_to(definition.tree, asked.target)[-1]
    state = [] if asked.initial_state is None else [target.path]
    return state if asked.run_input is None else [*state, passed.RUN_INPUT]


def _spoken_for(journey: Journey, ahead: Mapping[str, Any] | None) -> set[str]:
    """Return the places whose answers are given, left out, or stood in for."""
    return {*journey.passed, *(places.base(path) for path in ahead or ())}


def _require_fit(definition: Builder, run: Run, path: str) -> None:
    """Raise DefinitionChanged where today's code is not what the run has been through.

    A target that was reached is compared with the version that it was reached under.
    """
    rows = StepSnapshot.objects.current().light().filter(run=run.pk, base_path=path)
    reached = rows.order_by("pk").first()
    version = (
        definitions.latest_version(run) if reached is None else definitions.version_of(run, reached)
    )
    definitions.require_fit(definition, run, version, path, "time travel")


def past_of(run: Run) -> Past:
    """Return what is recorded of a run, outside of foreach and loops."""
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
    """Keep the steps that asked somebody, or were answered ahead by a time travel."""
    return steps.filter(Q(suspended_at__isnull=False) | Q(resumed_at__isnull=False))


def _results(
    definition: Builder, context: Mapping[str, Any], nested: Mapping[str, Any]
) -> dict[str, Given]:
    """Return the results that were given, by path."""
    nodes = definition.tree.nodes
    found = {_path_of(nodes, key): each for key, each in context.items() if key != INPUT}
    for workflow, inside in nested.items():
        if not isinstance(inside, Mapping):
            raise errors.InvalidInput(
                f"The context of nested workflow {workflow!r} is {inside!r}; it is a mapping of "
                "its steps to their results."
            )
        scope = _path_of(nodes, workflow)
        found |= {_path_of(nodes, f"{scope}.{key}"): each for key, each in inside.items()}
    if unknown := sorted(str(path) for path in set(found) - set(nodes)):
        known = listing(path for path in nodes if BODY not in path)
        raise errors.StepNotFound(
            f"The context names {', '.join(unknown)}, and workflow {definition.id!r} has no such "
            f"step; it has {known}."
        )
    return {path: _given(path, each) for path, each in found.items()}


def _path_of(nodes: Mapping[str, Node], key: str) -> str:
    """Return the path that a path or an id means: an entry may have a name of its own."""
    if key in nodes or not isinstance(key, str):
        return key
    scope, _, id_ = key.rpartition(".")
    named = (n.path for n in nodes.values() if n.key == id_ and n.path.rpartition(".")[0] == scope)
    return next(named, key)


def _given(path: str, each: Any) -> Given:
    if not isinstance(each, Mapping):
        raise errors.InvalidInput(
            f"The context of {path!r} is {each!r}; it is a mapping such as {{'output': ...}}."
        )
    status = str(each.get("status", StepStatus.SUCCESS))
    if status not in set(StepStatus) - {StepStatus.PLANNED}:
        raise errors.InvalidInput(
            f"The context of {path!r} has the status {status!r}, which no step has; a result that "
            "counts is a 'success'."
        )
    has_output = "output" in each and status == StepStatus.SUCCESS
    return Given(
        StepStatus.SUCCESS,
        _sized(each["output"], f"The output of {path}") if has_output else None,
        _sized(each["payload"], f"The payload of {path}") if "payload" in each else None,
    )


def _sized(value: Any, what: str) -> Raw:
    return payloads.check_size(given.text(ANY, value), what)


def _input_of(definition: Builder, node: Node, value: Any) -> Raw:
    """Return the input of the target as text. Raises InvalidInput."""
    if node.kind is Kind.FOREACH and not isinstance(value, (list, tuple)):
        raise errors.InvalidInput(
            f"What foreach {show(node)!r} takes is a list, not {type(value).__name__}; a time "
            "travel to one of its items runs all of them again."
        )
    what = f"The input does not fit {show(node)!r}"
    part = node.children[0] if node.kind in {Kind.DO_WHILE, Kind.DO_UNTIL} else node
    schema = ANY
    if part.step is not None:
        schema = part.step.input
    elif part.workflow is not None:
        schema = part.workflow.input
    if not definition.validate_inputs:
        schema = ANY
    return given.checked(schema, value, errors.InvalidInput, what, f"The input of {show(node)!r}")


def _state(definition: Builder, run: Run, asked: Asked) -> dict[str, Any]:
    if asked.initial_state is not None:
        return asked.initial_state
    if run.started_at is None:
        return given.state(definition, None)
    target = planner.chain_to(definition.tree, asked.target)[-1]
    return timelines.state_at_start(run, target.path)


def _answers_ahead(
    definition: Builder, run: Run, asked: Asked, journey: Journey
) -> dict[str, Any] | None:
    """Return for which step the resume data is: one that was suspended, else the target."""
    if asked.resume_data is None:
        return None
    again = set(journey.rerun)
    steps = _that_asked(StepSnapshot.objects.current().filter(run=run.pk))
    found = [s for s in steps.order_by("pk") if s.base_path.partition(BODY)[0] in again]
    waiting = [s for s in found if s.status == StepStatus.SUSPENDED] or found
    own = [s for s in waiting if s.path == journey.target] or waiting
    base_path = own[0].base_path if own else journey.target
    path = own[0].path if own else journey.target
    node = definition.tree.nodes[base_path]
    schema = node.step.resume if node.step is not None else ANY
    what = f"The resume data does not fit what step {path!r} asks for"
    name = "The resume data"
    answer = given.checked(schema, asked.resume_data, errors.InvalidResumeData, what, name)
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


def _token(definition: Builder, run: Run, asked: Asked) -> str:
    """Return what is the same as long as the plan holds: run, its revision, code, what is asked."""
    return f"{run.pk.hex}-{run.revision}-{definition.version_hash[:16]}-{asked.digest}"


# From a journey to rows.


def _begin_late(
    changing: Change, definition: Builder, asked: Asked, journey: Journey, actor: Any
) -> None:
    """Start a run that was never started at a later step."""
    run = changing.model
    changing.begin_with(versions.ensure(definition))
    run.input = asked.run_input or _run_input(asked, journey)
    run.initial_state = {}
    run.initial_request_context = {}
    changing.outputs[payloads.RUN_INPUT] = run.input or NULL
    changing.touch("input", "initial_state", "initial_request_context")
    changing.log.add("workflow-start", _started(changing, actor), {"input": payloads.RUN_INPUT})
    timelines.mark(changing, "time-travel", asked.target.path, actor)
    timelines.reopen(changing)


def _run_input(asked: Asked, journey: Journey) -> Raw | None:
    """Return the input of a run that begins with a time travel: that of its first step."""
    is_first = not journey.reused and not journey.skipped
    return asked.input_data if is_first and asked.input_data is not None else None


def _set_off(
    changing: Change,
    asked: Asked,
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
    run.allowance = 1 if per_step else None
    changing.touch("state", "answers_ahead")
    told: dict[str, Any] = {
        "path": show(asked.target),
        "actor": audit.name_of(actor),
        "timeline": run.timeline,
        "state": state,
    }
    if asked.input_data is not None:
        told["input_data"] = asked.input_data
    if ahead:
        told["resume_data"] = next(iter(ahead.values()))["data"]
    changing.log.add("workflow-time-travel", told)
