"""Following a run: its recorded events by number, transient ones as they come."""

from __future__ import annotations

import asyncio
import queue
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from pydantic import BaseModel, ConfigDict, Field

from workflows_app.engine import lending, log, ports
from workflows_app.engine.live import Event
from workflows_app.models import Run as RunRow
from workflows_app.planner.statuses import ENDED, SETTLED
from workflows_app.threads import in_thread

if TYPE_CHECKING:
    import uuid

    from workflows_app.results import WorkflowResult
    from workflows_app.run import Run

#: Events read at a time, and seconds between looks for what another process recorded.
_BATCH: Final = 200
_LOOK_AGAIN: Final = 0.5


class StreamEvent(BaseModel):
    """One event of a run. `seq` has no gaps within a run; a transient event has none."""

    model_config = ConfigDict(populate_by_name=True)

    type: str
    run_id: str
    seq: int | None = None
    timeline: int | None = None
    at: datetime
    from_: str = Field(default="WORKFLOW", alias="from")
    payload: dict[str, Any] = Field(default_factory=dict)


class RunStream:
    """The events of a run from a number on: iterate it, then ask for `result` and `status`.

    Leaving it does not stop the run. What was recorded is never missed; it ends when the run has
    settled (with `close_on_suspend=False`: ended) and all events were given.
    """

    def __init__(
        self,
        run: Run,
        after: int | None,
        *,
        close_on_suspend: bool = True,
        begin: Callable[[], object] | None = None,
    ) -> None:
        self._run = run
        #: The number of the event given last; None: what was there before the verb is left out.
        self._seen = after or 0
        self._skips_present = after is None
        self._ends = SETTLED if close_on_suspend else ENDED
        self._begin = begin

    @property
    def result(self) -> WorkflowResult:
        """The run's result as it stands."""
        return self._run.result()

    @property
    def status(self) -> str:
        """The run's status as it stands."""
        return self._run.refresh().status

    def __iter__(self) -> Iterator[StreamEvent]:
        """Yield events as they are recorded."""
        news: queue.SimpleQueue[list[Event]] = queue.SimpleQueue()
        unsubscribe = ports.hub().subscribe(self._run.pk, lambda _seq, events: news.put(events))
        try:
            with lending.waiting(self._run.pk) as borrow:
                self._start()
                is_over = False
                while not is_over:
                    transient = _drain(news)
                    events, is_over = self._read()
                    yield from map(_as_event, [*transient, *events])
                    if not events and not is_over:
                        _put_back(news, _get(news))
                        if borrow is not None:
                            borrow()
        finally:
            unsubscribe()

    async def __aiter__(self) -> AsyncIterator[StreamEvent]:
        """Yield events as they are recorded, without blocking the loop."""
        loop = asyncio.get_running_loop()
        news: asyncio.Queue[list[Event]] = asyncio.Queue()

        def tell(_seq: int | None, events: list[Event]) -> None:
            loop.call_soon_threadsafe(news.put_nowait, events)

        unsubscribe = ports.hub().subscribe(self._run.pk, tell)
        try:
            with lending.waiting(self._run.pk) as borrow:
                await in_thread(self._start)()
                is_over = False
                pending: list[Event] = []
                while not is_over:
                    while not news.empty():
                        pending += news.get_nowait()
                    events, is_over = await in_thread(self._read)()
                    for event in [*pending, *events]:
                        yield _as_event(event)
                    pending = []
                    if not events and not is_over:
                        pending = await _next(news)
                        if borrow is not None:
                            borrow()
        finally:
            unsubscribe()

    def _start(self) -> None:
        if self._begin is not None:
            begin, self._begin = self._begin, None
            if self._skips_present:
                row = RunRow.objects.filter(pk=self._run.pk).values_list("event_seq", flat=True)
                self._seen = row.first() or 0
            begin()

    def _read(self) -> tuple[list[Event], bool]:
        """Return what was recorded since, and whether that was the end."""
        row = RunRow.objects.filter(pk=self._run.pk)
        found = row.values_list("status", "event_seq", "hooks_pending").first()
        events = log.read(self._run.pk, self._seen, _BATCH)
        if events:
            self._seen = events[-1]["seq"]
        if found is None:
            return events, True
        status, last, hooks_pending = found
        return events, status in self._ends and self._seen >= last and hooks_pending == 0


def _as_event(event: Event) -> StreamEvent:
    return StreamEvent.model_validate(event)


def _drain(news: queue.SimpleQueue[list[Event]]) -> list[Event]:
    found: list[Event] = []
    while not news.empty():
        found += news.get()
    return found


def _get(news: queue.SimpleQueue[list[Event]]) -> list[Event]:
    try:
        return news.get(timeout=_LOOK_AGAIN)
    except queue.Empty:
        return []


def _put_back(news: queue.SimpleQueue[list[Event]], events: list[Event]) -> None:
    if events:
        news.put(events)


async def _next(news: asyncio.Queue[list[Event]]) -> list[Event]:
    try:
        return await asyncio.wait_for(news.get(), _LOOK_AGAIN)
    except TimeoutError:
        return []


def read_events(run: uuid.UUID, after: int = 0) -> list[StreamEvent]:
    """Return every recorded event of a run after a number."""
    found: list[StreamEvent] = []
    while batch := log.read(run, after, _BATCH):
        found += map(_as_event, batch)
        after = batch[-1]["seq"]
    return found
