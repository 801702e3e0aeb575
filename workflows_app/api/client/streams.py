"""Streams of records: the events of a run in the client's shape, each followed by U+001E."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Collection
from contextlib import aclosing
from typing import Any, Final

from django.http import StreamingHttpResponse

from workflows_app.api.client import events
from workflows_app.api.client.events import Teller
from workflows_app.api.client.operations import TEXT
from workflows_app.api.entry import answers, rules
from workflows_app.api.entry.doorway import Call
from workflows_app.api.entry.rules import Rule
from workflows_app.api.feeds import one
from workflows_app.api.feeds.streams import Batch, Reader
from workflows_app.models import Run
from workflows_app.planner.statuses import SETTLED
from workflows_app.run import Run as LiveRun
from workflows_app.threads import in_thread

#: What stands after each record; alone it says that the connection lives.
SEPARATOR: Final = b"\x1e"


async def begun(
    call: Call,
    run: LiveRun,
    verb: Callable[..., Awaitable[Any]],
    ends: Collection[str],
    rule: Rule,
) -> StreamingHttpResponse:
    """Do what a verb does, and follow the run from there until it has one of these statuses.

    `rule`: what the caller needs to read on. What the verb refuses is raised before there is a
    stream.
    """
    seen = await in_thread(_seen)(run)

    async def begin() -> None:
        await verb(wait=False, **call.acts)

    reader = _reader(call, run, rule)
    batches = one.followed(reader, await in_thread(_row)(run), seen, ends=ends, begin=begin)
    first = await anext(batches, ())
    return _response(Teller(run, ends), first, batches)


async def observed(call: Call, run: LiveRun, offset: int) -> StreamingHttpResponse:
    """Replay the events of a run after the first `offset`, and follow it until it settles."""
    teller = await in_thread(events.primed)(call, run, offset)
    reader = _reader(call, run, rules.VIEW)
    batches = one.followed(reader, await in_thread(_row)(run), offset, ends=SETTLED)
    return _response(teller, None, batches)


def _response(
    teller: Teller, first: Batch | None, batches: AsyncGenerator[Batch]
) -> StreamingHttpResponse:
    return StreamingHttpResponse(
        _records(teller, first, batches),
        content_type=f"{TEXT}; charset=utf-8",
        headers={"Cache-Control": "no-cache", "X-Accel-Buffering": "no"},
    )


async def _records(
    teller: Teller, first: Batch | None, batches: AsyncGenerator[Batch]
) -> AsyncIterator[bytes]:
    async with aclosing(batches):
        if first is not None:
            yield _written(teller, first)
        while not teller.is_done:
            batch = await anext(batches, None)
            if batch is None:
                return
            yield _written(teller, batch)


def _written(teller: Teller, batch: Batch) -> bytes:
    """Return the records of a batch; an empty one where nothing happened for a while."""
    return b"".join(answers.dumps(each) + SEPARATOR for each in teller.tell(batch)) or SEPARATOR


def _seen(run: LiveRun) -> int:
    return Run.objects.values_list("event_seq", flat=True).get(pk=run.pk)


def _row(run: LiveRun) -> Run:
    return Run.objects.light().get(pk=run.pk)


def _reader(call: Call, run: LiveRun, rule: Rule) -> Reader:
    return Reader(call, lambda caller: caller.knows_of(run.workflow_id), rule)
