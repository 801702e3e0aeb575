"""Live parts over the sockets: drawn once for all who look at the same, and sent when it is news.

A page orders one part at a time and says up to which number it shows the run. It gets the part as
soon as there is more, and orders the next one after it has shown this one, so that a hidden, paused
or slow page is sent nothing. Only a few parts are drawn at a time, in turn: under load, pages wait
a little longer and the process keeps time for its other work.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from functools import partial
from typing import Final
from weakref import WeakKeyDictionary

from . import news as live
from .load import load
from .news import Follower, Listener
from .readers import Readers
from .shared import FRESH, Part

logger = logging.getLogger(__name__)

#: The seconds between the starts of two drawings of the same part.
PACE: Final = 0.35
#: How many drawings run at one time: while one waits for the database, another goes on.
AT_ONCE: Final = 2
#: How many views of one run are remembered; those without orders for longest are dropped first.
MOST_LOOKS: Final = 64

#: Draws the part as it is now, with at least the event of this number; raises if it cannot.
Draw = Callable[[int], Part]


@dataclass(eq=False)
class _SharedPart:
    """One view of one run, shared by all who may see the same of it."""

    follower: Follower
    #: Who waits for the next drawing, with the number up to which each shows the run.
    orders: dict[Listener, tuple[int, Draw]] = field(default_factory=dict)
    task: asyncio.Task[None] | None = None
    began: float = 0.0
    #: The last drawing as it was sent, and its number.
    latest: tuple[int, str] = (0, "")

    def newest(self, shown: int) -> str:
        """Return the drawing just sent, if it has more than `shown`; otherwise an empty string.

        A page that orders a little late thus gets the next drawing together with the others.
        """
        seq, text = self.latest
        return text if seq > shown and time.monotonic() - self.began < FRESH else ""

    def serve(self) -> None:
        """Draw for those who show less than there is, unless that is in progress."""
        if self.task is None and self._draw() is not None:
            self.task = asyncio.create_task(self._serve())

    def _draw(self) -> Draw | None:
        last = self.follower.last
        return next((draw for shown, draw in self.orders.values() if shown < last), None)

    async def _serve(self) -> None:
        loop = asyncio.get_running_loop()
        while self._draw() is not None:
            due = self.began + load.stretched(PACE) - time.monotonic()
            if due > 0:
                await asyncio.sleep(due)
            async with _turns.setdefault(loop, asyncio.Semaphore(AT_ONCE)):
                self.began = time.monotonic()
                if draw := self._draw():
                    await self._send(await _drawn(draw, self.follower.last))
        self.task = None

    async def _send(self, part: Part | None) -> None:
        """Send a part to those who show less; without one, ask them to fetch it themselves."""
        # A part that cannot be drawn counts as having all events, so that nobody asks forever.
        seq = self.follower.last if part is None else part.seq
        html = part.html if part is not None and part.is_shared else None
        text = json.dumps({"type": "part", "seq": seq, "html": html})
        self.latest = (0, "") if html is None else (seq, text)
        for listener in [each for each, (shown, _) in self.orders.items() if shown < seq]:
            del self.orders[listener]
            await live.tell(listener, text)


async def _drawn(draw: Draw, seq: int) -> Part | None:
    try:
        return await _readers.do(partial(draw, seq))
    except Exception:
        logger.exception("A live part could not be drawn; the pages fetch it themselves.")
        return None


_looks: WeakKeyDictionary[Follower, OrderedDict[Hashable, _SharedPart]] = WeakKeyDictionary()
_turns: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = WeakKeyDictionary()
#: Separate from the threads that read the logs, which must not wait behind drawings.
_readers: Final = Readers("parts", AT_ONCE)


async def order(
    follower: Follower, listener: Listener, key: Hashable, shown: int, draw: Draw
) -> None:
    """Send a listener, which shows the run up to number `shown`, the next part that exists.

    `key` must tell apart everything but the log that the drawing depends on: equal keys get the
    same part. An earlier order of the listener is dropped.
    """
    withdraw(follower, listener)
    looks = _looks.setdefault(follower, OrderedDict())
    look = looks.setdefault(key, _SharedPart(follower))
    looks.move_to_end(key)
    if text := look.newest(shown):
        await live.tell(listener, text)
        return
    look.orders[listener] = shown, draw
    follower.on_sent.add(look.serve)
    look.serve()
    for old in [each for each, known in looks.items() if not known.orders][:-MOST_LOOKS]:
        follower.on_sent.discard(looks.pop(old).serve)


def withdraw(follower: Follower, listener: Listener) -> None:
    """Drop the order of a listener, if it has one."""
    for look in _looks.get(follower, {}).values():
        look.orders.pop(listener, None)
