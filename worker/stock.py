"""Carriers over the brokers that come with Dramatiq, for the setting `BROKER`.

They are for teams that already run such a broker. Each hint is a message for the actor `run_step`
in the broker's queue `signalbox.<queue>`, so the team's tools show it. A message is acknowledged
when a thread takes it, not when the step ends, because the database holds what must not be lost,
and a step may run for longer than a broker waits for an answer.
"""

import logging
import queue
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from contextlib import suppress
from typing import Final
from urllib.parse import urlsplit

import dramatiq
from dramatiq.broker import Consumer, MessageProxy

from workflows_app import redis_client

from . import signing
from .broker import message_of
from .carriers import AWAY, Carrier, Intake
from .connections import QUICK_SECONDS
from .hints import RUN_STEP, Hint

logger = logging.getLogger(__name__)

#: The URL schemes of Redis; the others that the setting takes are RabbitMQ's.
REDIS: Final = frozenset({"redis", "rediss"})
#: Prefix of every queue's name, so that others may share the broker.
PREFIX: Final = "signalbox."
#: Most milliseconds that Dramatiq's consumer over Redis sleeps between looks. Fewer would find
#: hints sooner and cost Redis more commands, now 20 to 30 a second for each process and queue.
REDIS_LOOKS_EVERY: Final = 50
#: Milliseconds that a consumer waits for a message; RabbitMQ sends messages by itself.
RABBITMQ_WAITS: Final = 500

Hints = Sequence[tuple[str, Hint]]


class StockCarrier(Carrier):
    """Carries hints as messages of one of Dramatiq's own brokers."""

    takes_offers = False

    def __init__(
        self, server: str, broker: dramatiq.Broker, timeout: int, sender: dramatiq.Broker
    ) -> None:
        """`broker` takes hints, `sender` sends them; a consumer waits at most `timeout`
        milliseconds.
        """
        self._server = server
        self._broker = broker
        self._timeout = timeout
        self._sender = sender

    @property
    def server(self) -> str:
        """What carries the hints, for messages."""
        return self._server

    def push(self, hints: Hints) -> None:
        """Send a message for each hint."""
        for queue_name, hint in hints:
            name = PREFIX + queue_name
            self._sender.declare_queue(name)
            message = message_of(name, hint)
            signature = signing.signed(name, hint.text)[: signing.SIZE].hex()
            self._sender.enqueue(message.copy(args=(*hint, signature)))

    def intake(self, queue: str) -> Intake:
        """Return an intake of the broker's queue that belongs to one of ours."""
        return _StockIntake(self._broker, PREFIX + queue, self._timeout)


class _StockIntake(Intake):
    """A consumer of the broker, opened when needed and closed on errors."""

    def __init__(self, broker: dramatiq.Broker, name: str, timeout: int) -> None:
        self._broker = broker
        self._name = name
        self._timeout = timeout
        self._consumer: Consumer | None = None

    def take(self, seconds: float) -> Hint | None:
        """Return the next hint; the broker decides how long it waits, not `seconds`."""
        try:
            consumer = self._consumer or self._open()
            message = next(consumer)
            if message is None:
                return None
            consumer.ack(message)
        except AWAY:
            self.rest()
            raise
        return _hint_of(message, self._name)

    def _open(self) -> Consumer:
        self._broker.declare_queue(self._name)
        # One at a time, because prefetched hints would wait here while other processes are idle.
        self._consumer = self._broker.consume(self._name, prefetch=1, timeout=self._timeout)
        return self._consumer

    def rest(self) -> None:
        """Close the consumer, so that a broker that sends by itself sends nothing to a busy
        process.
        """
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            with suppress(*AWAY):
                consumer.close()

    def close(self) -> None:
        """Close the consumer."""
        self.rest()


def _hint_of(message: MessageProxy, name: str) -> Hint | None:
    """Return the hint of a message; if it is not one of ours, log that and return None."""
    if message.actor_name != RUN_STEP:
        logger.warning("A message for %r in %r was dropped.", message.actor_name, name)
        return None
    hint: Hint | None
    try:
        *words, signature = message.args
        hint = Hint(*(int(word) for word in words))
        sent = bytes.fromhex(signature) + hint.text.encode()
    except (TypeError, ValueError):  # of another release, or of somebody else
        hint, sent = None, b""
    return hint if signing.opened(name, sent) is not None else None


class FromOneThread(Carrier):
    """Sends from one thread of its own, because a connection to RabbitMQ belongs to one thread.

    It also limits how long a caller waits, whatever the client does while the server is away.
    """

    takes_offers = False

    def __init__(self, carrier: Carrier) -> None:
        self._carrier = carrier
        self._lock = threading.Lock()
        self._waiting: queue.SimpleQueue[tuple[Hints, Future[None]]] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    @property
    def server(self) -> str:
        """What carries the hints, for messages."""
        return self._carrier.server

    def push(self, hints: Hints) -> None:
        """Let the thread send the hints, and wait a moment for it."""
        self._start()
        sent: Future[None] = Future()
        self._waiting.put((hints, sent))
        try:
            sent.result(QUICK_SECONDS)
        except TimeoutError:
            raise TimeoutError(f"no answer in {QUICK_SECONDS:g} s") from None

    def intake(self, queue: str) -> Intake:
        """Return an intake, which connects in the thread that takes."""
        return self._carrier.intake(queue)

    def _start(self) -> None:
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._run, name="signalbox-hints", daemon=True
                )
                self._thread.start()

    def _run(self) -> None:
        while True:
            hints, sent = self._waiting.get()
            try:
                self._carrier.push(hints)
            except Exception as error:  # noqa: BLE001 - the caller gets it if it still waits
                sent.set_exception(error)
            else:
                sent.set_result(None)


def carrier(url: str) -> Carrier:
    """Return the carrier over the broker at a URL that the setting has checked."""
    parts = urlsplit(url)
    server = f"The broker at {parts.hostname}"
    return _over_redis(url, server) if parts.scheme in REDIS else _over_rabbitmq(url, server)


def _over_redis(url: str, server: str) -> Carrier:
    def broker(**timeouts: float) -> dramatiq.Broker:
        client = redis_client.client(url, **timeouts)
        from dramatiq.brokers.redis import RedisBroker  # noqa: PLC0415 - needs redis, an extra

        return RedisBroker(client=client, middleware=[])  # type: ignore[no-untyped-call]

    return StockCarrier(
        server,
        broker(socket_timeout=5.0, socket_connect_timeout=1.0),
        REDIS_LOOKS_EVERY,
        broker(socket_timeout=QUICK_SECONDS, socket_connect_timeout=QUICK_SECONDS),
    )


def _over_rabbitmq(url: str, server: str) -> Carrier:
    from dramatiq.brokers.rabbitmq import RabbitmqBroker  # noqa: PLC0415 - needs pika, an extra

    broker = RabbitmqBroker(url=url, middleware=[])
    return FromOneThread(StockCarrier(server, broker, RABBITMQ_WAITS, broker))
