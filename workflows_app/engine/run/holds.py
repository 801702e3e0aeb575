"""Holds: what keeps a run, or the runs of a workflow that have not begun, from starting anything.

The allowance of the run's row says whether it is held, so that runs which are not need no query.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from workflows_app.models import AcceptedStart, Hold, Run, Workflow
from workflows_app.planner.statuses import RunStatus
from workflows_app.planner.view import ACCEPTED, HELD


@dataclass(frozen=True, slots=True)
class Halt:
    """Who stopped a run, or the intake of a workflow, when and why. An empty reason is none."""

    reason: str
    actor: str | None
    at: datetime


def is_held(run: Run) -> bool:
    """Return whether somebody holds the run."""
    return run.allowance == HELD


def is_stopped(run: Run) -> bool:
    """Return whether nothing of the run may start: it is held, or its start waits."""
    return run.allowance is not None and run.allowance < 0


def of(run: Run) -> Halt | None:
    """Return who holds the run and why; None if nobody does."""
    row = Hold.objects.filter(run=run.pk).first() if is_held(run) else None
    return None if row is None else Halt(row.reason, row.actor or None, row.at)


def of_runs(runs: Sequence[Run]) -> dict[uuid.UUID, Halt]:
    """Return who holds each of these runs, by key; no query if none is held."""
    held = [run.pk for run in runs if is_held(run)]
    rows = Hold.objects.filter(run__in=held) if held else ()
    return {row.run_id: Halt(row.reason, row.actor or None, row.at) for row in rows}


def put(run: Run, halt: Halt) -> None:
    """Hold a run that is not held. The caller has locked it, and saves it."""
    Hold.objects.create(
        run=run,
        reason=halt.reason,
        actor=halt.actor or "",
        at=halt.at,
        per_step=run.allowance is not None and run.allowance >= 0,
    )
    run.allowance = HELD


def lift(run: Run) -> bool:
    """End the hold of a run; return whether it went step by step. The caller sets its pace."""
    row = Hold.objects.get(run=run.pk)
    row.delete()
    return row.per_step


def set_pace(run: Run, *, per_step: bool, ahead: int = 0) -> None:
    """Let the run go on step by step or freely, at once or when it is let on.

    `ahead`: how many more steps it may then start.
    """
    if run.allowance == HELD:
        Hold.objects.filter(run=run.pk).update(per_step=per_step)
    elif run.allowance != ACCEPTED:  # a start that is kept has its pace
        run.allowance = ahead if per_step else None


def accepted_start(run: Run) -> AcceptedStart | None:
    """Return the start of the run that waits, if there is one."""
    return AcceptedStart.objects.filter(run=run.pk).first() if is_stopped(run) else None


def expiries_of(runs: Sequence[Run]) -> dict[uuid.UUID, datetime]:
    """Return when the kept starts of these runs expire, by key; no query if none is kept."""
    kept = [run.pk for run in runs if run.status == RunStatus.PENDING and is_stopped(run)]
    if not kept:
        return {}
    rows = AcceptedStart.objects.filter(run__in=kept, expires_at__isnull=False)
    return {row.run_id: row.expires_at for row in rows if row.expires_at is not None}


def forget(run: Run) -> None:
    """Forget what held a run that has succeeded or was canceled. The caller saves the run."""
    Hold.objects.filter(run=run.pk).delete()
    AcceptedStart.objects.filter(run=run.pk).delete()
    run.allowance = None


# The intake of a workflow.


def intake_of(workflow_id: str) -> Halt | None:
    """Return who stopped the intake of a workflow and why; None if its runs may begin."""
    row = Workflow.objects.filter(pk=workflow_id).only("intake").first()
    return None if row is None else halt_of(row)


def halt_of(workflow: Workflow) -> Halt | None:
    """Return what `intake_of` returns, of a row that has been read."""
    return None if workflow.intake is None else _halt(workflow.intake)


def intakes_of(workflow_ids: Sequence[str]) -> dict[str, Halt]:
    """Return who stopped the intakes of these workflows, by id; without those that are open."""
    if not workflow_ids:
        return {}
    stopped = Workflow.objects.filter(pk__in=workflow_ids, intake__isnull=False)
    return {row.pk: _halt(row.intake) for row in stopped.only("intake")}


def stop_intake(workflow_id: str, halt: Halt) -> bool:
    """Stop the intake of a workflow; return whether it was open."""
    said = {"reason": halt.reason, "actor": halt.actor, "at": halt.at.isoformat()}
    mine = Workflow.objects.filter(pk=workflow_id, intake__isnull=True)
    return bool(mine.update(intake=said))


def open_intake(workflow_id: str) -> bool:
    """Open the intake of a workflow; return whether it was stopped."""
    mine = Workflow.objects.filter(pk=workflow_id, intake__isnull=False)
    return bool(mine.update(intake=None))


def keeps_pending(run: Run) -> bool:
    """Return whether a start of this pending run has to wait."""
    return is_held(run) or intake_of(run.workflow_id) is not None


def _halt(said: dict[str, Any]) -> Halt:
    return Halt(said["reason"], said["actor"], datetime.fromisoformat(said["at"]))
