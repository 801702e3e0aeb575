"""The brokers through which hints travel. Retries, results and time limits are the engine's.

A hint says that a queue has work, perhaps this step. It may be lost, doubled or late: the database
knows what there is to do, and sweeps find it. So the broker over Redis is a plain list a queue,
popped by a blocking command: nothing is acknowledged, and an idle worker wakes at once (Dramatiq's
own consumer sleeps up to a second between looks: docs of `dramatiq.brokers.redis`, 2.2).
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple

import dramatiq
import redis
from django.db import connection
from dramatiq.broker import Consumer, MessageProxy
from dramatiq.brokers.stub import StubBroker

from worker import connections
from workflows_app.engine import clock

logger = logging.getLogger(__name__)

#: Hints that a queue holds in Redis; a worker that was woken looks for more work by itself.
MOST_WAITING: Final = 1000
#: Seconds that a consumer waits for a hint before it looks whether it should stop.
BLOCK_SECONDS: Final = 0.5
#: Seconds between attempts while Redis is away.
RETRY_SECONDS: Final = 0.5
#: The one actor's name.
RUN_STEP: Final = "run_step"


class Hint(NamedTuple):
    """The key of a step that can be claimed, when that was said (ms since 1970), and its place."""

    step: int
    at: int
    place: int = 0

    @classmethod
    def now(cls, step: int, place: int = 0) -> Hint:
        """Return a hint of this moment, by the database's clock."""
        return cls(step, milliseconds(), place)

    @property
    def text(self) -> str:
        """The hint as it stands in Redis."""
        return f"{self.step}@{self.at}@{self.place}"

    @classmethod
    def parsed(cls, text: bytes | str) -> Hint:
        """Return the hint that stands in Redis."""
        parts = (text.decode() if isinstance(text, bytes) else text).split("@")
        return cls(*(int(part or 0) for part in [*parts, "0"][:3]))


def milliseconds() -> int:
    """Return the database's time."""
    return int(clock.now().timestamp() * 1000)


class ClosesConnections(dramatiq.Middleware):
    """A worker thread keeps its connection to the database for as long as it lives."""

    def before_worker_thread_shutdown(self, _broker: dramatiq.Broker, _thread: object) -> None:
        """Close it, or give it back to the pool."""
        connection.close()


def in_process() -> dramatiq.Broker:
    """Return a broker whose queues live in this process and die with it; the database remembers."""
    broker = StubBroker(middleware=[ClosesConnections()])
    broker.emit_after("process_boot")
    return broker


class HintBroker(dramatiq.Broker):
    """Hints through Redis: one list a queue, of the keys of steps."""

    def __init__(self) -> None:
        super().__init__(middleware=[ClosesConnections()])
        #: Hints of this process to itself, by queue: they work while Redis is away.
        self.own: dict[str, deque[Hint]] = {}
        #: Hints that threads of this process have taken and not ended.
        self.out = 0
        self.changed = threading.Condition()

    def consume(self, queue_name: str, prefetch: int = 1, timeout: int = 0) -> Consumer:
        """Return what takes the hints of one queue, never more than there are idle threads."""
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
        """Push the hint that a message stands for. Raises `redis.RedisError`."""
        push([(message.queue_name, Hint(*message.args))])
        return message

    def hint_itself(self, queue: str, steps: Iterable[int]) -> None:
        """Give hints to the threads of this process, past Redis."""
        self.own.setdefault(queue, deque()).extend(Hint.now(step) for step in steps)


def push(hints: Sequence[tuple[str, Hint]]) -> None:
    """Push hints by queue, one round trip for each. Raises `redis.RedisError`."""
    by_queue: dict[str, list[str]] = {}
    for queue, hint in hints:
        by_queue.setdefault(queue, []).append(hint.text)
    for queue, steps in by_queue.items():
        (waiting,) = connections.ask(("RPUSH", key_of(queue), *steps))
        if waiting > MOST_WAITING:
            connections.ask(("LTRIM", key_of(queue), -MOST_WAITING, -1))


def key_of(queue: str) -> str:
    """Return the key of the list of a queue's hints."""
    return connections.named(f"queue:{queue}")


class _HintConsumer(Consumer):
    """Takes hints while threads are idle. Redis being away is no reason to stop."""

    def __init__(self, broker: HintBroker, queue: str, threads: int) -> None:
        self._broker = broker
        self._queue = queue
        self._own = broker.own.setdefault(queue, deque())
        self._threads = threads
        self._is_away = False
        self._client = connections.blocking()

    def ack(self, message: MessageProxy) -> None:
        """Note that a thread is idle again."""
        with self._broker.changed:
            self._broker.out -= 1
            self._broker.changed.notify()

    nack = ack

    def requeue(self, messages: Iterable[MessageProxy]) -> None:
        """Push hints that no thread has begun with back, for others."""
        hints = [(self._queue, Hint(*message.args)) for message in messages]
        with self._broker.changed:
            self._broker.out -= len(hints)
        if hints:
            try:
                push(hints)
            except redis.RedisError:
                logger.info("Hints could not be given back; the sweep of others finds the steps.")

    def __next__(self) -> MessageProxy | None:
        """Return the next hint, or None so that the thread can see whether it should stop."""
        broker = self._broker
        with broker.changed:
            if broker.out >= self._threads:
                broker.changed.wait(BLOCK_SECONDS)
            if broker.out >= self._threads:
                return None
        hint = self._own.popleft() if self._own else self._pop()
        if hint is None:
            return None
        with broker.changed:
            broker.out += 1
        message = dramatiq.Message[None](
            queue_name=self._queue, actor_name=RUN_STEP, args=tuple(hint), kwargs={}, options={}
        )
        return MessageProxy(message)

    def _pop(self) -> Hint | None:
        try:
            found = self._client.blpop([key_of(self._queue)], timeout=BLOCK_SECONDS)
        except redis.RedisError as error:
            if not self._is_away:
                logger.warning("Redis is away (%s); steps are found by looking each second.", error)
            self._is_away = True
            time.sleep(RETRY_SECONDS)
            return None
        if self._is_away:
            logger.info("Redis is back.")
            self._is_away = False
        return None if found is None else Hint.parsed(found[1])

    def close(self) -> None:
        """Close the connection."""
        self._client.close()
