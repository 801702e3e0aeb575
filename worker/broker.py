"""The brokers that give Dramatiq's worker threads their hints.

Retries, results and time limits belong to the engine, so these brokers have none of Dramatiq's
middleware for them.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Iterable
from typing import Any, Final

import dramatiq
from dramatiq.broker import Consumer, MessageProxy
from dramatiq.brokers.stub import StubBroker

from workflows_app.models.sqltext import connection_here

from .carriers import AWAY, Carrier
from .hints import RUN_STEP, Hint

logger = logging.getLogger(__name__)

#: Seconds that a consumer waits for a hint before it checks whether it should stop.
BLOCK_SECONDS: Final = 0.5
#: Seconds between attempts while the carrier is away.
RETRY_SECONDS: Final = 0.5


class ClosesConnections(dramatiq.Middleware):
    """A worker thread keeps its connection to the database for as long as it lives."""

    def before_worker_thread_shutdown(self, _broker: dramatiq.Broker, _thread: object) -> None:
        """Close the connection, or give it back to the pool."""
        connection_here().close()


def in_process() -> StubBroker:
    """Return a broker whose queues are lost with this process; the database remembers."""
    broker = StubBroker(middleware=[ClosesConnections()])
    broker.emit_after("process_boot")
    return broker


def message_of(queue: str, hint: Hint) -> dramatiq.Message[None]:
    """Return a hint as a message for the one actor."""
    return dramatiq.Message[None](
        queue_name=queue, actor_name=RUN_STEP, args=tuple(hint), kwargs={}, options={}
    )


class HintBroker(dramatiq.Broker):
    """Gives the threads of this process hints from a carrier and from the process itself."""

    def __init__(self, carrier: Carrier) -> None:
        super().__init__(middleware=[ClosesConnections()])
        self.carrier = carrier
        #: Hints of this process to itself, by queue: they work while the carrier is away.
        self.own: dict[str, deque[Hint]] = {}
        #: How many hints the threads of this process have taken and not finished.
        self.taken = 0
        self.changed = threading.Condition()

    def consume(self, queue_name: str, prefetch: int = 1, timeout: int = 0) -> Consumer:
        """Return a consumer for one queue that never takes more hints than threads are idle."""
        return _HintConsumer(self, queue_name, threads=max(prefetch // 2, 1))

    def declare_queue(self, queue_name: str) -> None:
        """Make a queue known, so that a worker of this process consumes it."""
        if queue_name not in self.queues:
            self.emit_before("declare_queue", queue_name)
            self.queues[queue_name] = None
            self.emit_after("declare_queue", queue_name)

    def enqueue(
        self,
        message: dramatiq.Message[Any],
        *,
        delay: int | None = None,
    ) -> dramatiq.Message[Any]:
        """Push the hint of a message. Raises one of `AWAY`."""
        self.carrier.push([(message.queue_name, Hint(*message.args))])
        return message

    def hint_itself(self, queue: str, step: int) -> None:
        """Give a hint to the threads of this process, without the carrier."""
        self.own.setdefault(queue, deque()).append(Hint.now(step))


class _HintConsumer(Consumer):
    """Takes hints while threads are idle, and continues while the carrier is away."""

    def __init__(self, broker: HintBroker, queue: str, threads: int) -> None:
        self._broker = broker
        self._queue = queue
        self._own = broker.own.setdefault(queue, deque())
        self._threads = threads
        self._is_away = False
        self._intake = broker.carrier.intake(queue)

    def ack(self, message: MessageProxy) -> None:
        """Note that a thread is idle again."""
        with self._broker.changed:
            self._broker.taken -= 1
            self._broker.changed.notify()

    nack = ack

    def requeue(self, messages: Iterable[MessageProxy]) -> None:
        """Push back hints that no thread has begun, for other processes."""
        hints = [(self._queue, Hint(*message.args)) for message in messages]
        with self._broker.changed:
            self._broker.taken -= len(hints)
        if hints:
            try:
                self._broker.carrier.push(hints)
            except AWAY:
                logger.info("Hints could not be given back; other sweeps will find the steps.")

    def __next__(self) -> MessageProxy | None:
        """Return the next hint, or None so that the thread can check whether it should stop."""
        if not self._has_idle_thread():
            return None
        hint = self._own.popleft() if self._own else self._take()
        if hint is None:
            return None
        with self._broker.changed:
            self._broker.taken += 1
        return MessageProxy(message_of(self._queue, hint))

    def _has_idle_thread(self) -> bool:
        """Wait a moment for an idle thread; return whether there is one."""
        broker = self._broker
        with broker.changed:
            if broker.taken >= self._threads:
                broker.changed.wait(BLOCK_SECONDS)
            is_full = broker.taken >= self._threads
        if is_full:
            self._intake.rest()
        return not is_full

    def _take(self) -> Hint | None:
        server = self._broker.carrier.server
        try:
            hint = self._intake.take(BLOCK_SECONDS)
        except AWAY as error:
            if not self._is_away:
                logger.warning(
                    "%s is away (%s); steps are found by looking each second.", server, error
                )
            self._is_away = True
            time.sleep(RETRY_SECONDS)
            return None
        if self._is_away:
            logger.info("%s is back.", server)
            self._is_away = False
        return hint

    def close(self) -> None:
        """Close the connection."""
        self._intake.close()
