"""Offers: worker processes offer an idle thread over Redis to verbs that make a step ready.

A verb that takes an offer claims the step for that process in its own statement, and sends the
claim there, so that nobody has to look for the step. An offer is valid for a moment only, because
its process may die. If a claim is lost on its way, its process does not know it, and the sweep of
that process frees it (`recover.orphans`). `worker.idle_thread` is the thread.
"""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Callable
from datetime import timedelta
from functools import cached_property
from typing import Final, NamedTuple, Self

from workflows_app.engine.host import clock, ports
from workflows_app.engine.host.rare import Rare, note
from workflows_app.engine.run import transfer
from workflows_app.engine.run.claims import Claim
from workflows_app.engine.verbs.idle_worker import Slot
from workflows_app.engine.work.recover import put_back
from workflows_app.planner.enter import DEFAULT_QUEUE
from workflows_app.redis_client import RedisError

from . import signing
from .connections import Connections, named
from .reply_channel import ReplyChannel

logger = logging.getLogger(__name__)

#: How long an offer is valid.
GOOD_FOR: Final = timedelta(seconds=1)
#: Seconds after which an idle process makes its offer again.
RENEW_SECONDS: Final = 0.4
#: A claim that arrives this late is left to the sweep, which may have freed it.
LATE: Final = timedelta(seconds=0.9)
#: Seconds after which an offer is made again if somebody took it and no claim came.
FORGET_SECONDS: Final = 2.0
#: Seconds for which Redis keeps offers, or claims, that nobody takes.
KEPT_SECONDS: Final = 20


class ThreadOffer(NamedTuple):
    """One idle thread of a worker process, as Redis keeps it."""

    worker: uuid.UUID
    #: When it was made, in seconds since 1970, by the database's clock.
    at: float

    @property
    def text(self) -> str:
        """The offer as Redis keeps it."""
        return f"{self.worker.hex}:{self.at}"

    @classmethod
    def parsed(cls, text: bytes) -> Self:
        """Return the offer that Redis kept."""
        worker, at = text.decode().split(":")
        return cls(uuid.UUID(worker), float(at))

    def is_good(self) -> bool:
        """Return whether it was made a moment ago."""
        return clock.now().timestamp() - self.at <= GOOD_FOR.total_seconds()


def claims_key(worker: uuid.UUID) -> str:
    """Return the key of the list of claims for a process."""
    return named(f"handed:{worker.hex}")


class Offers:
    """The offers of all processes. Every method raises `redis.RedisError`."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        #: A release that packs claims in another form uses another list.
        self._key = named(f"offers:{DEFAULT_QUEUE}:{transfer.FORM}")

    def take(self) -> Callable[[], ThreadOffer | None]:
        """Ask for the newest offer; return a function that waits for the answer."""
        sent = self._connections.send(("RPOP", self._key))

        def taken() -> ThreadOffer | None:
            (found,) = sent.answers()
            text = None if found is None else signing.opened(self._key, found)
            if text is None:
                return None
            offer = ThreadOffer.parsed(text)
            if not offer.is_good():
                self._connections.ask(("DEL", self._key))  # the other offers are older
                return None
            return offer

        return taken

    def make(self, offer: ThreadOffer) -> None:
        """Publish an offer."""
        self._push(self._key, offer.text)

    def withdraw(self, offer: ThreadOffer) -> bool:
        """Take an offer back; return False if somebody took it."""
        message = signing.signed(self._key, offer.text)
        (left,) = self._connections.ask(("LREM", self._key, -1, message))
        return bool(left)

    def send_claim(self, worker: uuid.UUID, text: str) -> None:
        """Send a packed claim to its process."""
        self._push(claims_key(worker), text)

    def _push(self, key: str, text: str) -> None:
        """Add to a list, which Redis drops if nobody takes from it."""
        message = signing.signed(key, text)
        self._connections.ask(("RPUSH", key, message), ("EXPIRE", key, KEPT_SECONDS))


class OfferedSlot(Slot):
    """An idle thread of another process, if there is one; its claim is sent to it over Redis."""

    is_here = False

    def __init__(
        self,
        offers: Offers,
        taken: Callable[[], ThreadOffer | None],
        reply_channel: Callable[[], ReplyChannel],
    ) -> None:
        """`taken` waits for the offer, which arrives while the verb checks its values."""
        super().__init__(
            uuid.UUID(int=0), self._serves, lambda _: None, self._make_again, lambda _: None
        )
        self._offers = offers
        self._taken = taken
        self._reply_channel = reply_channel

    @cached_property
    def _offer(self) -> ThreadOffer | None:
        offer = self._taken()
        if offer is not None:
            self.worker = offer.worker
        return offer

    def expect(self) -> None:
        """Wait for the offer."""
        _ = self._offer

    def await_end(self) -> None:
        """Let the process that works on the run send its result to this thread."""
        channel = self._reply_channel()
        try:
            channel.open()
        except RedisError:
            logger.debug("No reply channel: the caller waits for the news.", exc_info=True)
        else:
            super().await_end()
            self.ear = channel

    def _serves(self, queue: str) -> bool:
        """Return whether a step may be claimed now, because the offer may be too old by now."""
        offer = self._offer
        return offer is not None and queue == DEFAULT_QUEUE and offer.is_good()

    def end(self) -> None:
        """Send the claim, or make the offer again for others. Never raises."""
        if self.claim is None:
            self._make_again()
            return
        try:
            self._send(self.claim)
        except RedisError as error:
            note(Rare.TRANSFER_LOST)
            logger.warning("Redis is away (%s); a worker finds its claim by looking.", error)
        except Exception:
            note(Rare.TRANSFER_LOST)
            logger.exception("A claim was not sent; its worker finds it by looking.")

    def _send(self, held: Claim) -> None:
        try:
            text = transfer.pack(held, None if self.ear is None else self.ear.address)
        except LookupError:
            put_back(held, now=clock.now())
            ports.wake([ports.ClaimableStep(held.step, held.run, held.queue)])
        else:
            self._offers.send_claim(self.worker, text)

    def _make_again(self) -> None:
        try:
            offer = self._offer
            if offer is not None and offer.is_good():
                self._offers.make(offer)
        except Exception:
            logger.debug("An offer was lost; its process will make it again.", exc_info=True)


class OwnOffer:
    """The one offer that this process makes."""

    def __init__(self, offers: Offers, worker: uuid.UUID) -> None:
        self._offers = offers
        self._worker = worker
        self._offer: ThreadOffer | None = None
        self._made_at = 0.0

    def renew(self) -> None:
        """Make the offer, or make it again when it is old. Raises `redis.RedisError`."""
        now = time.monotonic()
        if self._offer is not None and now - self._made_at < RENEW_SECONDS:
            return
        if not self.withdraw() and now - self._made_at < FORGET_SECONDS:
            return  # it was taken, and its claim is on the way
        self._offer = ThreadOffer(self._worker, clock.now().timestamp())
        self._made_at = now
        self._offers.make(self._offer)

    def withdraw(self) -> bool:
        """Take the offer back; return False if somebody took it. Raises `redis.RedisError`."""
        if self._offer is None:
            return True
        is_withdrawn = self._offers.withdraw(self._offer)
        if is_withdrawn:
            self._offer = None
        return is_withdrawn

    def is_answered(self) -> None:
        """Note that a claim came for it."""
        self._offer = None
