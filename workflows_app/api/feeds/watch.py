"""Looking now and then at the numbers of all runs that are followed: news may be lost.

One look for all streams of a loop, however many there are.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final
from weakref import WeakKeyDictionary

from workflows_app.models import Run
from workflows_app.threads import in_thread

logger = logging.getLogger(__name__)

#: Seconds between two looks.
PACE: Final = 2.0


class _Watch:
    """The streams of one loop, by the run that each follows."""

    def __init__(self) -> None:
        #: For each stream: its run, the last number that it knows, and how to wake it.
        self._streams: dict[object, tuple[uuid.UUID, Callable[[], int], asyncio.Event]] = {}
        self._task: asyncio.Task[None] | None = None

    def add(self, key: object, run: uuid.UUID, seen: Callable[[], int], new: asyncio.Event) -> None:
        """Wake a stream from now on where its run is further than it knows, or is gone."""
        self._streams[key] = (run, seen, new)
        if self._task is None:
            self._task = asyncio.create_task(self._look())

    def remove(self, key: object) -> None:
        """Forget a stream; without any nobody looks."""
        self._streams.pop(key, None)
        if not self._streams and self._task is not None:
            self._task.cancel()
            self._task = None

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(PACE)
            try:
                runs = {run for run, _, _ in self._streams.values()}
                numbers = await in_thread(_numbers)(runs)
            except Exception:
                logger.exception("The numbers of the runs could not be read; trying again.")
                continue
            for run, seen, new in self._streams.values():
                if numbers.get(run, -1) != seen():
                    new.set()


def _numbers(runs: set[uuid.UUID]) -> dict[uuid.UUID, int]:
    return dict(Run.objects.filter(pk__in=runs).values_list("pk", "event_seq"))


_watches: Final[WeakKeyDictionary[asyncio.AbstractEventLoop, _Watch]] = WeakKeyDictionary()


@contextmanager
def watched(run: uuid.UUID, seen: Callable[[], int], new: asyncio.Event) -> Iterator[None]:
    """Let a stream be woken where it missed news of its run."""
    watch = _watches.setdefault(asyncio.get_running_loop(), _Watch())
    key = object()
    watch.add(key, run, seen, new)
    try:
        yield
    finally:
        watch.remove(key)


def ringer(new: asyncio.Event) -> Callable[[], None]:
    """Return what wakes a stream of this loop from any thread."""
    loop = asyncio.get_running_loop()

    def ring() -> None:
        with contextlib.suppress(RuntimeError):  # the loop was closed meanwhile
            loop.call_soon_threadsafe(new.set)

    return ring
