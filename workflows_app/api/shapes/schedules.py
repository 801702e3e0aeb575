"""Schedules and the times they came, as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from urllib.parse import quote

import orjson

from workflows_app.api.entry import answers
from workflows_app.api.entry.doorway import Call
from workflows_app.api.shapes import values
from workflows_app.api.shapes.values import Asked
from workflows_app.models import Schedule, Trigger

#: What a schedule gives its runs, by its names in an answer.
VALUES: Final = ("input_data", "initial_state", "request_context")


def asked(call: Call) -> Asked:
    """Return which values of schedules a request asked for. Raises InvalidRequest."""
    query = call.query
    return values.asked(call.caller, query.include, VALUES, inline=query.inline)


def listed(call: Call, found: Sequence[Schedule], wanted: Asked) -> list[dict[str, Any]]:
    """Return schedules as JSON."""
    return [one(call, row, wanted) for row in found]


def one(call: Call, row: Schedule, wanted: Asked) -> dict[str, Any]:
    """Return one schedule as JSON."""
    said: dict[str, Any] = row.definition
    found: dict[str, Any] = {
        "id": row.pk,
        "workflow_id": row.workflow_id,
        "is_from_code": row.is_from_code,
        "cron": row.cron or None,
        "run_at": _moment(said.get("run_at")),
        "end_at": _moment(said.get("end_at")),
        "timezone": row.timezone,
        "overlap": said.get("overlap", "allow"),
        "status": row.status,
        "note": row.note,
        "next_fire_at": row.next_fire_at,
        "last_fire_at": row.last_fire_at,
        "last_run_id": row.last_run_id or None,
        "created_at": row.created_at,
        "metadata": said.get("metadata") or {},
        "is_defined": row.is_defined,
    }
    for name in VALUES:
        if wanted.shows(name):
            text = answers.dumps(said.get(name))
            is_large = len(text) > wanted.most
            address = call.address("schedules", quote(row.pk, safe=""), "values", name)
            large = {"$ref": address, "bytes": len(text)}
            found[name] = large if is_large else orjson.Fragment(text)
    if wanted.withheld:
        found["withheld"] = wanted.withheld
    return found


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def triggers(found: Sequence[Trigger]) -> list[dict[str, Any]]:
    """Return the times that a schedule came as JSON."""
    return [
        {
            "scheduled_at": row.scheduled_at,
            "fired_at": row.fired_at,
            "run_id": row.run_id or None,
            "outcome": row.outcome,
            "kind": row.kind,
            "error": _error(row.error),
        }
        for row in found
    ]


def _error(error: Any) -> Any:
    if not isinstance(error, dict):
        return None
    return {key: error.get(key, "") for key in ("type", "message")}
