"""A stand-in for pika with a RabbitMQ behind it, as far as Dramatiq's broker uses them."""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any


class AMQPError(Exception):
    """As pika's."""


class AMQPConnectionError(AMQPError):
    """As pika's."""


class AMQPChannelError(AMQPError):
    """As pika's."""


class UnroutableError(AMQPError):
    """As pika's."""


class ConnectionWrongStateError(AMQPConnectionError):
    """As pika's."""


class _Delivery:
    def __init__(self, tag: int) -> None:
        self.delivery_tag = tag
        self.redelivered = False


class Channel:
    """A channel that takes one message at a time."""

    def __init__(self, server: "Server", connection: "Connection") -> None:
        self._server = server
        self._connection = connection

    def queue_declare(self, queue: str, **_: Any) -> None:
        """Make a queue."""
        self._server.check()
        self._server.queues.setdefault(queue, deque())

    def basic_publish(self, routing_key: str, body: bytes, **_: Any) -> None:
        """Add to a queue."""
        self._server.check()
        self._server.published_from.add(threading.get_ident())
        self._server.queues[routing_key].append(body)

    def basic_qos(self, prefetch_count: int) -> None:
        """Take one at a time."""
        assert prefetch_count == 1

    def basic_ack(self, _tag: int) -> None:
        """Count what is acknowledged."""
        self._server.unacknowledged -= 1

    def consume(self, queue: str, inactivity_timeout: float) -> Iterator[tuple[Any, Any, Any]]:
        """Give what is in a queue, and nothing now and then."""
        tag = 0
        while True:
            self._connection.call_back()
            self._server.check()
            if not self._server.queues[queue]:
                time.sleep(inactivity_timeout / 10)
                yield None, None, None
                continue
            tag += 1
            self._server.unacknowledged += 1
            yield _Delivery(tag), None, self._server.queues[queue].popleft()

    def close(self) -> None:
        """Do nothing."""


class Connection:
    """A connection that belongs to one thread, except for its callbacks."""

    is_open = True

    def __init__(self, server: "Server") -> None:
        server.check()
        self._server = server
        self._callbacks: deque[Callable[[], object]] = deque()

    def channel(self) -> Channel:
        """Open a channel."""
        return Channel(self._server, self)

    def add_callback_threadsafe(self, callback: Callable[[], object]) -> None:
        """Call this the next time that the connection is at work."""
        self._callbacks.append(callback)

    def call_back(self) -> None:
        """Call what waits to be called."""
        while self._callbacks:
            self._callbacks.popleft()()

    def sleep(self, _seconds: float) -> None:
        """Be at work."""
        self.call_back()

    def close(self) -> None:
        """Do nothing."""


class Server:
    """The RabbitMQ, and the modules that reach it."""

    def __init__(self) -> None:
        self.is_away = False
        self.queues: dict[str, deque[bytes]] = {}
        self.urls: set[str] = set()
        self.published_from: set[int] = set()
        self.unacknowledged = 0

    def check(self) -> None:
        """Raise what pika raises when the server is away."""
        if self.is_away:
            raise AMQPConnectionError

    def modules(self) -> dict[str, Any]:
        """Return the modules to import instead of pika."""
        pika: Any = ModuleType("pika")
        pika.exceptions = ModuleType("pika.exceptions")
        for error in (
            AMQPConnectionError, AMQPChannelError, UnroutableError, ConnectionWrongStateError
        ):  # fmt: skip
            setattr(pika.exceptions, error.__name__, error)
        pika.URLParameters = self._parameters
        pika.BlockingConnection = lambda parameters: Connection(self)
        pika.BasicProperties = lambda **given: given
        return {"pika": pika, "pika.exceptions": pika.exceptions}

    def _parameters(self, url: str) -> str:
        self.urls.add(url)
        return url
