"""What may be asked of a run: each verb is one transaction, and either happens or is refused."""

import re
import uuid
from collections.abc import Mapping
from typing import Any, Final

from django.db import IntegrityError, transaction
from pydantic import ValidationError

from workflows_app import errors
from workflows_app.definition import ANY, Builder, Schema
from workflows_app.engine import (
    audit,
    clock,
    failures,
    hooks,
    payloads,
    ports,
    transactions,
    versions,
)
from workflows_app.engine.apply import apply
from workflows_app.engine.change import Change, change, leave
from workflows_app.jsontext import Raw, loads
from workflows_app.models import Run, StepSnapshot
from workflows_app.models.fields import uuid7
from workflows_app.planner import decide, enter
from workflows_app.planner.statuses import ENDED, RunStatus, StepStatus

_RUN_ID: Final = re.compile(r"[A-Za-z0-9_\-.:]{1,255}")


# Creating and finding.


def create(definition: Builder, run_id: str | None, resource_id: str | None) -> Run:
    """Return the workflow's run with this id, making it if there is none. Raises RunIdTaken."""
    definition.require_committed()
    if run_id is not None and not _RUN_ID.fullmatch(str(run_id)):
        raise errors.InvalidId(
            f"The run id {run_id!r} is not allowed: use up to 255 letters, digits and '_-.:'."
        )
    if run_id is not None and (existing := Run.objects.filter(run_id=run_id).first()):
        return _mine(definition, existing)
    key = uuid7()
    run = Run(
        id=key,
        run_id=run_id or str(key),
        workflow_id=definition.id,
        resource_id=resource_id,
        created_at=clock.now(),
    )
    try:
        with transactions.write(), transaction.atomic():
            run.version_id = versions.ensure(definition)
            run.save(force_insert=True)
    except IntegrityError:
        existing = Run.objects.filter(run_id=run.run_id).first()
        if existing is None:
            raise
        return _mine(definition, existing)
    return run


def find(definition: Builder, run_id: str) -> Run:
    """Return the workflow's run with this id. Raises RunNotFound."""
    run = Run.objects.filter(run_id=run_id, workflow_id=definition.id).first()
    if run is None:
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
    actor: Any = None,
    door: str = "",
) -> None:
    """Start a pending run. Raises RunAlreadyStarted, InvalidInput, InvalidRequestContext."""
    _refuse_started(run.pk, run.run_id)
    given = _input(definition, input_data)
    state = _state(definition, initial_state)
    context = _context(definition, request_context or {})
    if definition.on_start is not None:
        hooks.call(
            definition.on_start,
            hooks.info_of(run, input=loads(given), state=state, request_context=context),
        )
    with change(run.pk, clock.now()) as changing:
        if changing.model.status != RunStatus.PENDING:
            _refuse_started(run.pk, run.run_id)
        _begin(changing, given, state, context, actor)
        audit.record(changing, "start", actor, door=door)
        apply(changing, enter.start(changing.graph))


def _begin(
    changing: Change, given: Raw, state: dict[str, Any], context: dict[str, Any], actor: Any
) -> None:
    run = changing.model
    run.started_at = changing.now
    run.input, run.state, run.initial_state = given, state, state
    run.request_context = run.initial_request_context = context
    changing.touch("input", "state", "initial_state")
    changing.touch("request_context", "initial_request_context")
    if getattr(actor, "pk", None) is not None:
        run.started_by = actor
    changing.outputs[payloads.RUN_INPUT] = given
    payload = {"workflow_id": run.workflow_id, "input": given, "actor": audit.name_of(actor)}
    changing.log.add("workflow-start", payload, {"input": payloads.RUN_INPUT})


def _refuse_started(pk: uuid.UUID, run_id: str) -> None:
    status = Run.objects.filter(pk=pk).values_list("status", flat=True).first()
    if status is None:
        raise errors.RunNotFound(f"Run {run_id!r} was deleted; create a new one.")
    if status != RunStatus.PENDING:
        raise errors.RunAlreadyStarted(
            f"Run {run_id!r} was started before and is {status}; a run starts once. Create a new "
            "run of the workflow."
        )


