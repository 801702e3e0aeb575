"""Pausing a run and letting it on; pausing the intake of a workflow. Each is one transaction."""

from collections.abc import Mapping
from typing import Any

from workflows_app import errors
from workflows_app.definition import Builder
from workflows_app.engine.host import clock, transactions
from workflows_app.engine.host.transactions import status_of
from workflows_app.engine.run import audit, events, holds, timelines, tracing, versions
from workflows_app.engine.run.change import Change
from workflows_app.engine.run.holds import Halt
from workflows_app.engine.run.performing import change, leave
from workflows_app.engine.verbs import going_on, starting
from workflows_app.engine.verbs.steering import fitting
from workflows_app.models import Run
from workflows_app.planner.statuses import ENDED, RunStatus, StepStatus
from workflows_app.planner.view import ACCEPTED

# Pause.


def pause(run: Run, *, reason: str = "", actor: Any = None, door: str = "") -> None:
    """Hold a run: nothing of it starts until it is let on. A run that is held stays as it is.

    Steps that run end and are recorded. Raises RunNotActive.
    """
    reason = reason.strip()
    with change(run.pk, clock.now()) as changing:
        model = changing.model
        _refuse_ending(changing)
        if holds.is_held(model):
            leave()
        halt = Halt(reason, audit.name_of(actor), changing.now)
        holds.put(model, halt)
        _stop(changing)
        if changing.status in {RunStatus.PENDING, RunStatus.PAUSED}:
            changing.log.add(events.paused(halt))  # its status stays, so nothing else tells it
        audit.record(changing, "pause", actor, door=door, reason=reason or None)


def _refuse_ending(changing: Change) -> None:
    run = changing.model
    if changing.status in ENDED:
        raise errors.RunNotActive(
            f"Run {run.run_id!r} is {status_of(run)}, and pause() stops a run that has not ended; "
            f"for this one use {fitting(changing)}."
        )
    if run.ending:
        raise errors.RunNotActive(
            f"Run {run.run_id!r} is ending as {run.ending}, so nothing of it starts any more. It "
            "ends when its running steps end, or when their time for that is over."
        )


def _stop(changing: Change) -> None:
    """Pause the steps that wait for a worker or for their next attempt."""
    for step in changing.open_snapshots():
        if step.status == StepStatus.QUEUED:
            changing.move(step, StepStatus.PAUSED)
            changing.model.active_count -= 1
            changing.model.paused_count += 1


# Proceed.


def proceed(
    definition: Builder,
    run: Run,
    *,
    per_step: bool | None = None,
    context: Mapping[str, Any] | None = None,
    trace: tracing.Trace | None = None,
    actor: Any = None,
    door: str = "",
) -> Run | None:
    """Let a paused run on: for one step, freely, or (None) as it went before the pause.

    Return its row if it stays pending, else None. Raises RunNotPaused, DefinitionChanged.
    """
    with change(run.pk, clock.now()) as changing:
        model = changing.model
        is_held = holds.is_held(model)
        if changing.status is not RunStatus.PAUSED and (not is_held or changing.status in ENDED):
            raise errors.RunNotPaused(
                f"Run {run.run_id!r} is {status_of(model)}, and proceed() continues a "
                f"paused run; for this one use {fitting(changing)}."
            )
        timelines.merge_context(changing, definition, context)
        tracing.keep(changing, trace)
        # A run that is paused and not held goes step by step.
        went_per_step = holds.lift(model) if is_held else True
        goes_per_step = went_per_step if per_step is None else per_step
        if changing.status is RunStatus.PENDING:
            _let_begin(changing, per_step=per_step, actor=actor)
        else:
            going_on.release(changing, definition, per_step=goes_per_step, actor=actor)
        audit.record(changing, "proceed", actor, door=door)
    return model if changing.status is RunStatus.PENDING else None


def _let_begin(changing: Change, *, per_step: bool | None, actor: Any) -> None:
    """Begin a pending run whose start was kept, unless the intake of its workflow is paused."""
    run = changing.model
    name = audit.name_of(actor)
    changing.log.add(events.steered("workflow-resumed", [], name, run.timeline))
    run.allowance = ACCEPTED
    kept = holds.accepted_start(run)
    if kept is None:
        run.allowance = None
        return
    if per_step is not None:
        kept.per_step = per_step
        kept.save(update_fields=["per_step"])
    starting.begin_kept(changing)


# The intake of a workflow.


def pause_intake(
    definition: Builder, *, reason: str = "", actor: Any = None, door: str = ""
) -> None:
    """Keep the workflow's runs that have not begun from beginning; change nothing if it is so."""
    reason = reason.strip()
    versions.ensure(definition)
    now = clock.now()
    with transactions.write():
        if holds.stop_intake(definition.id, Halt(reason, audit.name_of(actor), now)):
            audit.record_on_workflow(
                definition.id, "pause-intake", actor, now, door=door, reason=reason or None
            )


def resume_intake(definition: Builder, *, actor: Any = None, door: str = "") -> None:
    """Let the workflow's runs begin again; those that were kept begin now, in order."""
    with transactions.write():
        if holds.open_intake(definition.id):
            audit.record_on_workflow(definition.id, "resume-intake", actor, clock.now(), door=door)
    while starting.begin_all(definition.id):
        pass
