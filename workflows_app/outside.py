"""`emit`: how an event from outside reaches the steps that wait for it."""

from __future__ import annotations

from typing import Any

from workflows_app import actions, calling, permissions
from workflows_app.definition import event_names
from workflows_app.engine.verbs import emitting
from workflows_app.threads import blocking, in_thread


@blocking
def emit(
    name: str,
    key: Any = "",
    data: Any = None,
    actor: Any = None,
    event_id: str | None = None,
    *,
    door: str = "",
    sees: emitting.Sees | None = None,
) -> int:
    """Answer every step that waits for the event `name` with this key; return how many.

    If no step waits, the event is kept for `EVENT_WINDOW_SECONDS` and taken by the first that
    waits later. `key` is text, a number or a UUID, compared as text; `data` is any JSON value. It
    is part of the caller's transaction: a rollback undoes it. With `event_id`, a repeated call
    changes nothing and returns what the first returned. `actor` is named in the audit trail, and
    runs of workflows whose permission they lack are left alone.

    Raises InvalidInput for a wrong name or key, PayloadTooLarge, and InvalidResumeData, with
    nobody answered, if the data does not fit what a step waits for.
    """
    of = "emit()"
    return emitting.emit(
        event_names.check(name, of),
        event_names.check_key(key, of),
        data,
        event_id=calling.text(event_id, "event_id", of, most=event_names.MOST),
        actor=actor,
        door=door,
        sees=sees or (lambda workflow: _may_answer(workflow, actor)),
    )


def _may_answer(workflow: str, actor: Any) -> bool:
    if not permissions.is_person(actor):
        return True
    return actions.missing(actor, permissions.to_start(workflow)) is None


async def aemit(
    name: str,
    key: Any = "",
    data: Any = None,
    actor: Any = None,
    event_id: str | None = None,
) -> int:
    """Async twin of `emit`."""
    return await in_thread(emit)(name, key, data, actor, event_id)