def _input(definition: Builder, given: Any) -> Raw:
    if not definition.validate_inputs:
        return payloads.check_size(_text(ANY, given), "The input")
    try:
        value = definition.input.check(given)
    except ValidationError as error:
        what = f"The input does not fit workflow {definition.id!r}"
        raise failures.invalid(errors.InvalidInput, what, error) from error
    return payloads.check_size(_text(definition.input, value), "The input")


def _state(definition: Builder, given: Mapping[str, Any] | None) -> dict[str, Any]:
    if definition.state.is_any or given is None:
        return _object(given or {}, errors.InvalidInput, "The initial state")
    try:
        value = definition.state.check(given)
    except ValidationError as error:
        what = f"The initial state does not fit workflow {definition.id!r}"
        raise failures.invalid(errors.InvalidInput, what, error) from error
    return dict(loads(_text(definition.state, value)))


def _context(definition: Builder, given: Mapping[str, Any]) -> dict[str, Any]:
    plain = _object(given, errors.InvalidRequestContext, "The request context")
    if definition.request_context.is_any:
        return plain
    try:
        value = definition.request_context.check(plain)
    except ValidationError as error:
        what = f"The request context does not fit workflow {definition.id!r}"
        raise failures.invalid(errors.InvalidRequestContext, what, error) from error
    return {**plain, **loads(_text(definition.request_context, value))}


def _object(given: Any, kind: type[errors.WorkflowError], what: str) -> dict[str, Any]:
    plain = loads(_text(ANY, given))
    if not isinstance(plain, dict):
        raise kind(f"{what} must be a mapping of names to values, not {type(given).__name__}.")
    return plain


def _text(schema: Schema, value: Any) -> Raw:
    return Raw(schema.dump(value).decode())


# Resume.


def resume(
    definition: Builder,
    run: Run,
    resume_data: Any,
    targets: list[StepSnapshot],
    *,
    suspension: uuid.UUID | None = None,
    retry_count: int | None = None,
    request_context: Mapping[str, Any] | None = None,
    actor: Any = None,
    door: str = "",
) -> None:
    """Answer suspended steps. Raises InvalidResumeData, ResumeAlreadyClaimed, StepNotSuspended."""
    answers = {step.path: _answer(definition, step, resume_data) for step in targets}
    context = _object(request_context or {}, errors.InvalidRequestContext, "The request context")
    with change(run.pk, clock.now()) as changing:
        for step in targets:
            _check_still_asks(changing, step, suspension)
        if context:
            merged = {**changing.model.request_context, **context}
            changing.model.request_context = _context(definition, merged)
            changing.touch("request_context")
        _log_resume(changing, targets, answers, actor)
        for step in targets:
            _answer_one(changing, step, answers[step.path], retry_count)
        paths = ", ".join(step.path for step in targets)
        audit.record(changing, "resume", actor, door=door, path=paths, resume_data=resume_data)


def _answer(definition: Builder, step: StepSnapshot, data: Any) -> Raw:
    node = definition.tree.nodes[step.base_path]
    schema = node.step.resume if node.step is not None else ANY
    try:
        value = schema.check(data)
    except ValidationError as error:
        what = f"The resume data does not fit what step {step.path!r} asks for"
        raise failures.invalid(errors.InvalidResumeData, what, error) from error
    return payloads.check_size(_text(schema, value), "The resume data")


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
        raise errors.RunNotSuspended(
            f"Run {changing.model.run_id!r} is {changing.model.status} and waits for no answer: "
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
    fields: dict[str, Any] = {"retry_count": 0 if retry_count is None else retry_count}
    steps = StepSnapshot.objects.filter(pk=step.pk)
    steps.move(
        StepStatus.QUEUED,
        is_resuming=True,
        resume_payload=answer,
        resumed_at=changing.now,
        lost_count=0,
        wake_at=None,
        queued_at=changing.now,
        **fields,
    )
    step.status = StepStatus.QUEUED.value
    step.wake_at = None
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
