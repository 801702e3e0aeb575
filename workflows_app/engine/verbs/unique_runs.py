"""Creating runs that hold a unique key: the run that holds it, or else a new one."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

from workflows_app import calling, errors
from workflows_app.definition import Builder
from workflows_app.engine.host import clock, transactions
from workflows_app.engine.run import unique_keys
from workflows_app.engine.run.unique_keys import Span
from workflows_app.engine.verbs import creating
from workflows_app.models import Run

_OF = "create_run()"


def create(
    definition: Builder,
    run_id: str | uuid.UUID | None,
    resource_id: str | None,
    *,
    unique: Any = None,
    unique_for: Any = "active",
) -> tuple[Run, bool]:
    """Return the run that holds the key or has the run id, or a new one; and whether it is new.

    Raises InvalidInput, and what `starting.obtain` raises.
    """
    key, span = _key(unique), _span(unique_for)
    if key is None:
        return creating.obtain(definition, run_id, resource_id)
    definition.require_committed()
    with transactions.write():
        unique_keys.lock(definition.id, key)
        held = unique_keys.holder(definition.id, key, clock.now())
        if held is not None:
            _require_same(held, run_id, key)
            return held, False
        run, is_new = creating.obtain(definition, run_id, resource_id, unique_key=key)
        if is_new:
            unique_keys.give(run, key, span)
        elif run.unique_key != key:
            raise errors.InvalidInput(
                f"Run {run.run_id!r} exists already and was not created with the unique key "
                f"{key!r}; leave out run_id, or choose another."
            )
    return run, is_new


def _key(value: Any) -> str | None:
    key = calling.text(value, "unique", _OF, most=255)
    if key == "":
        raise errors.InvalidInput(f"{_OF} was given unique=''; a unique key is not empty.")
    return key


def _span(value: Any) -> Span:
    if value in ("active", "ever"):
        return str(value)
    if isinstance(value, timedelta) and timedelta() < value <= timedelta(days=36525):
        return value
    raise errors.InvalidInput(
        f"{_OF} was given unique_for={errors.shown(value)}; it is 'active', 'ever' or a timedelta "
        "of up to a hundred years."
    )


def _require_same(held: Run, run_id: str | uuid.UUID | None, key: str) -> None:
    if run_id is not None and str(run_id) != held.run_id:
        raise errors.InvalidInput(
            f"Run {held.run_id!r} holds the unique key {key!r}, so there is no run {str(run_id)!r} "
            "with it; leave out run_id."
        )
