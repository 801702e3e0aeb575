"""The audit trail: written in the transaction of the verb that a person called."""

from typing import Any

from workflows_app.engine.change import Change
from workflows_app.models import Action


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
    has_account = getattr(actor, "pk", None) is not None
    action = Action(
        at=change.now,
        actor=actor if has_account else None,
        actor_name=name_of(actor) or "",
        verb=verb,
        door=door,
        run_id=change.model.pk,
        public_run_id=change.model.run_id,
        workflow_name=change.model.workflow_id,
        path=path,
        data={key: value for key, value in data.items() if value is not None},
    )
    change.also_insert(action)
