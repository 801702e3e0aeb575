"""The audit trail: written in the transaction of the verb that a person called."""

from datetime import datetime
from typing import Any

from workflows_app.engine.host import entrance
from workflows_app.engine.run.change import Change
from workflows_app.jsontext import clean_text
from workflows_app.models import Action, OutsideEvent, Run, Schedule
from workflows_app.models.action import PYTHON


def name_of(actor: Any) -> str | None:
    """Return the name of an actor in events; None if no actor was named."""
    if actor is None:
        return None
    get_username = getattr(actor, "get_username", None)
    name = str(get_username()) if callable(get_username) else str(actor)
    return clean_text(name).replace("\0", "\ufffd")


def record(
    change: Change, verb: str, actor: Any, *, door: str = "", path: str = "", **data: Any
) -> None:
    """Append who did what to the run; do nothing if no actor was named."""
    if actor is not None:
        change.also_insert(
            on_run(change.model, change.now, verb, actor, door=door, path=path, **data)
        )


def on_run(
    run: Run, now: datetime, verb: str, actor: Any, *, door: str = "", path: str = "", **data: Any
) -> Action:
    """Return an action that concerns a run; the caller writes it."""
    action = _action(verb, actor, now, door, data)
    action.workflow_name, action.path = run.workflow_id, path
    action.run_id, action.public_run_id = run.pk, run.run_id
    return action


def note(
    run: Run, now: datetime, verb: str, actor: Any, *, door: str = "", path: str = "", **data: Any
) -> None:
    """Append an action that concerns a run but changed nothing in it."""
    on_run(run, now, verb, actor, door=door, path=path, **data).save(force_insert=True)


def record_deletion(run: Run, now: datetime, actor: Any, door: str) -> None:
    """Append who deleted a run, after the run is gone."""
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
    """Append who did what to a schedule, and the run that it started; do nothing without an actor.

    Called inside the caller's transaction.
    """
    if actor is None:
        return
    action = _action(verb, actor, now, door, data)
    action.workflow_name, action.subject = row.workflow_id, row.pk
    if run is not None:
        action.run_id, action.public_run_id = run.pk, run.run_id
    action.save(force_insert=True)


def record_on_event(event: OutsideEvent, actor: Any, door: str) -> None:
    """Append who emitted an event that answered nobody yet. Inside the caller's transaction."""
    said = {"event": event.name, "key": event.key, "event_id": event.event_id}
    action = _action("emit", actor, event.emitted_at, door, said)
    action.subject = event.name
    action.save(force_insert=True)


def record_on_workflow(
    workflow_id: str, verb: str, actor: Any, now: datetime, *, door: str = "", **data: Any
) -> None:
    """Append who did what to a workflow; nothing without an actor. In the caller's transaction."""
    if actor is None:
        return
    action = _action(verb, actor, now, door, data)
    action.workflow_name = workflow_id
    action.save(force_insert=True)


def record_on_token(
    subject: str, verb: str, actor: Any, now: datetime, *, door: str = "", **data: Any
) -> None:
    """Append who made or revoked a token of the HTTP API. Inside the caller's transaction."""
    action = _action(verb, actor, now, door, data)
    action.subject = subject
    action.save(force_insert=True)


def _action(verb: str, actor: Any, now: datetime, door: str, data: dict[str, Any]) -> Action:
    has_account = getattr(actor, "pk", None) is not None
    request = entrance.current()
    return Action(
        at=now,
        actor=actor if has_account else None,
        actor_name=name_of(actor) or "",
        verb=verb,
        door=door or PYTHON,
        address=request.address,
        request_id=request.request_id,
        data={key: value for key, value in data.items() if value is not None},
    )
