"""What may be asked of a run: each verb is one transaction, and either happens or is refused."""

import re
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeVar

from workflows_app import errors, permissions
from workflows_app.definition import ANY, Builder
from workflows_app.engine import (
    audit,
    beginning,
    clock,
    definitions,
    given,
    handing,
    hooks,
    payloads,
    ports,
    sessions,
    timelines,
    tracing,
    transactions,
    versions,
)
from workflows_app.engine.apply import apply
from workflows_app.engine.change import Change, change, leave, perform
from workflows_app.jsontext import Raw, loads
from workflows_app.models import Run, StepSnapshot, statements
from workflows_app.models.fields import uuid7
from workflows_app.planner import decide, enter
from workflows_app.planner.statuses import ENDED, RunStatus, StepStatus

T = TypeVar("T")
_BY_RUN_ID: Final = statements.Reader(Run, "run_id")
_RUN_ID: Final = re.compile(r"[A-Za-z0-9_\-.:]{1,255}")


# Creating and finding.


def create(
    definition: Builder,
    run_id: str | uuid.UUID | None,
    resource_id: str | None,
    *,
    origin: str | None = None,
) -> Run:
    """Return the workflow's run with this id, making it if there is none. Raises RunIdTaken.

    `origin` is the id of the run that a new one is made from.
    """
    definition.require_committed()
    if isinstance(run_id, uuid.UUID):
        run_id = str(run_id)
    if run_id is not None and not _is_run_id(run_id):
        raise errors.InvalidId(
            f"The run id {run_id!r} is not allowed: use up to 255 letters, digits and '_-.:'."
        )
    key = uuid7()
    run = statements.new(
        Run,
        id=key,
        run_id=run_id or str(key),
        workflow_id=definition.id,
        version_id=versions.ensure(definition),
        resource_id=resource_id,
        origin=origin,
        created_at=clock.now(),
    )
    if statements.insert(run, or_nothing=True):
        return run
    return _mine(definition, _BY_RUN_ID.get(run.run_id))


def _is_run_id(value: object) -> bool:
    return isinstance(value, str) and _RUN_ID.fullmatch(value) is not None


def find(definition: Builder, run_id: str) -> Run:
    """Return the workflow's run with this id. Raises RunNotFound."""
    run: Run | None = _BY_RUN_ID.find(run_id) if _is_run_id(run_id) else None
    if run is None or run.workflow_id != definition.id:
        raise errors.RunNotFound(
            f"Workflow {definition.id!r} has no run {run_id!r}; it may have been deleted, or "
            "belong to another workflow."
        )
    return run


def _mine(definition: Builder, run: Run) -> Run:
    if run.workflow_id != definition.id:
        raise errors.RunIdTaken(
            f"Run {run.run_id!r} belongs to workflow {run.workflow_id!r}, not to "
            f"{definition.id!r}; choose another run id."
        )
    return run


# Start.


def start(
    definition: Builder,
    run: Run,
    input_data: Any,
    *,
    initial_state: Mapping[str, Any] | None = None,
    request_context: Mapping[str, Any] | None = None,
    per_step: bool = False,
    trace: tracing.Trace | None = None,
    actor: Any = None,
    door: str = "",
) -> Run | None:
    """Start a pending run. Raises RunAlreadyStarted, InvalidInput, InvalidRequestContext.

    Return its row as it was written, if all that there is to tell of its steps is that they wait
    for a worker; else None.
    """
    if run.status != RunStatus.PENDING or definition.on_start is not None:
        _refuse_started(run.pk, run.run_id)
    taken = given.workflow_input(definition, input_data)
    state = given.state(definition, initial_state)
    context = given.context(definition, request_context or {})
    if definition.on_start is not None:
        hooks.call(
            definition.on_start,
            hooks.info_of(run, input=loads(taken), state=state, request_context=context),
        )

    if actor is None and trace is None and not per_step:
        begun = beginning.start(definition, run, beginning.Given(taken, state, context))
        if begun is not None:
            return begun

    def act(changing: Change) -> Run | None:
        if changing.model.status != RunStatus.PENDING:
            _refuse_started(run.pk, run.run_id)
        changing.begin_with(versions.ensure(definition))
        _begin(changing, taken, state, context, actor)
        tracing.keep(changing, trace)
        audit.record(changing, "rerun" if run.origin else "start", actor, door=door)
        changing.model.allowance = 1 if per_step else None
        apply(changing, enter.hold_back(changing.run, enter.start(changing.graph)))
        handing.begin(changing)
        made = changing.writes.inserts.values()
        is_all_queued = all(step.status == StepStatus.QUEUED for step in made)
        return changing.model if is_all_queued else None

    return _perform(run, (), act)


