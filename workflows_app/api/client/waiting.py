"""Waiting for what comes of a verb, on the loop; long waits send a space now and then.

The client gives up after five minutes without a byte and asks again, which would be refused.
"""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from django.http import StreamingHttpResponse
from django.http.response import HttpResponseBase

from workflows_app import errors
from workflows_app.api.client import records
from workflows_app.api.entry import answers
from workflows_app.api.entry.answers import Answer
from workflows_app.api.entry.doorway import Call
from workflows_app.api.feeds import streams
from workflows_app.api.routes import waiting
from workflows_app.run import Run as LiveRun
from workflows_app.threads import in_thread


@dataclass
class _Patience:
    """Seconds to wait before something is sent."""

    timeout: float = streams.SILENCE


async def settled(
    call: Call, run: LiveRun, verb: Callable[..., Awaitable[Any]]
) -> Answer | HttpResponseBase:
    """Do what a verb does, and answer with the result once the run has settled."""
    await verb(wait=False, **call.acts)
    if await waiting.until_settled(run.pk, _Patience(streams.SILENCE)):
        return Answer(await in_thread(records.result)(call, run.pk))
    return StreamingHttpResponse(
        _spaced(call, run.pk),
        content_type=answers.JSON,
        headers={"Cache-Control": "no-cache", "X-Accel-Buffering": "no"},
    )


async def _spaced(call: Call, run: uuid.UUID) -> AsyncIterator[bytes]:
    yield b" "
    while not await waiting.until_settled(run, _Patience(streams.SILENCE)):
        yield b" "
    try:
        yield answers.dumps(await in_thread(records.result)(call, run))
    except errors.RunNotFound as gone:
        lost = {"name": "RunNotFound", "message": str(gone)}
        yield answers.dumps({"status": "failed", "error": lost, "steps": {}})
