"""Answers to requests that never reach Django; each has an id, like every other."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any, Final

from workflows_app.engine.host import entrance

from .ids import HEADER

API: Final = "/api/"
_GIVEN: Final = HEADER.lower().encode()


def words(path: str, kind: str, message: str, **details: Any) -> tuple[bytes, str]:
    """Return what a refusal says, and what kind of text that is: JSON to those who call the API."""
    if not path.startswith(API):
        return message.encode(), "text/plain; charset=utf-8"
    error = {"type": kind, "message": message, "details": details}
    return json.dumps({"error": error}).encode(), "application/json"


async def answer(
    scope: Any,
    send: Callable[[Any], Awaitable[None]],
    status: int,
    content: bytes,
    kind: str,
    *,
    is_last: bool = False,
) -> None:
    """Send an answer; `is_last` closes the connection after it."""
    given = dict(scope["headers"]).get(_GIVEN, b"").decode("latin-1")
    with entrance.entered(given, "") as known:
        headers = [
            (b"content-type", kind.encode()),
            (b"content-length", str(len(content)).encode()),
            (_GIVEN, known.request_id.encode()),
        ]
    headers += [(b"connection", b"close")] if is_last else []
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": content})
