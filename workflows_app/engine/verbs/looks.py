"""Looking at the runs that callers on an event loop wait for: all that are due in one statement.

News may be lost, and other processes may write without any. The pause between two looks at a run
grows, so that a thousand callers who wait for long cost no more than one.
"""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final
from weakref import WeakKeyDictionary

from workflows_app.models import Run
from workflows_app.planner.statuses import SETTLED
from workflows_app.threads import in_thread

logger = logging.getLogger(__name__)

_SETTLED: Final = [status.value for status in SETTLED]
#: Seconds between looks at one run; they grow from the first to the last.
FIRST: Final = 0.05
LAST: Final = 1.0
#: A look takes those along that would be due within this part of their own pause.
_EARLY: Final = 0.5


@dataclass(eq=False)
class _Waiter:
    """One caller who waits, and when their run is looked at next (seconds, monotonic)."""

    run: uuid.UUID
    changed: asyncio.Event
    due: float
    pause: float = FIRST

    @property
    def earliest(self) -> float:
        """From when on a look takes this one along."""
        return self.due - self.pause * _EARLY


class _Looks:
    """The callers on one event loop; a task looks for them while there are any."""

    def __init__(self) -> None:
        self._waiters: set[_Waiter] = set()
        self._sooner = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def add(self, run: uuid.UUID, changed: asyncio.Event) -> Callable[[], None]:
        """Set `changed` once the run has settled or is gone; return what ends that."""
        waiter = _Waiter(run, changed, time.monotonic() + FIRST)
        self._waiters.add(waiter)
        self._sooner.set()
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._look())

        def end() -> None:
            self._waiters.discard(waiter)
            if not self._waiters and self._task is not None:
                self._task.cancel()
                self._task = None

        return end

    async def _look(self) -> None:
        while True:
            await self._until_due()
            now = time.monotonic()
            due = [waiter for waiter in self._waiters if waiter.earliest <= now]
            try:
                going_on = await in_thread(_going_on)({waiter.run for waiter in due})
            except Exception:
                logger.exception("The runs that are waited for could not be read; trying again.")
                going_on = {waiter.run for waiter in due}
            now = time.monotonic()
            for waiter in due:
                if waiter.run not in going_on:
                    waiter.changed.set()
                waiter.pause = min(waiter.pause * 2, LAST)
                waiter.due = now + waiter.pause

    async def _until_due(self) -> None:
        """Wait until the first of them is due; one that comes meanwhile may be the first."""
        while True:
            self._sooner.clear()
            left = min(waiter.due for waiter in self._waiters) - time.monotonic()
            if left <= 0:
                return
            try:
                await asyncio.wait_for(self._sooner.wait(), left)
            except TimeoutError:
                return


def _going_on(runs: Iterable[uuid.UUID]) -> set[uuid.UUID]:
    """Return those of the runs that are there and have not settled."""
    found: set[uuid.UUID] = set()
    for some in _parts(list(runs)):
        rows = Run.objects.filter(pk__in=some).exclude(status__in=_SETTLED, hooks_pending=0)
        found.update(rows.values_list("pk", flat=True))
    return found


def _parts(runs: Sequence[uuid.UUID]) -> Iterator[Sequence[uuid.UUID]]:
    yield from (runs[start : start + _MOST] for start in range(0, len(runs), _MOST))


#: Runs in one statement.
_MOST: Final = 500

_looks: Final[WeakKeyDictionary[asyncio.AbstractEventLoop, _Looks]] = WeakKeyDictionary()


@contextmanager
def looked_at(run: uuid.UUID, changed: asyncio.Event) -> Iterator[None]:
    """Set the event whenever a look says that the run has settled or is gone."""
    end = _looks.setdefault(asyncio.get_running_loop(), _Looks()).add(run, changed)
    try:
        yield
    finally:
        end()
