"""Rows of the audit trail as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from django.db.models import QuerySet

from workflows_app.api.entry.callers import Caller
from workflows_app.models import Action, Run

#: What of an action's data is a value of the run.
VALUES: Final = frozenset({"resume_data", "input_data"})


def of_run(run: Run) -> QuerySet[Action]:
    """Return what was done to a run."""
    return Action.objects.filter(public_run_id=run.run_id)


def listed(caller: Caller, found: Sequence[Action]) -> list[dict[str, Any]]:
    """Return actions as JSON."""
    return [_shown(caller, row) for row in found]


def _shown(caller: Caller, row: Action) -> dict[str, Any]:
    data: dict[str, Any] = row.data or {}
    if not caller.sees_values:
        data = {key: value for key, value in data.items() if key not in VALUES}
    return {
        "id": str(row.pk),
        "at": row.at,
        "actor": row.actor_name,
        "door": row.through,
        "address": row.address,
        "verb": row.verb,
        "run_id": row.public_run_id or None,
        "workflow_id": row.workflow_name or None,
        "path": row.path or None,
        "subject": row.subject or None,
        "reason": data.get("reason") or data.get("note") or None,
        "request_id": row.request_id,
        "data": _plain(data),
    }


def _plain(value: Any) -> Any:
    """Return data as JSON writes it: a secret is a text of asterisks."""
    if isinstance(value, str):
        return "".join(value)
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    return [_plain(each) for each in value] if isinstance(value, list) else value
