"""Waiting until a run settles: woken by the hub, with a look at the database now and then."""

import asyncio
import threading
import time
import uuid
from collections.abc import Callable
from contextlib import ExitStack
from typing import Final, NoReturn, Self

from workflows_app import errors
from workflows_app.engine import handover, lending, ports
from workflows_app.engine.recall import Recalled
from workflows_app.models import Run, StepSnapshot, statements
from workflows_app.planner.statuses import SETTLED
from workflows_app.threads import in_thread

#: Seconds between looks, for what another process did: they grow from the first to the second.
_FIRST_LOOK: Final = 0.05
_LAST_LOOK: Final = 1.0

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
    """Return whether the run has settled and its hooks were called. A deleted one has."""
    found = _STANDING.find(run)
    return found is None or is_settled(found)


def is_settled(run: Run) -> bool:
    """Return whether a run, as it was read, has settled and its hooks were called."""
    return run.status in _SETTLED and run.hooks_pending == 0


class Expected:
    """What a caller waits for who subscribed before it let the run go on."""

    def __init__(self, run: uuid.UUID) -> None:
        self._run = run
        self._changed = threading.Event()
        #: What the process that ended the run told of it.
        self._told: str | None = None
        self._ear: ports.Ear | None = None
        self._ended = ExitStack()
        #: Inside a step: has another thread work on the run.
        self._borrow: Callable[[], None] | None = None

    def __enter__(self) -> Self:
        self._borrow = self._ended.enter_context(lending.waiting(self._run))
        self._ended.callback(ports.hub().subscribe_settled(self._run, self._look_up))
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.close()

    def end(self, begun: Run) -> tuple[Run, list[Recalled]] | None:
        """Return the run and its steps if the process that ended it told what came of it."""
        return handover.unpack_end(self._told, begun) if self._told else None

    def wait(
        self,
        timeout: float | None,
        is_settled: Callable[[], bool],
        ear: ports.Ear | None = None,
    ) -> None:
        """Wait until it settles, as `wait` does; look when there is news, or the ear hears of it.

        Now and then it is asked without news whether it has settled, before that is looked at.
        """
        self._ear = ear
        started = time.monotonic()
        pause = _FIRST_LOOK if self._borrow is None else lending.PATIENCE
        while True:
            left = _seconds_left(started, timeout)
            if left <= 0:
                _refuse_waiting(self._run, timeout)
            woken = self._is_woken(min(pause, left))
            if (woken or has_settled(self._run)) and is_settled():
                return
            pause = _FIRST_LOOK if woken else min(pause * 2, _LAST_LOOK)
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
            if not self._changed.is_set():  # whoever sets it from here on rings
                self._told = self._ear.hear(self._run, seconds)
            woken = self._told is not None or self._changed.is_set()
        self._changed.clear()
        return woken


def wait(run: uuid.UUID, timeout: float | None) -> None:
    """Wait until the run settles. Raises WaitTimeout after `timeout` seconds; the run goes on."""
    with Expected(run) as expected:
        if not has_settled(run):
            expected.wait(timeout, lambda: has_settled(run))


async def await_settled(run: uuid.UUID, timeout: float | None) -> None:
    """Wait on the event loop until the run settles; the same as `wait`."""
    loop = asyncio.get_running_loop()
    changed = asyncio.Event()

    def tell() -> None:
        loop.call_soon_threadsafe(changed.set)

    unsubscribe = ports.hub().subscribe_settled(run, tell)
    started = time.monotonic()
    look = in_thread(has_settled)
    try:
        with lending.waiting(run) as borrow:
            pause = _FIRST_LOOK if borrow is None else lending.PATIENCE
            while True:
                changed.clear()
                if await look(run):
                    return
                left = _seconds_left(started, timeout)
                if left <= 0:
                    await in_thread(_refuse_waiting)(run, timeout)
                try:
                    await asyncio.wait_for(changed.wait(), min(pause, left))
                    pause = _FIRST_LOOK
                except TimeoutError:
                    pause = min(pause * 2, _LAST_LOOK)
                if borrow is not None:
                    borrow()
    finally:
        unsubscribe()


def _seconds_left(started: float, timeout: float | None) -> float:
    return _LAST_LOOK if timeout is None else timeout - (time.monotonic() - started)


def _refuse_waiting(run: uuid.UUID, timeout: float | None) -> NoReturn:
    rows = Run.objects.filter(pk=run).values("run_id", "status")
    found = rows.first() or {"run_id": str(run), "status": "gone"}
    raise errors.WaitTimeout(
        f"Run {found['run_id']!r} is {found['status']} after {timeout} s; it goes on without the "
        "caller. Ask for its result() later."
    )


def go_on_in_test(run: uuid.UUID, timeout: float | None = None) -> bool:
    """Run what a run has to do inside a `TestCase`; False: others do, though its rows are hidden.

    Raises WaitTimeout when it does not settle after `timeout` seconds of waiting (None: two).
    Nobody else sees the rows of a test, so a sleep of days would last for days.
    """
    if not ports.dispatcher().drive(run, timeout):
        return False
    if not has_settled(run):
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
        "a TransactionTestCase, in which workers go on with it."
    )
