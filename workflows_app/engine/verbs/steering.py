"""Canceling, restarting and retrying. Each is one transaction, or it is refused."""

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from workflows_app import errors
from workflows_app.definition import Builder
from workflows_app.engine.host import clock
from workflows_app.engine.host.transactions import status_of
from workflows_app.engine.run import audit, definitions, events, timelines, tracing
from workflows_app.engine.run.apply import apply
from workflows_app.engine.run.canceling import cancel
from workflows_app.engine.run.change import Change
from workflows_app.engine.run.claims import HOOK
from workflows_app.engine.run.performing import change
from workflows_app.engine.run.taking import hand_back
from workflows_app.engine.work import recover
from workflows_app.models import Run, StepSnapshot
from workflows_app.planner import retry as planner
from workflows_app.planner.enter import stop_if_held
from workflows_app.planner.statuses import ACTIVE, RunStatus, StepStatus

__all__ = ["cancel", "restart", "restart_lost", "retry"]

#: Which verb fits a run that is not active.
_FITTING = {
    RunStatus.SUCCESS: "rerun(), fork() or time_travel()",
    RunStatus.FAILED: "retry()",
    RunStatus.CANCELED: "rerun() or time_travel()",
    RunStatus.SUSPENDED: "resume()",
    RunStatus.PAUSED: "proceed()",
}


# Restart.


def restart(
    definition: Builder,
    run: Run,
    *,
    context: Mapping[str, Any] | None = None,
    trace: tracing.Trace | None = None,
    actor: Any = None,
    door: str = "",
) -> None:
    """Continue an active run from its last active steps, even if a worker holds them.

    Raises NothingToRestart, RunNotActive, DefinitionChanged.
    """
    with change(run.pk, clock.now()) as changing:
        _refuse_inactive(changing)
        active = _active_steps(changing)
        for step in active:
            definitions.require_same(definition, changing.model, step, "restart")
        _log(changing, "workflow-restarted", [step.path for step in active], actor)
        timelines.merge_context(changing, definition, context)
        tracing.keep(changing, trace)
        for step in active:
            if step.status == StepStatus.RUNNING:
                hand_back(changing, step, is_told=False)
            else:
                changing.woken.append(step)
        audit.record(changing, "restart", actor, door=door)


def restart_lost(
    definition: Builder, now: datetime, *, actor: Any = None, door: str = ""
) -> list[str]:
    """Restart the workflow's runs whose steps were lost with their worker; return their ids."""
    if not definition.auto_restart:
        return []
    mine = Run.objects.filter(workflow_id=definition.id)
    lost = {step.run_id for step in recover.lost(now)}
    found = mine.filter(pk__in=lost, ending="").order_by("pk")
    restarted = []
    for run in found:
        try:
            restart(definition, run, actor=actor, door=door)
        except (errors.RunNotActive, Run.DoesNotExist):
            continue  # it has settled or was deleted meanwhile
        restarted.append(run.run_id)
    return restarted


def _refuse_inactive(changing: Change) -> None:
    run = changing.model
    if changing.status is RunStatus.PENDING:
        raise errors.NothingToRestart(
            f"Run {run.run_id!r} was never started, so there is nothing to continue; start() it."
        )
    if changing.status not in ACTIVE:
        raise errors.RunNotActive(
            f"Run {run.run_id!r} is {status_of(run)}, and restart() continues a run that is "
            f"running or waiting; for this one use {_FITTING[changing.status]}."
        )
    if run.ending:
        raise errors.RunNotActive(
            f"Run {run.run_id!r} is ending as {run.ending}, so no step starts again. It ends when "
            "its running steps end, or when their time for that is over."
        )


def _active_steps(changing: Change) -> list[StepSnapshot]:
    """Return the steps that a worker holds or should have taken, and the sleeps."""
    return [
        step
        for step in changing.open_snapshots()
        if step.status in {StepStatus.QUEUED, StepStatus.WAITING}
        or (step.status == StepStatus.RUNNING and step.worker_id is not None)
    ]


def _log(changing: Change, kind: str, paths: Sequence[str], actor: Any) -> None:
    name, timeline = audit.name_of(actor), changing.model.timeline
    changing.log.add(events.steered(kind, paths, name, timeline))


# Retry.


def retry(
    definition: Builder,
    run: Run,
    *,
    context: Mapping[str, Any] | None = None,
    trace: tracing.Trace | None = None,
    actor: Any = None,
    door: str = "",
) -> None:
    """Run again, on a new timeline, what failed and what was canceled because of that.

    Raises RunNotFailed, DefinitionChanged.
    """
    with change(run.pk, clock.now()) as changing:
        if changing.status is not RunStatus.FAILED:
            raise errors.RunNotFailed(
                f"Run {run.run_id!r} is {status_of(changing.model)}, and retry() continues a "
                f"failed run; for this one use {fitting(changing)}."
            )
        failed = failed_steps(changing.model.pk) or canceled_steps(changing.model.pk)
        for step in failed:
            definitions.require_same(definition, changing.model, step, "retry")
        paths = [step.path for step in failed]
        timelines.begin(changing, "retry", ", ".join(paths), actor)
        timelines.merge_context(changing, definition, context)
        tracing.keep(changing, trace)
        _log(changing, "workflow-retried", paths, actor)
        apply(changing, stop_if_held(changing.run, planner.retry(changing.graph, changing)))
        audit.record(changing, "retry", actor, door=door)


def failed_steps(run: uuid.UUID) -> list[StepSnapshot]:
    """Return the innermost snapshots that failed: steps, conditions, functions of entries."""
    return _innermost(run, StepStatus.FAILED)


def canceled_steps(run: uuid.UUID) -> list[StepSnapshot]:
    """Return the innermost snapshots that were canceled, with which a run goes on that no step has
    failed.
    """
    return _innermost(run, StepStatus.CANCELED)


def _innermost(run: uuid.UUID, status: StepStatus) -> list[StepSnapshot]:
    found = StepSnapshot.objects.current().light().filter(run=run, status=status)
    rows = list(found.exclude(kind=HOOK).order_by("pk"))
    holders = {row.parent_id for row in rows}
    return [row for row in rows if row.pk not in holders]


def fitting(changing: Change) -> str:
    """Return which verb fits a run as it is."""
    if changing.status is RunStatus.PENDING:
        return "start()"
    if changing.status in ACTIVE:
        return "restart() if its worker was lost, or else wait"
    return _FITTING[changing.status]
