"""The events of one run from a number on: recorded ones in order, transient ones as they come."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Sequence
from typing import Any, Final

from workflows_app.api.feeds import streams, watch
from workflows_app.api.feeds.streams import Batch, Reader
from workflows_app.api.shapes import events
from workflows_app.engine.host.live import Event
from workflows_app.engine.run import log
from workflows_app.models import Run
from workflows_app.news import NewsListener, Order
from workflows_app.planner.statuses import ENDED
from workflows_app.threads import in_thread

#: Events that are read at a time.
BATCH: Final = 200


def is_over(run: Run, after: int) -> bool:
    """Return whether a run has ended and nothing is left to tell after a number."""
    row = Run.objects.filter(pk=run.pk).values_list("status", "event_seq").first()
    return row is None or (row[0] in ENDED and after >= row[1])


async def followed(
    reader: Reader,
    run: Run,
    after: int,
    *,
    ends: Collection[str] = ENDED,
    begin: Callable[[], Awaitable[object]] | None = None,
) -> AsyncGenerator[Batch]:
    """Yield the events after a number, until the run has one of the statuses in `ends`.

    `begin` is called once this listens, so that nothing that it begins is missed; what it raises
    comes out of the first step of the iteration. An empty batch says that nothing happened for a
    while.
    """
    news, new, order = NewsListener(run.pk), asyncio.Event(), Order(after)
    news.call = watch.ringer(new)
    silent_since = time.monotonic()
    try:
        with watch.watched(run.pk, lambda: order.seen, new):
            await in_thread(news.open)()
            if begin is not None:
                await begin()
            while await reader.may_go_on():
                new.clear()
                found, is_last = await in_thread(_read)(run, order.seen, ends)
                arranged = list(order.arrange(news.take(), found))
                arranged += order.rest() if is_last else ()
                if arranged:
                    yield await in_thread(_shown)(reader, run, arranged)
                if is_last:
                    return
                if arranged:
                    silent_since = time.monotonic()
                elif time.monotonic() - silent_since >= streams.SILENCE:
                    silent_since = time.monotonic()
                    yield ()
                if not found:
                    await streams.is_soon(new, streams.SILENCE)
    finally:
        news.close()


def _read(run: Run, after: int, ends: Collection[str]) -> tuple[list[Event], bool]:
    """Return what was recorded since, and whether that was the last."""
    row = Run.objects.filter(pk=run.pk).values_list("status", "event_seq").first()
    if row is None:
        return [], True
    found = log.read_referring(run.pk, after, BATCH) if row[1] > after else []
    last = found[-1]["seq"] if found else after
    return found, row[0] in ends and last >= row[1]


def _shown(reader: Reader, run: Run, found: Sequence[Event]) -> list[tuple[str | None, Any]]:
    shown = events.listed(reader.call, run.pk, found)
    return [(None if each["seq"] is None else str(each["seq"]), each) for each in shown]
