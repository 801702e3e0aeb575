"""The worker thread that offers itself (`offers`), and begins with a claim when one comes.

It waits for claims that were made for it and for hints alike, and works on either itself, without
the two threads and the queue between that Dramatiq's workers have: those are for all that comes
while it is at work. A process with one thread has none of this kind.
"""

import logging
import threading
import time
from collections.abc import Collection
from typing import Final

import redis
from django.db import connection

from worker import actors, connections, offers, stopping
from worker import broker as brokers
from workflows_app.engine import workers

logger = logging.getLogger(__name__)

#: Seconds for which a claim is awaited that an offer was taken for.
AWAITED_SECONDS: Final = 0.2


class Stand(threading.Thread):
    """One thread of a worker process of the distributed mode; it ends when a stop is asked."""

    def __init__(self, queues: Collection[str]) -> None:
        super().__init__(name="signalbox-stand", daemon=True)
        self._worker: Final = workers.mine()
        self._handed: Final = offers.handed_to(self._worker)
        self._queues: Final = {brokers.key_of(queue): queue for queue in sorted(queues)}
        self._offer = offers.Standing(self._worker)
        self._popper = connections.Popper()

    def run(self) -> None:
        """Work until a stop is asked. Redis being away is no reason to stop."""
        while not stopping.is_asked():
            try:
                self._take_one()
            except redis.RedisError:
                time.sleep(brokers.RETRY_SECONDS)  # the consumer says so in the log
            except Exception:
                logger.exception("A worker thread could not go on; the sweep will try again.")
        self._end()

    def _take_one(self) -> None:
        self._offer.renew()
        keys = [self._handed, *self._queues]
        found = self._popper.pop(keys, brokers.BLOCK_SECONDS)
        if found is None:
            return
        key, text = found
        if key == self._handed:
            self._work(text)
            return
        hint = brokers.Hint.parsed(text)
        if not stopping.is_asked() and self._offer.withdraw():
            actors.run_step(*hint)
            return
        brokers.push([(self._queues[key], hint)])
        self._await_claim(AWAITED_SECONDS)

    def _work(self, text: bytes | str) -> None:
        self._offer.is_answered()
        actors.run_handed(text)

    def _await_claim(self, seconds: float) -> None:
        """Wait for the claim that is on its way if somebody took the offer: not for hints."""
        if self._offer.withdraw():
            return
        found = self._popper.pop([self._handed], seconds)
        if found is None:
            self._offer.is_answered()  # it was lost with Redis, or nothing comes of it
        else:
            self._work(found[1])

    def _end(self) -> None:
        """Offer nothing any more, and give back what came meanwhile."""
        try:
            self._await_claim(offers.GOOD_FOR.total_seconds() + AWAITED_SECONDS)
        except redis.RedisError:
            logger.debug("An offer was not taken back; it is good for a moment only.")
        finally:
            self._popper.close()
            connection.close()
