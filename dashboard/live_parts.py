"""Live parts over the sockets: drawn once for all who look at the same, and sent when it is news.

A page orders one part at a time by saying up to which number it shows the run. It gets the part as
soon as there is more, and orders the next when it has shown this one: a page that is hidden, held
or slow is sent nothing. Few parts are drawn at a time, in turn, so that pages wait a little longer
under load and the process stays with what else it has to do.
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

from dashboard import live
from dashboard.live import Follower, Listener
from dashboard.load import load
from dashboard.readers import Readers
from dashboard.shared import FRESH, Part

logger = logging.getLogger(__name__)

#: Seconds between the beginnings of two drawings of the same.
PACE: Final = 0.35
#: Drawings at one time: while one waits for the database or the interpreter, another goes on.
AT_ONCE: Final = 2
#: Looks at one run that are remembered; those longest without an order go first.
MOST_LOOKS: Final = 64

#: Draws the part as it stands, holding at least the event with this number; raises where it cannot.
Draw = Callable[[int], Part]


@dataclass(eq=False)
class _Look:
    """One look at one run, for all who may see the same of it."""

    follower: Follower
    #: Who waits for the next drawing, and up to which number each shows the run.
    orders: dict[Listener, tuple[int, Draw]] = field(default_factory=dict)
    task: asyncio.Task[None] | None = None
    began: float = 0.0
    #: The last drawing as it was sent, and the number that it holds.
    latest: tuple[int, str] = (0, "")

    def newest(self, shown: int) -> str:
        """Return the drawing that was sent just now, for one who shows less; else nothing.

        Who comes a little late so has the next drawing together with the others.
        """
        seq, text = self.latest
        return text if seq > shown and time.monotonic() - self.began < FRESH else ""

    def serve(self) -> None:
        """Draw for those who show less than was told, unless that is under way."""
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
        """Send a part to those who show less; without one they are told to ask for themselves."""
        # It is taken to hold what was told, even where it cannot be drawn: nobody asks for ever.
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
        logger.exception("A live part could not be drawn; the pages ask for themselves.")
        return None


_looks: WeakKeyDictionary[Follower, OrderedDict[Hashable, _Look]] = WeakKeyDictionary()
_turns: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = WeakKeyDictionary()
#: Apart from those that read the logs, which must not wait behind drawings.
_readers: Final = Readers("parts", AT_ONCE)


async def order(
    follower: Follower, listener: Listener, key: Hashable, shown: int, draw: Draw
) -> None:
    """Let a listener, which shows the run up to number `shown`, have the next part there is.

    `key` must tell apart all that the drawing depends on besides the log: who gives the same may
    see the same. An order that stood before is given up.
    """
    withdraw(follower, listener)
    looks = _looks.setdefault(follower, OrderedDict())
    look = looks.setdefault(key, _Look(follower))
    looks.move_to_end(key)
    if text := look.newest(shown):
        await live.tell(listener, text)
        return
    look.orders[listener] = shown, draw
    follower.told.add(look.serve)
    look.serve()
    for old in [each for each, known in looks.items() if not known.orders][:-MOST_LOOKS]:
        follower.told.discard(looks.pop(old).serve)


def withdraw(follower: Follower, listener: Listener) -> None:
    """Give up what a listener had ordered, if it had."""
    for look in _looks.get(follower, {}).values():
        look.orders.pop(listener, None)
