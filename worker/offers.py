"""Worker processes that offer a thread, over Redis, to whoever makes a step ready.

A verb that takes an offer claims the step for that process in its own statement, and hands the
claim over: nobody has to look for it. An offer is good for a moment only, so that nothing is given
to a process that has died long ago; whatever else goes wrong is a claim that its process does not
know of, which its sweep frees again (`recover.orphans`). `worker.stand` is the thread.
"""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Callable
from datetime import timedelta
from functools import cached_property
from typing import Final, NamedTuple, Self

import redis

from worker import connections, lines
from workflows_app.engine import clock, handover, ports
from workflows_app.engine.claims import Claim
from workflows_app.engine.handing import Slot
from workflows_app.engine.rare import Rare, note
from workflows_app.engine.recover import put_back
from workflows_app.planner.enter import DEFAULT_QUEUE

logger = logging.getLogger(__name__)

#: For so long an offer is good.
GOOD_FOR: Final = timedelta(seconds=1)
#: Seconds after which an idle process makes its offer anew.
RENEW_SECONDS: Final = 0.4
#: So long after it was made a claim that comes is left to the sweep, which may have freed it.
LATE: Final = timedelta(seconds=0.9)
#: Seconds after which an offer that somebody took, and nothing came of, is made again.
FORGET_SECONDS: Final = 2.0
#: Seconds for which Redis keeps offers, or claims, that nobody takes.
KEPT_SECONDS: Final = 20


class Offer(NamedTuple):
    """One idle thread of a worker process, as it stands in Redis."""

    worker: uuid.UUID
    #: When it was made, in seconds since 1970, by the database's clock.
    at: float

    @property
    def text(self) -> str:
        """The offer as it stands in Redis."""
        return f"{self.worker.hex}:{self.at}"

    @classmethod
    def parsed(cls, text: bytes) -> Self:
        """Return the offer that stands in Redis."""
        worker, at = text.decode().split(":")
        return cls(uuid.UUID(worker), float(at))

    def is_good(self) -> bool:
        """Return whether it was made a moment ago."""
        return clock.now().timestamp() - self.at <= GOOD_FOR.total_seconds()


def _offers() -> str:
    """Return the key of the list of offers; a release that writes claims otherwise has its own."""
    return connections.named(f"offers:{DEFAULT_QUEUE}:{handover.FORM}")


def handed_to(worker: uuid.UUID) -> str:
    """Return the key of the list of claims that were made for a process."""
    return connections.named(f"handed:{worker.hex}")


def _push(key: str, text: str) -> None:
    """Add to a list, which goes by itself when nobody takes from it."""
    connections.ask(("RPUSH", key, text), ("EXPIRE", key, KEPT_SECONDS))


def take() -> Callable[[], Offer | None]:
    """Ask for the newest offer; return what waits for it. Both raise `redis.RedisError`."""
    asked = connections.send(("RPOP", _offers()))

    def taken() -> Offer | None:
        (found,) = asked.answers()
        if found is None:
            return None
        offer = Offer.parsed(found)
        if not offer.is_good():
            connections.ask(("DEL", _offers()))  # the others are older
            return None
        return offer

    return taken


class OfferedSlot(Slot):
    """An idle thread of another process, if there is one; its claim travels to it over Redis."""

    is_here = False

    def __init__(self, taken: Callable[[], Offer | None]) -> None:
        """`taken` waits for the offer, which is on its way while the verb looks at its values."""
        super().__init__(
            uuid.UUID(int=0), self._serves, lambda _: None, self._make_again, lambda _: None
        )
        self._taken = taken

    @cached_property
    def _offer(self) -> Offer | None:
        offer = self._taken()
        if offer is not None:
            self.worker = offer.worker
        return offer

    def expect(self) -> None:
        """Wait for the offer."""
        _ = self._offer

    def await_end(self) -> None:
        """Have the process that works on the run tell this thread what comes of it."""
        line = lines.mine()
        try:
            line.open()
        except redis.RedisError:
            logger.debug("No line could be opened; the caller waits for the news.", exc_info=True)
        else:
            super().await_end()
            self.ear = line

    def _serves(self, queue: str) -> bool:
        """Return whether a step may be claimed now: the verb may have taken its time."""
        offer = self._offer
        return offer is not None and queue == DEFAULT_QUEUE and offer.is_good()

    def end(self) -> None:
        """Hand the claim over, or let others have the offer. Never raises."""
        if self.claim is None:
            self._make_again()
            return
        try:
            self._hand_over(self.claim)
        except redis.RedisError as error:
            note(Rare.HANDOVER_LOST)
            logger.warning("Redis is away (%s); a worker finds its claim by looking.", error)
        except Exception:
            note(Rare.HANDOVER_LOST)
            logger.exception("A claim was not handed over; its worker finds it by looking.")

    def _hand_over(self, held: Claim) -> None:
        try:
            text = handover.pack(held, None if self.ear is None else self.ear.address)
        except LookupError:
            put_back(held, now=clock.now())
            ports.wake([ports.Wake(held.step, held.run, held.queue)])
        else:
            _push(handed_to(self.worker), text)

    def _make_again(self) -> None:
        try:
            offer = self._offer
            if offer is not None and offer.is_good():
                _push(_offers(), offer.text)
        except Exception:
            logger.debug("An offer was lost; it will be made anew.", exc_info=True)


class Standing:
    """The one offer that this process makes."""

    def __init__(self, worker: uuid.UUID) -> None:
        self._worker = worker
        self._offer: Offer | None = None
        self._made_at = 0.0

    def renew(self) -> None:
        """Make the offer, or make it anew if it has stood for a while.

        Raises `redis.RedisError`.
        """
        now = time.monotonic()
        if self._offer is not None and now - self._made_at < RENEW_SECONDS:
            return
        if not self.withdraw() and now - self._made_at < FORGET_SECONDS:
            return  # taken: its claim is on the way
        self._offer = Offer(self._worker, clock.now().timestamp())
        self._made_at = now
        _push(_offers(), self._offer.text)

    def withdraw(self) -> bool:
        """Take the offer back; return False if somebody took it. Raises `redis.RedisError`."""
        if self._offer is None:
            return True
        (left,) = connections.ask(("LREM", _offers(), -1, self._offer.text))
        if left:
            self._offer = None
        return bool(left)

    def is_answered(self) -> None:
        """Note that a claim came for it."""
        self._offer = None
