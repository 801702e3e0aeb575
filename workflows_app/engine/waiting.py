"""Waiting until a run settles: woken by the hub, with a look at the database now and then."""

import asyncio
import threading
import time
import uuid
from typing import Final

from workflows_app import errors
from workflows_app.engine import ports
from workflows_app.models import Run, statements
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
    return found is None or (found.status in _SETTLED and found.hooks_pending == 0)


def wait(run: uuid.UUID, timeout: float | None) -> None:
    """Wait until the run settles. Raises WaitTimeout after `timeout` seconds; the run goes on."""
    changed = threading.Event()
    unsubscribe = ports.hub().subscribe_settled(run, changed.set)
    started = time.monotonic()
    pause = _FIRST_LOOK
    try:
        while True:
            changed.clear()
            if has_settled(run):
                return
            left = _left(run, started, timeout)
            pause = _FIRST_LOOK if changed.wait(min(pause, left)) else min(pause * 2, _LAST_LOOK)
    finally:
        unsubscribe()


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