def _perform(run: Run, steps: Sequence[StepSnapshot], act: Callable[[Change], T]) -> T | None:
    """Act on a run and steps that were read a moment ago; anew under the lock if they changed."""
    session = sessions.Session(run.pk)
    session.keep(statements.duplicate(run), sessions.Rows())
    for step in steps:
        session.rows.add(statements.duplicate(step))
    handing.expect()
    try:
        done = perform(session, clock.now(), act)
    except Run.DoesNotExist:
        raise errors.RunNotFound(f"Run {run.run_id!r} was deleted; create a new one.") from None
    handing.let_know(session)
    return done


def _begin(
    changing: Change, taken: Raw, state: dict[str, Any], context: dict[str, Any], actor: Any
) -> None:
    run = changing.model
    run.started_at = changing.now
    run.input, run.state, run.initial_state = taken, state, state
    run.request_context = run.initial_request_context = context
    run.timeline_actor = audit.name_of(actor) or ""
    changing.touch("input", "state", "initial_state", "timeline_actor")
    changing.touch("request_context", "initial_request_context")
    if getattr(actor, "pk", None) is not None:
        run.started_by = actor
    changing.outputs[payloads.RUN_INPUT] = taken
    payload = {"workflow_id": run.workflow_id, "input": taken, "actor": audit.name_of(actor)}
    changing.log.add("workflow-start", payload, {"input": payloads.RUN_INPUT})


def _refuse_started(pk: uuid.UUID, run_id: str) -> None:
    run = Run.objects.filter(pk=pk).only("status").first()
    if run is None:
        raise errors.RunNotFound(f"Run {run_id!r} was deleted; create a new one.")
    if run.status != RunStatus.PENDING:
        status = transactions.status_of(run)
        raise errors.RunAlreadyStarted(
            f"Run {run_id!r} was started before and is {status}; a run starts once. Create a new "
            "run of the workflow."
        )


# Resume.


def resume(
    definition: Builder,
    run: Run,
    resume_data: Any,
    targets: list[StepSnapshot],
    *,
    suspension: uuid.UUID | None = None,
    retry_count: int | None = None,
    per_step: bool = False,
    request_context: Mapping[str, Any] | None = None,
    trace: tracing.Trace | None = None,
    actor: Any = None,
    door: str = "",
) -> None:
    """Answer suspended steps.

    Raises InvalidResumeData, ResumeAlreadyClaimed, StepNotSuspended, NotAllowedToAnswer.
    """
    places = {step.base_path for step in targets}
    permissions.require_answers(definition, run, places, actor, targets)
    for step in targets:
        definitions.require_same(definition, run, step, "resume")
    answers = {step.path: _answer(definition, step, resume_data) for step in targets}
    context = given.mapping(
        request_context or {}, errors.InvalidRequestContext, "The request context"
    )

    def act(changing: Change) -> None:
        for step in targets:
            _check_still_asks(changing, step, suspension)
        timelines.merge_context(changing, definition, context)
        tracing.keep(changing, trace)
        changing.model.allowance = 0 if per_step else None
        _log_resume(changing, targets, answers, actor)
        for step in targets:
            _answer_one(changing, step, answers[step.path], retry_count)
        handing.begin(changing)
        paths = ", ".join(step.path for step in targets)
        answer = loads(answers[targets[0].path])
        audit.record(changing, "resume", actor, door=door, path=paths, resume_data=answer)

    _perform(run, targets, act)


