"""Canceling a run: people do it, and so do deadlines and the cancel of the run that started it."""

from typing import Any

from workflows_app.engine.host import clock, ports, transactions
from workflows_app.engine.run import audit
from workflows_app.engine.run.apply import apply
from workflows_app.engine.run.change import Change
from workflows_app.engine.run.performing import change, leave
from workflows_app.models import Run
from workflows_app.planner import decide
from workflows_app.planner.statuses import ENDED, RunStatus


def cancel(run: Run, *, actor: Any = None, door: str = "", reason: str = "") -> str:
    """Cancel a run; return a message for the caller. A run that has ended stays as it is."""
    message = "Workflow run canceled"
    with change(run.pk, clock.now()) as changing:
        model = changing.model
        if changing.status in ENDED:
            message = f"Workflow run is {model.status} already; nothing was changed"
            leave()
        if model.cancel_requested_at is not None:
            how = "being canceled" if model.is_canceling else "ending at its deadline"
            message = f"Workflow run is {how} already; nothing was changed"
            leave()
        cancel_now(changing, actor=actor, door=door, reason=reason)
    return message


def cancel_now(changing: Change, *, actor: Any = None, door: str = "", reason: str = "") -> None:
    """Cancel a run that has not ended, in a change of it."""
    model = changing.model
    model.canceled_by = audit.name_of(actor) or ""
    model.ended_reason = reason
    audit.record(changing, "cancel", actor, door=door, reason=reason or None)
    if changing.status is RunStatus.PENDING:
        changing.status = RunStatus.CANCELED
    else:
        apply(changing, decide.cancel(changing))
    stop_running(changing)


def stop_running(changing: Change) -> None:
    """Raise the abort signal of the run's steps; those that do not end in time are given up."""
    run = changing.model
    run.cancel_requested_at = changing.now
    transactions.after_commit(lambda: ports.dispatcher().abort(run.pk))
