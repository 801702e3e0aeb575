"""Errors of runs and steps, as programs see them."""

from __future__ import annotations

from typing import Any

import orjson


def brief(text: str | None) -> dict[str, Any] | None:
    """Return type and message of a stored error, given as text."""
    whole = _loaded(text)
    return None if whole is None else {key: whole.get(key, "") for key in ("type", "message")}


def shown(text: str | None, *, is_whole: bool) -> dict[str, Any] | None:
    """Return a stored error; `is_whole`: with its traceback, its causes, and its details."""
    return _loaded(text) if is_whole else brief(text)


def _loaded(text: str | None) -> dict[str, Any] | None:
    if not text or text == "null":
        return None
    found = orjson.loads(text)
    return found if isinstance(found, dict) else {"type": "", "message": str(found)}