def _answer(definition: Builder, step: StepSnapshot, data: Any) -> Raw:
    node = definition.tree.nodes[step.base_path]
    schema = node.step.resume if node.step is not None else ANY
    what = f"The resume data does not fit what step {step.path!r} asks for"
    return given.checked(schema, data, errors.InvalidResumeData, what, "The resume data")


def _check_still_asks(changing: Change, target: StepSnapshot, suspension: uuid.UUID | None) -> None:
    step = changing.snapshot(target.path)
    asked = suspension or target.suspension
    if step.status == StepStatus.SUSPENDED and step.suspension == asked:
        return
    if step.status in {StepStatus.RUNNING, StepStatus.QUEUED} and step.is_resuming:
        raise errors.ResumeAlreadyClaimed(
            f"Step {step.path!r} of run {changing.model.run_id!r} was answered by somebody else, "
            "and runs with that answer; wait for what comes of it."
        )
    if changing.model.suspended_count == 0:
        status = transactions.status_of(changing.model)
        raise errors.RunNotSuspended(
            f"Run {changing.model.run_id!r} is {status} and waits for no answer: "
            f"step {step.path!r} has gone on since."
        )
    asks = "asks another question by now" if step.status == StepStatus.SUSPENDED else step.status
    raise errors.StepNotSuspended(
        f"Step {step.path!r} is {asks}, so this answer is to nobody; suspended now: "
        f"{', '.join(suspended_paths(changing.model.pk))}."
    )


def _answer_one(
    changing: Change, target: StepSnapshot, answer: Raw, retry_count: int | None
) -> None:
    step = changing.snapshot(target.path)
    run = changing.model
    run.suspended_count -= 1
    run.active_count += 1
    changing.move(
        step,
        StepStatus.QUEUED,
        is_resuming=True,
        resume_payload=answer,
        resumed_at=changing.now,
        lost_count=0,
        wake_at=None,
        queued_at=changing.now,
        retry_count=0 if retry_count is None else retry_count,
    )
    changing.woken.append(step)


def _log_resume(
    changing: Change, targets: list[StepSnapshot], answers: Mapping[str, Raw], actor: Any
) -> None:
    paths = [step.path for step in targets]
    payload: dict[str, Any] = {"path": paths[0]} if len(paths) == 1 else {"paths": paths}
    payload |= {
        "actor": audit.name_of(actor),
        "timeline": changing.model.timeline,
        "resume_data": answers[paths[0]],
    }
    changing.log.add("workflow-resumed", payload)


def suspended_paths(run: uuid.UUID) -> list[str]:
    """Return the paths of the run's suspended steps, in order of their making."""
    steps = StepSnapshot.objects.current().filter(run=run, status=StepStatus.SUSPENDED)
    return list(steps.order_by("pk").values_list("path", flat=True))


# Cancel.


def cancel(run: Run, *, actor: Any = None, door: str = "") -> str:
    """Cancel a run; return what to tell. A run that has ended is left as it is."""
    message = "Workflow run canceled"
    with change(run.pk, clock.now()) as changing:
        model = changing.model
        if changing.status in ENDED:
            message = f"Workflow run is {model.status} already; nothing was changed"
            leave()
        if model.cancel_requested_at is not None:
            message = "Workflow run is being canceled already; nothing was changed"
            leave()
        model.cancel_requested_at = changing.now
        model.canceled_by = audit.name_of(actor) or ""
        audit.record(changing, "cancel", actor, door=door)
        if changing.status is RunStatus.PENDING:
            changing.status = RunStatus.CANCELED
        else:
            apply(changing, decide.cancel(changing))
        transactions.after_commit(lambda: ports.dispatcher().abort(run.pk))
    return message
