"""The two forms of a stream, and how long it may last: as long as its reader may read it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any, Final

from django.http import HttpRequest, StreamingHttpResponse

from workflows_app.api.entry import answers, callers, rules
from workflows_app.api.entry.callers import Caller
from workflows_app.api.entry.doorway import Call
from workflows_app.api.entry.refusals import Refusal
from workflows_app.api.entry.rules import Rule
from workflows_app.threads import in_thread

SSE: Final = "text/event-stream"
NDJSON: Final = "application/x-ndjson"
#: Seconds of silence after which a comment says that the connection lives.
SILENCE: Final = 15.0
#: Seconds between two looks at whether the reader still may read.
RECHECK: Final = 60.0

#: Some events, each with its id; none: nothing happened for a while.
Batch = Sequence[tuple[str | None, Mapping[str, Any]]]


def response(kind: str, batches: AsyncIterator[Batch]) -> StreamingHttpResponse:
    """Return the answer that gives these events as they come."""
    body = _sse(batches) if kind == SSE else _ndjson(batches)
    return StreamingHttpResponse(
        body,
        content_type=f"{kind}; charset=utf-8" if kind == SSE else kind,
        headers={"Cache-Control": "no-cache", "X-Accel-Buffering": "no"},
    )


async def _sse(batches: AsyncIterator[Batch]) -> AsyncIterator[bytes]:
    yield b": open\n\n"  # so that the headers are sent, though nothing happens yet
    async for batch in batches:
        if not batch:
            yield b": still here\n\n"
        for key, event in batch:
            head = b"" if key is None else f"id: {key}\n".encode()
            yield head + b"data: " + answers.dumps(event) + b"\n\n"


async def _ndjson(batches: AsyncIterator[Batch]) -> AsyncIterator[bytes]:
    async for batch in batches:
        for _, event in batch:
            yield answers.dumps(event) + b"\n"


class Reader:
    """Somebody who reads a stream, asked again now and then whether they still may."""

    def __init__(
        self,
        call: Call,
        may: Callable[[Caller], bool] = lambda _: True,
        rule: Rule = rules.VIEW,
    ) -> None:
        """`rule`: what they need to go on reading; `may`: whether it is still there for them."""
        self.call = call
        self._may = may
        self._rule = rule
        self._checked_at = time.monotonic()

    async def may_go_on(self) -> bool:
        """Return whether they may; asked of the database once a minute."""
        if time.monotonic() - self._checked_at < RECHECK:
            return True
        self._checked_at = time.monotonic()
        return await in_thread(self._may_still)()

    def _may_still(self) -> bool:
        given = self.call.request
        fresh = HttpRequest()
        fresh.META, fresh.COOKIES, fresh.method = given.META, given.COOKIES, "GET"
        try:
            caller = callers.of_request(fresh)
            caller.require(self._rule)
        except Refusal:
            return False
        self.call.caller = caller
        return self._may(caller)


async def is_soon(new: asyncio.Event, seconds: float) -> bool:
    """Wait for news so long at most; return whether some came."""
    try:
        return await asyncio.wait_for(new.wait(), seconds)
    except TimeoutError:
        return False
