"""The audit trail: written in the transaction of the verb that a person called."""

from datetime import datetime
from typing import Any

from workflows_app.engine.change import Change
from workflows_app.jsontext import clean_text
from workflows_app.models import Action, Run, Schedule
from workflows_app.models.action import PYTHON


def name_of(actor: Any) -> str | None:
    """Return how an actor is called in events; None when nobody was named."""
    if actor is None:
        return None
    get_username = getattr(actor, "get_username", None)
    name = str(get_username()) if callable(get_username) else str(actor)
    return clean_text(name).replace("\0", "\ufffd")


def record(
    change: Change, verb: str, actor: Any, *, door: str = "", path: str = "", **data: Any
) -> None:
    """Append who did what to the run; nothing when no actor was named."""
    if actor is None:
        return
    model = change.model
    action = _action(verb, actor, change.now, door, data)
    action.workflow_name, action.path = model.workflow_id, path
    action.run_id, action.public_run_id = model.pk, model.run_id
    change.also_insert(action)


def note(
    run: Run, now: datetime, verb: str, actor: Any, *, door: str = "", path: str = "", **data: Any
) -> None:
    """Append what somebody did about a run that changed nothing in the run itself."""
    action = _action(verb, actor, now, door, data)
    action.workflow_name, action.path = run.workflow_id, path
    action.run_id, action.public_run_id = run.pk, run.run_id
    action.save(force_insert=True)


def record_deletion(run: Run, now: datetime, actor: Any, door: str) -> None:
    """Append who deleted a run, which is gone by now."""
    if actor is None:
        return
    action = _action("delete", actor, now, door, {})
    action.workflow_name, action.public_run_id = run.workflow_id, run.run_id
    action.save(force_insert=True)


def record_on_schedule(
    row: Schedule,
    verb: str,
    actor: Any,
    now: datetime,
    *,
    door: str = "",
    run: Run | None = None,
    **data: Any,
) -> None:
    """Append who did what to a schedule, and the run that it started; nothing without an actor.

    Inside the caller's transaction.
    """
    if actor is None:
        return
    action = _action(verb, actor, now, door, data)
    action.workflow_name, action.subject = row.workflow_id, row.pk
    if run is not None:
        action.run_id, action.public_run_id = run.pk, run.run_id
    action.save(force_insert=True)


def _action(verb: str, actor: Any, now: datetime, door: str, data: dict[str, Any]) -> Action:
    has_account = getattr(actor, "pk", None) is not None
    return Action(
        at=now,
        actor=actor if has_account else None,
        actor_name=name_of(actor) or "",
        verb=verb,
        door=door or PYTHON,
        data={key: value for key, value in data.items() if value is not None},
    )
