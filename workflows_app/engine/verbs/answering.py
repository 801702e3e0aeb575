"""Answering suspended steps. An answer is one transaction, or it is refused as a whole."""

import uuid
from collections.abc import Mapping
from typing import Any

from workflows_app import errors, permissions
from workflows_app.definition import ANY, Builder
from workflows_app.engine.host import clock, transactions
from workflows_app.engine.run import (
    accepted,
    audit,
    definitions,
    events,
    holds,
    payloads,
    timelines,
    tracing,
    waits,
)
from workflows_app.engine.run.change import Change
from workflows_app.engine.verbs import idle_worker, used_up
from workflows_app.engine.verbs.used_up import Given
from workflows_app.jsontext import loads
from workflows_app.models import Run, StepSnapshot
from workflows_app.models.wait import RUN
from workflows_app.planner.statuses import StepStatus


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
    note: str = "",
    slot: idle_worker.Slot | None = None,
) -> None:
    """Answer suspended steps.

    Raises InvalidResumeData, ResumeAlreadyClaimed, StepNotSuspended, NotAllowedToAnswer, and
    PayloadTooLarge.
    """
    places = {step.base_path for step in targets}
    permissions.require_answers(definition, run, places, actor, targets)
    for step in targets:
        definitions.require_same(definition, run, step, "resume")
    answers = {step.path: _answer(definition, step, resume_data) for step in targets}
    context = accepted.mapping(
        request_context or {}, errors.InvalidRequestContext, "The request context"
    )

    def act(changing: Change) -> None:
        for step in targets:
            _check_still_asks(changing, step, suspension)
        timelines.merge_context(changing, definition, context)
        tracing.keep(changing, trace)
        holds.set_pace(changing.model, per_step=per_step)
        _log_resume(changing, targets, answers, actor)
        for path, given in answers.items():
            _give(changing, path, given, retry_count=retry_count or 0, who=audit.name_of(actor))
        idle_worker.claim_ready(changing, slot)
        paths = ", ".join(step.path for step in targets)
        answer = loads(answers[targets[0].path].text)
        said = {"resume_data": answer, "note": note or None}
        audit.record(changing, "resume", actor, door=door, path=paths, **said)

    try:
        idle_worker.perform(run, targets, act, slot)
    except payloads.ListTooLarge as refused:
        raise refused.as_error() from None


def note_refused(
    run: Run, reason: str, kind: str, *, actor: Any = None, door: str = "", path: str = ""
) -> None:
    """Write into the audit trail that somebody's answer was refused, and why.

    `kind`: the name of the error.
    Nothing without an actor, or when code called the verb: it has the error itself.
    """
    if actor is None or not door:
        return
    said = {"reason": reason, "error": kind}
    with transactions.write():
        audit.note(run, clock.now(), "resume-refused", actor, door=door, path=path, **said)


def _answer(definition: Builder, step: StepSnapshot, data: Any) -> Given:
    if step.is_used_up:
        return used_up.read(definition, step, data)
    node = definition.tree.nodes[step.base_path]
    schema = node.step.resume if node.step is not None else ANY
    what = f"The resume data does not fit what step {step.path!r} asks for"
    text = accepted.checked(schema, data, errors.InvalidResumeData, what, "The resume data")
    return Given(text)


def _give(changing: Change, path: str, given: Given, *, retry_count: int, who: str | None) -> None:
    step = changing.snapshot(path)
    if step.status != StepStatus.SUSPENDED:
        return  # the failure of one before has ended it
    if step.is_used_up:
        used_up.give(changing, step, given, retry_count=retry_count, who=who)
    else:
        waits.answer(changing, step, given.text, retry_count=retry_count)


def _check_still_asks(changing: Change, target: StepSnapshot, suspension: uuid.UUID | None) -> None:
    step = changing.snapshot(target.path)
    asked = suspension or target.suspension
    if step.status == StepStatus.SUSPENDED and step.suspension == asked:
        _refuse_for_run(step)
        return
    if step.was_answered:
        raise errors.ResumeAlreadyClaimed(
            f"Step {step.path!r} of run {changing.model.run_id!r} was answered by somebody else "
            "and runs with that answer; wait for its result."
        )
    if changing.model.suspended_count == 0:
        status = transactions.status_of(changing.model)
        raise errors.RunNotSuspended(
            f"Run {changing.model.run_id!r} is {status} and waits for no answer: "
            f"step {step.path!r} has continued since."
        )
    is_other = step.status == StepStatus.SUSPENDED
    state = "now asks another question" if is_other else f"is {step.status}"
    raise errors.StepNotSuspended(
        f"Step {step.path!r} {state}, so this answer was not used; suspended now: "
        f"{', '.join(suspended_paths(changing.model.pk))}."
    )


def _refuse_for_run(step: StepSnapshot) -> None:
    """Refuse to answer a step that waits for another run, because only that run has a result."""
    if step.awaits == RUN:
        raise errors.StepNotSuspended(
            f"Step {step.path!r} waits for the end of another run, not for an answer; answer, "
            "retry or cancel that run."
        )


def _log_resume(
    changing: Change, targets: list[StepSnapshot], answers: Mapping[str, Given], actor: Any
) -> None:
    paths = [step.path for step in targets]
    given = {"resume_data": answers[paths[0]].text}
    name, timeline = audit.name_of(actor), changing.model.timeline
    changing.log.add(events.steered("workflow-resumed", paths, name, timeline, **given))


def suspended_paths(run: uuid.UUID) -> list[str]:
    """Return the paths of the run's suspended steps, in the order in which they were made."""
    steps = StepSnapshot.objects.current().filter(run=run, status=StepStatus.SUSPENDED)
    return list(steps.order_by("pk").values_list("path", flat=True))
