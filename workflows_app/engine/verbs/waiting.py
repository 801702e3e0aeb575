"""Waiting until a run settles: the hub wakes the caller, who also looks at the database."""

import asyncio
import threading
import time
import uuid
from collections.abc import Callable
from contextlib import ExitStack, suppress
from typing import Final, NoReturn, Self

from workflows_app import errors
from workflows_app.engine.host import clock, ports
from workflows_app.engine.run import transfer
from workflows_app.engine.run.recall import Recalled
from workflows_app.engine.verbs import looks
from workflows_app.engine.work import lending
from workflows_app.models import Run, StepSnapshot, statements
from workflows_app.planner.statuses import SETTLED
from workflows_app.threads import in_thread

_STANDING: Final = statements.Reader(
    Run,
    "pk",
    leaving=[
        field.name
        for field in Run._meta.concrete_fields  # noqa: SLF001 - documented API
        if field.name not in {"id", "status", "hooks_pending"}
    ],
)
_SETTLED: Final = [status.value for status in SETTLED]


def has_settled(run: uuid.UUID) -> bool:
    """Return whether the run has settled and its hooks were called, or the run was deleted."""
    found = _STANDING.find(run)
    return found is None or is_settled(found)


def is_settled(run: Run) -> bool:
    """Return whether a run, as it was read, has settled and its hooks were called."""
    return run.status in _SETTLED and run.hooks_pending == 0


class Expected:
    """The end of a run, for a caller that subscribes before it lets the run continue."""

    def __init__(self, run: uuid.UUID) -> None:
        self._run = run
        self._changed = threading.Event()
        #: The result, as the process that ended the run has sent it.
        self._told: str | None = None
        self._ear: ports.Ear | None = None
        self._ended = ExitStack()
        #: Inside a step: borrows another thread, which works on the run.
        self._borrow: Callable[[], None] | None = None

    def __enter__(self) -> Self:
        self._borrow = self._ended.enter_context(lending.waiting(self._run))
        self._ended.callback(ports.hub().subscribe_settled(self._run, self._look_up))
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.close()

    def known_end(self, begun: Run) -> tuple[Run, list[Recalled]] | None:
        """Return the run and its steps if the process that ended it has sent them."""
        return transfer.unpack_end(self._told, begun) if self._told else None

    def wait(
        self,
        timeout: float | None,
        is_settled: Callable[[], bool],
        ear: ports.Ear | None = None,
    ) -> None:
        """Wait until `is_settled`; it is called when there is news or the ear hears the result.

        Without news, it is called only if a look at the run's status says that it has settled.
        Raises WaitTimeout after `timeout` seconds.
        """
        self._ear = ear
        started = time.monotonic()
        pause = looks.FIRST if self._borrow is None else lending.PATIENCE
        while True:
            left = _seconds_left(started, timeout)
            if left <= 0:
                _refuse_waiting(self._run, timeout)
            woken = self._is_woken(min(pause, left))
            if (woken or has_settled(self._run)) and is_settled():
                return
            pause = looks.FIRST if woken else min(pause * 2, looks.LAST)
            if self._borrow is not None:
                self._borrow()

    def _look_up(self) -> None:
        self._changed.set()
        if self._ear is not None:
            self._ear.ring()

    def _is_woken(self, seconds: float) -> bool:
        if self._ear is None:
            woken = self._changed.wait(seconds)
        else:
            if not self._changed.is_set():  # from here on, whoever sets it also rings the ear
                self._told = self._ear.hear(self._run, seconds)
            woken = self._told is not None or self._changed.is_set()
        self._changed.clear()
        return woken


def wait(run: uuid.UUID, timeout: float | None) -> None:
    """Wait until the run settles. Raises WaitTimeout after `timeout` seconds; the run continues."""
    with Expected(run) as expected:
        if not has_settled(run):
            expected.wait(timeout, lambda: has_settled(run))


async def await_settled(run: uuid.UUID, timeout: float | None) -> None:
    """Wait on the event loop until the run settles; otherwise the same as `wait`."""
    loop = asyncio.get_running_loop()
    changed = asyncio.Event()

    def tell() -> None:
        loop.call_soon_threadsafe(changed.set)

    unsubscribe = ports.hub().subscribe_settled(run, tell)
    started = time.monotonic()
    look = in_thread(has_settled)
    try:
        with lending.waiting(run) as borrow, looks.looked_at(run, changed):
            changed.set()
            while True:
                if changed.is_set():
                    changed.clear()
                    if await look(run):
                        return
                left = None if timeout is None else timeout - (time.monotonic() - started)
                if left is not None and left <= 0:
                    await in_thread(_refuse_waiting)(run, timeout)
                await _is_set(changed, left if borrow is None else lending.PATIENCE)
                if borrow is not None:
                    borrow()
    finally:
        unsubscribe()


async def _is_set(changed: asyncio.Event, seconds: float | None) -> None:
    """Wait for the event, or so long (None: for as long as it takes)."""
    with suppress(TimeoutError):
        await asyncio.wait_for(changed.wait(), seconds)


def _seconds_left(started: float, timeout: float | None) -> float:
    return looks.LAST if timeout is None else timeout - (time.monotonic() - started)


def _refuse_waiting(run: uuid.UUID, timeout: float | None) -> NoReturn:
    rows = Run.objects.filter(pk=run).values("run_id", "status")
    found = rows.first() or {"run_id": str(run), "status": "gone"}
    raise errors.WaitTimeout(
        f"Run {found['run_id']!r} is {found['status']} after {timeout} s; it continues without the "
        "caller. Ask for its result() later."
    )


def go_on_in_test(run: uuid.UUID, timeout: float | None = None) -> bool:
    """Run the steps of a run inside a `TestCase`; return False if the dispatcher does not do that.

    Nobody else sees the rows of a test, so a sleep of days would last for days. Raises WaitTimeout
    if the run does not settle within `timeout` seconds of waiting (None: one).
    """
    if not ports.dispatcher().drive(run, timeout):
        return False
    if not has_settled(run) and not clock.is_stopped():
        _refuse_in_test(run)
    return True


def _refuse_in_test(run: uuid.UUID) -> NoReturn:
    found = Run.objects.values("run_id", "status").get(pk=run)
    waits = StepSnapshot.objects.current().filter(run=run, wake_at__isnull=False)
    first = waits.order_by("wake_at").values_list("path", "wake_at").first()
    what = (
        f"step {first[0]!r} waits until {first[1]:%Y-%m-%d %H:%M:%S} UTC" if first else "it waits"
    )
    raise errors.WaitTimeout(
        f"Run {found['run_id']!r} is {found['status']}: {what}, and time does not pass inside a "
        "TestCase, where nobody but the caller sees the run. Give the sleep or the retry a short "
        "delay in tests; or call the verb with wait=False and look at the run as it waits; or use "
        "a TransactionTestCase, in which workers continue it."
    )
