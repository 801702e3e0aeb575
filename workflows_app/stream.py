"""Following a run: recorded events by number, transient events as they come."""

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
from workflows_app.engine.host import ports, transactions
from workflows_app.engine.host.live import Event
from workflows_app.engine.run import log
from workflows_app.engine.verbs import waiting
from workflows_app.engine.work import lending
from workflows_app.models import Run as RunRow
from workflows_app.news import NewsListener, Order
from workflows_app.planner.statuses import ENDED, SETTLED
from workflows_app.threads import in_thread, is_on_loop

if TYPE_CHECKING:
    import uuid

    from workflows_app.results import WorkflowResult
    from workflows_app.run import Run

#: Events read at a time, and seconds between looks for events of other processes.
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

    Leaving it does not stop the run, and no recorded event is missed. It ends when the run has
    settled (with `close_on_suspend=False`: ended) and all events were yielded. A stream that began
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
        """Follow a run after an event number; None: leave out the events before `begin`.

        `begin` is called when the stream is first iterated; `result` reads the result.
        """
        self._run = run
        self._order = Order(after or 0)
        self._skips_present = after is None
        self._ends = SETTLED if close_on_suspend else ENDED
        self._begin = begin
        #: Whether this stream began the run or verb that it follows.
        self._began = False
        #: Whether it has waited the full time without news.
        self._has_waited = False
        self._read_result = result or run.result
        #: The result when the stream was last iterated to its end on an event loop.
        self._last_result: WorkflowResult | None = None
        self._news = NewsListener(run.pk)
        weakref.finalize(self, self._news.close)

    @property
    def result(self) -> WorkflowResult:
        """The run's current result; on an event loop, the result at the stream's end."""
        return self._read_result() if not is_on_loop() else self._at_end()

    @property
    def status(self) -> str:
        """The run's current status; on an event loop, the status at the stream's end."""
        return self._run.refresh().status if not is_on_loop() else self._at_end().status

    async def aresult(self) -> WorkflowResult:
        """Async twin of `result`: the current result."""
        return await in_thread(self._read_result)()

    def _at_end(self) -> WorkflowResult:
        if self._last_result is None:
            raise errors.InsideEventLoop(
                "The stream was not iterated to its end, and reading the result would block the "
                "event loop. Iterate it with `async for`, or call `await stream.aresult()`."
            )
        return self._last_result

    def begin(self, verb: Callable[[], object]) -> Self:
        """Listen, then call the verb, so that no event of it is missed; return the stream."""
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
                    # After the read, because transient events before a recorded event have arrived
                    # by then.
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
        """Inside a `TestCase`, continue a run that nobody else sees; return whether that is the
        case.

        Raises WaitInsideTransaction if the work of others on it would not be visible.
        """
        transactions.refuse_waiting("The stream", FOLLOW_LATER)
        return transactions.is_inside_testcase() and waiting.go_on_in_test(self._run.pk)

    def _heard(self, events: list[Event]) -> list[Event]:
        """Return the recorded events whose news has come, so that earlier transient events are
        here, too.

        News from other processes come later than their recorded events; if none come for a while,
        the stream does not wait for them.
        """
        has_waited, self._has_waited = self._has_waited, False
        if not ports.notifier().crosses_processes or not self._began or has_waited:
            return events
        return [event for event in events if event["seq"] <= self._news.newest]

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
        """Return whether no more events will be recorded."""
        row = RunRow.objects.filter(pk=self._run.pk)
        found = row.values_list("status", "hooks_pending").first()
        return found is None or (found[0] in self._ends and found[1] == 0)

    def _read(self) -> tuple[list[Event], bool]:
        """Return the newly recorded events, and whether they are the last."""
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
    """Wait a moment for news; return whether any came."""
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
