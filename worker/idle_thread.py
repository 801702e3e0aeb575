"""The worker thread that offers itself (`offers`), and begins when a claim arrives.

It waits for its claims and for hints, and works on both itself, without the two threads and the
queue between them that Dramatiq's workers have. Those take what comes while this thread is busy. A
process with one thread has no such idle thread.
"""

import logging
import threading
import time
from collections.abc import Collection
from typing import Final

from workflows_app.engine.host import workers
from workflows_app.models.sqltext import connection_here
from workflows_app.redis_client import RedisError

from . import offers, signing
from .broker import BLOCK_SECONDS, RETRY_SECONDS
from .carriers import Carrier, key_of, parsed
from .connections import Connections
from .runner import StepRunner
from .serving import Serving

logger = logging.getLogger(__name__)

#: Seconds to wait for the claim of an offer that was taken.
AWAITED_SECONDS: Final = 0.2


class IdleThread(threading.Thread):
    """One thread of a worker process in the distributed mode; it ends when asked to stop."""

    def __init__(
        self,
        serving: Serving,
        runner: StepRunner,
        carrier: Carrier,
        connections: Connections,
        queues: Collection[str],
    ) -> None:
        super().__init__(name="signalbox-idle-thread", daemon=True)
        worker = workers.mine()
        self._serving = serving
        self._runner = runner
        self._carrier = carrier
        self._claims_key: Final = offers.claims_key(worker)
        self._queues: Final = {key_of(queue): queue for queue in sorted(queues)}
        self._offer = offers.OwnOffer(offers.Offers(connections), worker)
        self._popper = connections.popper()

    def run(self) -> None:
        """Work until asked to stop, also while Redis is away."""
        while not self._serving.is_stopping():
            try:
                self._take_one()
            except RedisError:
                time.sleep(RETRY_SECONDS)  # the consumer logs it
            except Exception:
                logger.exception("A worker thread could not go on; the sweep will try again.")
        self._end()

    def _take_one(self) -> None:
        self._offer.renew()
        keys = [self._claims_key, *self._queues]
        found = self._popper.pop(keys, BLOCK_SECONDS)
        if found is None:
            return
        key, message = found
        if key == self._claims_key:
            self._work(message)
            return
        hint = parsed(key, message)
        if hint is None:
            return
        if not self._serving.is_stopping() and self._offer.withdraw():
            self._runner.run_hint(*hint)
            return
        self._carrier.push([(self._queues[key], hint)])
        self._await_claim(AWAITED_SECONDS)

    def _work(self, message: bytes) -> None:
        text = signing.opened(self._claims_key, message)
        if text is not None:
            self._offer.is_answered()
            self._runner.run_packed(text)

    def _await_claim(self, seconds: float) -> None:
        """Wait for the claim, but not for hints, if somebody took the offer."""
        if self._offer.withdraw():
            return
        found = self._popper.pop([self._claims_key], seconds)
        if found is None:
            self._offer.is_answered()  # it was lost with Redis, or never sent
        else:
            self._work(found[1])

    def _end(self) -> None:
        """Withdraw the offer, and free a claim that came meanwhile."""
        try:
            self._await_claim(offers.GOOD_FOR.total_seconds() + AWAITED_SECONDS)
        except RedisError:
            logger.debug("An offer was not withdrawn; it is good for a moment only.")
        finally:
            self._popper.close()
            connection_here().close()
