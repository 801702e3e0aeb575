"""Verbs that go on with a run: restart, retry, proceed. Each is one transaction, or refused."""

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from workflows_app import errors
from workflows_app.definition import Builder
from workflows_app.engine import audit, clock, definitions, recover, timelines, tracing
from workflows_app.engine.apply import apply
from workflows_app.engine.change import Change, change
from workflows_app.engine.claim import hand_back
from workflows_app.engine.claims import HOOK
from workflows_app.engine.transactions import status_of
from workflows_app.models import Run, StepSnapshot
from workflows_app.planner import retry as planner
from workflows_app.planner.statuses import ACTIVE, RunStatus, StepStatus

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
    """Go on with an active run from its last active steps, taking them from whoever holds them.

    Raises NothingToRestart, RunNotActive, DefinitionChanged.
    """
    with change(run.pk, clock.now()) as changing:
        _refuse_inactive(changing)
        active = _active_steps(changing)
        for step in active:
            definitions.require_same(definition, changing.model, step, "restart")
        told = {
            **_paths([step.path for step in active]),
            "actor": audit.name_of(actor),
            "timeline": changing.model.timeline,
        }
        changing.log.add("workflow-restarted", told)
        timelines.merge_context(changing, definition, context)
        tracing.keep(changing, trace)
        for step in active:
            if step.status == StepStatus.RUNNING:
                hand_back(changing, step, is_told=False)
            else:
                changing.woken.append(step)
        audit.record(changing, "restart", actor, door=door)


def restart_lost(definition: Builder, now: datetime, *, actor: Any = None) -> list[str]:
    """Restart the workflow's runs whose steps were lost with their worker; return their ids."""
    if not definition.auto_restart:
        return []
    mine = Run.objects.filter(workflow_id=definition.id)
    lost = {step.run_id for step in recover.lost(now)}
    found = mine.filter(pk__in=lost, ending="").order_by("pk")
    restarted = []
    for run in found:
        try:
            restart(definition, run, actor=actor)
        except (errors.RunNotActive, Run.DoesNotExist):
            continue  # it has settled, or was deleted, meanwhile
        restarted.append(run.run_id)
    return restarted


def _refuse_inactive(changing: Change) -> None:
    run = changing.model
    if changing.status is RunStatus.PENDING:
        raise errors.NothingToRestart(
            f"Run {run.run_id!r} was never started, so there is nothing to go on with; start() it."
        )
    if changing.status not in ACTIVE:
        raise errors.RunNotActive(
            f"Run {run.run_id!r} is {status_of(run)}, and restart() goes on with a run that is "
            f"running or waiting; for this one use {_FITTING[changing.status]}."
        )
    if run.ending:
        raise errors.RunNotActive(
            f"Run {run.run_id!r} is ending as {run.ending}: nothing of it starts again. It ends "
            "when its running steps do, or when their time to do so is over."
        )


def _active_steps(changing: Change) -> list[StepSnapshot]:
    """Return what a worker holds, or should have taken, or what sleeps."""
    return [
        step
        for step in changing.open_snapshots()
        if step.status in {StepStatus.QUEUED, StepStatus.WAITING}
        or (step.status == StepStatus.RUNNING and step.worker_id is not None)
    ]


def _paths(paths: Sequence[str]) -> dict[str, Any]:
    return {"path": paths[0]} if len(paths) == 1 else {"paths": list(paths)}


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
    """Run what failed, and what was canceled because of it, again, on a new timeline.

    Raises RunNotFailed, DefinitionChanged.
    """
    with change(run.pk, clock.now()) as changing:
        if changing.status is not RunStatus.FAILED:
            raise errors.RunNotFailed(
                f"Run {run.run_id!r} is {status_of(changing.model)}, and retry() goes on with a "
                f"failed run; for this one use {_fitting(changing)}."
            )
        failed = failed_steps(changing.model.pk)
        for step in failed:
            definitions.require_same(definition, changing.model, step, "retry")
        paths = [step.path for step in failed]
        timelines.begin(changing, "retry", ", ".join(paths), actor)
        timelines.merge_context(changing, definition, context)
        tracing.keep(changing, trace)
        told = {
            **_paths(paths),
            "actor": audit.name_of(actor),
            "timeline": changing.model.timeline,
        }
        changing.log.add("workflow-retried", told)
        apply(changing, planner.retry(changing.graph, changing))
        audit.record(changing, "retry", actor, door=door)


def failed_steps(run: uuid.UUID) -> list[StepSnapshot]:
    """Return the innermost snapshots that failed: steps, conditions, functions of entries."""
    failed = StepSnapshot.objects.current().light().filter(run=run, status=StepStatus.FAILED)
    rows = list(failed.exclude(kind=HOOK).order_by("pk"))
    holders = {row.parent_id for row in rows}
    return [row for row in rows if row.pk not in holders]


def _fitting(changing: Change) -> str:
    if changing.status is RunStatus.PENDING:
        return "start()"
    if changing.status in ACTIVE:
        return "restart() when its worker was lost, else wait"
    return _FITTING[changing.status]


# Proceed.


def proceed(
    definition: Builder,
    run: Run,
    *,
    per_step: bool = True,
    context: Mapping[str, Any] | None = None,
    trace: tracing.Trace | None = None,
    actor: Any = None,
    door: str = "",
) -> None:
    """Take the next step of a paused run; without `per_step` go on to the end.

    Raises RunNotPaused, DefinitionChanged.
    """
    with change(run.pk, clock.now()) as changing:
        if changing.status is not RunStatus.PAUSED:
            raise errors.RunNotPaused(
                f"Run {run.run_id!r} is {status_of(changing.model)}, and proceed() goes on with a "
                f"paused run; for this one use {_fitting(changing)}."
            )
        paused = [s for s in changing.open_snapshots() if s.status == StepStatus.PAUSED]
        chosen = paused[:1] if per_step else paused
        for step in chosen:
            definitions.require_same(definition, changing.model, step, "proceed")
        changing.model.allowance = 0 if per_step else None
        timelines.merge_context(changing, definition, context)
        tracing.keep(changing, trace)
        told = {
            **_paths([step.path for step in chosen]),
            "actor": audit.name_of(actor),
            "timeline": changing.model.timeline,
        }
        changing.log.add("workflow-resumed", told)
        for step in chosen:
            _let_go(changing, step)
        audit.record(changing, "proceed", actor, door=door)


def _let_go(changing: Change, step: StepSnapshot) -> None:
    changing.move(step, StepStatus.QUEUED, queued_at=changing.now)
    changing.model.paused_count -= 1
    changing.model.active_count += 1
    changing.woken.append(step)
