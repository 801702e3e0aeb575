"""Following a run: its recorded events by number, transient ones as they come."""

from __future__ import annotations

import asyncio
import contextlib
import weakref
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Self

from pydantic import BaseModel, ConfigDict, Field

from workflows_app import errors
from workflows_app.engine import lending, log, ports, transactions, waiting
from workflows_app.engine.live import Event
from workflows_app.models import Run as RunRow
from workflows_app.news import News, Order
from workflows_app.planner.statuses import ENDED, SETTLED
from workflows_app.threads import in_thread, is_on_loop

if TYPE_CHECKING:
    import uuid

    from workflows_app.results import WorkflowResult
    from workflows_app.run import Run

#: Events read at a time, and seconds between looks for what another process recorded.
_BATCH: Final = 200
_LOOK_AGAIN: Final = 0.5

#: What to do instead of following a run inside a transaction.
FOLLOW_LATER: Final = (
    "Begin with wait=False there (start, resume, time_travel), and follow the run after the "
    "transaction, with observe_stream()."
)


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
    settled (with `close_on_suspend=False`: ended) and all events were given. A stream that began
    the run has its transient events, too, each in its place.
    """

    def __init__(
        self,
        run: Run,
        after: int | None,
        *,
        close_on_suspend: bool = True,
        begin: Callable[[], object] | None = None,
        result: Callable[[], WorkflowResult] | None = None,
    ) -> None:
        """Follow a run after a number; None: what there is before `begin` is left out.

        `begin` is called when it is first iterated; `result` reads the result as it was asked for.
        """
        self._run = run
        self._order = Order(after or 0)
        self._skips_present = after is None
        self._ends = SETTLED if close_on_suspend else ENDED
        self._begin = begin
        #: Whether it began what it follows.
        self._began = False
        #: Whether no news came for as long as they are waited for.
        self._has_waited = False
        self._read_result = result or run.result
        #: As it was when it was last iterated to its end on an event loop.
        self._last_result: WorkflowResult | None = None
        self._news = News(run.pk)
        weakref.finalize(self, self._news.close)

    @property
    def result(self) -> WorkflowResult:
        """The run's result as it stands; on an event loop, as it stood at the stream's end."""
        return self._read_result() if not is_on_loop() else self._at_end()

    @property
    def status(self) -> str:
        """The run's status as it stands; on an event loop, as it stood at the stream's end."""
        return self._run.refresh().status if not is_on_loop() else self._at_end().status

    async def aresult(self) -> WorkflowResult:
        """Async twin of `result`: as it stands."""
        return await in_thread(self._read_result)()

    def _at_end(self) -> WorkflowResult:
        if self._last_result is None:
            raise errors.InsideEventLoop(
                "The stream was not iterated to its end, and reading the result would block the "
                "event loop. Iterate it with `async for`, or call `await stream.aresult()`."
            )
        return self._last_result

    def begin(self, verb: Callable[[], object]) -> Self:
        """Listen, call the verb, and return the stream: what the verb begins is not missed."""
        self._news.open()
        self._began = True
        try:
            verb()
        except BaseException:
            self._news.close()
            raise
        return self

    def __iter__(self) -> Iterator[StreamEvent]:
        """Yield events as they are recorded."""
        news = self._news
        news.open()
        try:
            with lending.waiting(self._run.pk) as borrow:
                self._start()
                is_over = False
                while not is_over:
                    news.expect()
                    events, is_over = self._read()
                    # After the read: what came before an event that is recorded is there by then.
                    yield from map(_as_event, self._order.arrange(news.take(), events))
                    if events or is_over or self._goes_on_here():
                        continue
                    self._has_waited = not news.wait(_LOOK_AGAIN)
                    if borrow is not None:
                        borrow()
            yield from map(_as_event, self._order.rest())
        finally:
            news.close()

    async def __aiter__(self) -> AsyncIterator[StreamEvent]:
        """Yield events as they are recorded, without blocking the loop."""
        news = self._news
        loop = asyncio.get_running_loop()
        is_new = asyncio.Event()
        news.call = partial(_ring, loop, is_new)
        try:
            with lending.waiting(self._run.pk) as borrow:
                await in_thread(self._begin_listening)()
                is_over = False
                while not is_over:
                    is_new.clear()
                    events, is_over = await in_thread(self._read)()
                    for event in self._order.arrange(news.take(), events):
                        yield _as_event(event)
                    if events or is_over or await in_thread(self._goes_on_here)():
                        continue
                    self._has_waited = not await _is_soon(is_new)
                    if borrow is not None:
                        borrow()
            for event in self._order.rest():
                yield _as_event(event)
            self._last_result = await in_thread(self._read_result)()
        finally:
            news.close()

    def _begin_listening(self) -> None:
        self._news.open()
        self._start()

    def _goes_on_here(self) -> bool:
        """Inside a `TestCase`, go on with a run that nobody else sees; return whether it is so.

        Raises WaitInsideTransaction where what others do with it would not be seen.
        """
        transactions.refuse_waiting("The stream", FOLLOW_LATER)
        return transactions.is_inside_testcase() and waiting.go_on_in_test(self._run.pk)

    def _heard(self, events: list[Event]) -> list[Event]:
        """Keep the recorded events whose news have come: transient ones before them have, too.

        From other processes news come later than what is recorded can be read; if none come for a
        while, they are not waited for.
        """
        is_elsewhere = getattr(ports.notifier(), "listen", None) is not None
        has_waited, self._has_waited = self._has_waited, False
        if not is_elsewhere or not self._began or has_waited:
            return events
        return [event for event in events if event["seq"] <= self._news.told]

    def _start(self) -> None:
        if transactions.is_inside_user_transaction() and (self._begin or not self._is_over()):
            transactions.refuse_waiting("The stream", FOLLOW_LATER)
        if self._begin is not None:
            begin, self._begin = self._begin, None
            self._began = True
            if self._skips_present:
                row = RunRow.objects.filter(pk=self._run.pk).values_list("event_seq", flat=True)
                self._order = Order(row.first() or 0)
            begin()

    def _is_over(self) -> bool:
        """Return whether nothing is added to what is recorded."""
        row = RunRow.objects.filter(pk=self._run.pk)
        found = row.values_list("status", "hooks_pending").first()
        return found is None or (found[0] in self._ends and found[1] == 0)

    def _read(self) -> tuple[list[Event], bool]:
        """Return what was recorded since, and whether that was the end."""
        row = RunRow.objects.filter(pk=self._run.pk)
        found = row.values_list("status", "event_seq", "hooks_pending").first()
        events = self._heard(log.read(self._run.pk, self._order.seen, _BATCH))
        seen = events[-1]["seq"] if events else self._order.seen
        if found is None:
            return events, True
        status, last, hooks_pending = found
        return events, status in self._ends and seen >= last and hooks_pending == 0


def _as_event(event: Event) -> StreamEvent:
    return StreamEvent.model_validate(event)


def _ring(loop: asyncio.AbstractEventLoop, is_new: asyncio.Event) -> None:
    with contextlib.suppress(RuntimeError):  # the loop was closed meanwhile
        loop.call_soon_threadsafe(is_new.set)


async def _is_soon(is_new: asyncio.Event) -> bool:
    """Wait for news; return whether some came."""
    try:
        return await asyncio.wait_for(is_new.wait(), _LOOK_AGAIN)
    except TimeoutError:
        return False


def read_events(run: uuid.UUID, after: int = 0) -> list[StreamEvent]:
    """Return every recorded event of a run after a number."""
    found: list[StreamEvent] = []
    while batch := log.read(run, after, _BATCH):
        found += map(_as_event, batch)
        after = batch[-1]["seq"]
    return found
