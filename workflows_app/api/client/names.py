"""The client's names and times for ours. Keys inside the values of users stay as they are."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from pydantic.alias_generators import to_camel

_THOUSAND: Final = 1000


def millis(at: datetime | str | None) -> int | None:
    """Return a moment, also one written as ISO 8601, as milliseconds since 1970."""
    if at is None:
        return None
    moment = datetime.fromisoformat(at) if isinstance(at, str) else at
    return round(moment.timestamp() * _THOUSAND)


def camel(name: str) -> str:
    """Return `resumePayload` for `resume_payload`."""
    return to_camel(name)


def error(found: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Return an error as JavaScript names it. The traceback stays here."""
    if found is None:
        return None
    shown = brief(found)
    if found.get("details"):
        shown["details"] = found["details"]
    if found.get("cause"):
        shown["cause"] = error(found["cause"])
    return shown


def brief(found: Mapping[str, Any]) -> dict[str, Any]:
    """Return name and message of an error."""
    return {"name": found.get("type", ""), "message": found.get("message", "")}


def present(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is known of these values: the others are absent, as in JavaScript."""
    return {name: value for name, value in values.items() if value is not None}
