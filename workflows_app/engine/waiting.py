"""Waiting until a run settles: woken by the hub, with a look at the database now and then."""

import asyncio
import threading
import time
import uuid
from collections.abc import Callable
from typing import Final, Self

from workflows_app import errors
from workflows_app.engine import handover, ports
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
        self._unsubscribe = ports.hub().subscribe_settled(run, self._changed.set)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._unsubscribe()

    def end(self, begun: Run) -> tuple[Run, list[StepSnapshot]] | None:
        """Return the run and its steps if the process that ended it told what came of it."""
        text = ports.hub().end_of(self._run)
        return None if text is None else handover.unpack_end(text, begun)

    def wait(self, timeout: float | None, is_settled: Callable[[], bool]) -> None:
        """Wait until it settles, as `wait` does; look when there is news.

        Now and then it is asked without news whether it has settled, before that is looked at.
        """
        started = time.monotonic()
        pause = _FIRST_LOOK
        while True:
            left = _left(self._run, started, timeout)
            woken = self._changed.wait(min(pause, left))
            self._changed.clear()
            if (woken or has_settled(self._run)) and is_settled():
                return
            pause = _FIRST_LOOK if woken else min(pause * 2, _LAST_LOOK)


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
    pause = _FIRST_LOOK
    look = in_thread(has_settled)
    try:
        while True:
            changed.clear()
            if await look(run):
                return
            left = _left(run, started, timeout)
            try:
                await asyncio.wait_for(changed.wait(), min(pause, left))
                pause = _FIRST_LOOK
            except TimeoutError:
                pause = min(pause * 2, _LAST_LOOK)
    finally:
        unsubscribe()


def _left(run: uuid.UUID, started: float, timeout: float | None) -> float:
    """Return the seconds left; raise WaitTimeout when there are none."""
    if timeout is None:
        return _LAST_LOOK
    left = timeout - (time.monotonic() - started)
    if left <= 0:
        rows = Run.objects.filter(pk=run).values("run_id", "status")
        found = rows.first() or {"run_id": str(run), "status": "gone"}
        raise errors.WaitTimeout(
            f"Run {found['run_id']!r} is {found['status']} after {timeout} s; it goes on without "
            "the caller. Ask for its result() later."
        )
    return left
