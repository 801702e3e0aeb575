"""The audit trail: written in the transaction of the verb that a person called."""

from datetime import datetime
from typing import Any

from workflows_app.engine.change import Change
from workflows_app.models import Action, Run


def name_of(actor: Any) -> str | None:
    """Return how an actor is called in events; None when nobody was named."""
    if actor is None:
        return None
    get_username = getattr(actor, "get_username", None)
    return str(get_username()) if callable(get_username) else str(actor)


def record(
    change: Change, verb: str, actor: Any, *, door: str = "", path: str = "", **data: Any
) -> None:
    """Append who did what to the run; nothing when no actor was named."""
    if actor is None:
        return
    action = _row(change.model, change.now, verb, actor, door)
    action.run_id = change.model.pk
    action.path = path
    action.data = {key: value for key, value in data.items() if value is not None}
    change.also_insert(action)


def record_deletion(run: Run, now: datetime, actor: Any, door: str) -> None:
    """Append who deleted a run, which is gone by now."""
    if actor is not None:
        _row(run, now, "delete", actor, door).save()


def _row(run: Run, now: datetime, verb: str, actor: Any, door: str) -> Action:
    has_account = getattr(actor, "pk", None) is not None
    return Action(
        at=now,
        actor=actor if has_account else None,
        actor_name=name_of(actor) or "",
        verb=verb,
        door=door,
        public_run_id=run.run_id,
        workflow_name=run.workflow_id,
    )
