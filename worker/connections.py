"""Connections to Redis, one kind for each use. A forked process starts without any."""

import threading
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from workflows_app import conf, redis_client
from workflows_app.redis_client import RedisError

if TYPE_CHECKING:
    from redis import Redis

#: Prefix of every key and channel, so that others may share the server.
PREFIX: Final = "signalbox:"

#: Seconds after which a process that only wants to send something gives up.
QUICK_SECONDS: Final = 0.2


def named(name: str) -> str:
    """Return the name of a key or channel of ours."""
    return PREFIX + name


class SentCommands:
    """Commands that were sent, and whose answers are not read yet."""

    def __init__(self, connection: Any, number: int) -> None:
        self._connection = connection
        self._number = number
        self._answers: list[Any] = []
        self._error: BaseException | None = None

    def answers(self) -> list[Any]:
        """Return the answer to each. Raises `redis.RedisError`."""
        self.read()
        if self._error is not None:
            raise self._error
        return self._answers

    def read(self) -> None:
        """Read the answers, unless they were read; keep an error for the thread that asked."""
        number, self._number = self._number, 0
        try:
            self._answers += [self._connection.read_response() for _ in range(number)]
        except RedisError as error:
            self._connection.disconnect()
            self._error = error
        except BaseException:
            self._connection.disconnect()
            raise


class _Mine(threading.local):
    """The calling thread's connection, and the last commands that it sent there."""

    connection: Any = None
    last: SentCommands


class Connections:
    """How this process talks to the Redis of `REDIS_URL`."""

    def __init__(self, url: str | None = None) -> None:
        """`url` is used instead of `REDIS_URL`."""
        self._url = url
        self._mine = _Mine()

    def ask(self, *commands: Sequence[str | bytes | int]) -> list[Any]:
        """Send commands together, and return the answer to each. Raises `redis.RedisError`.

        It gives up after 200 ms, and sends nothing twice. Each thread keeps its connection, because
        a client's pool and its pipelines take twice as long as Redis does.
        """
        return self.send(*commands).answers()

    def send(self, *commands: Sequence[str | bytes | int]) -> SentCommands:
        """Do what `ask` does, but read the answers later, in the same thread."""
        connection = self._mine.connection
        if connection is None:
            connection = self._mine.connection = self._own()
        else:
            self._mine.last.read()
        try:
            if _is_stale(connection):
                connection.disconnect()
            connection.send_packed_command(connection.pack_commands(commands), check_health=False)
        except BaseException:
            connection.disconnect()
            self._mine.last = SentCommands(connection, 0)
            raise
        sent = self._mine.last = SentCommands(connection, len(commands))
        return sent

    def subscribed(self, channel: str) -> Any:
        """Return a connection that is subscribed to a channel. Raises `redis.RedisError`."""
        connection = self._own()
        try:
            connection.send_command("SUBSCRIBE", channel, check_health=False)
            connection.read_response(push_request=True)
        except BaseException:
            connection.disconnect()
            raise
        return connection

    def blocking(self) -> "Redis":
        """Return a new client for a thread that waits for news."""
        return self._client(socket_timeout=5.0, socket_connect_timeout=1.0, health_check_interval=5)

    def popper(self) -> "Popper":
        """Return a new connection for a thread that waits for values in lists."""
        return Popper(self)

    @cached_property
    def _quick(self) -> Any:
        """Options for connections that must not delay callers."""
        options = {"socket_timeout": QUICK_SECONDS, "socket_connect_timeout": QUICK_SECONDS}
        return self._client(**options).connection_pool

    def _own(self) -> Any:
        """Return a connection without a pool, which would keep those of threads that ended."""
        return self._quick.connection_class(**self._quick.connection_kwargs)

    def _client(self, **options: Any) -> "Redis":
        url = conf.redis_url() if self._url is None else self._url
        client = redis_client.client(url, **options)
        # Always bytes, whatever the URL says.
        client.connection_pool.connection_kwargs["decode_responses"] = False
        return client


class Popper:
    """A thread's own connection that waits for values in lists, and wakes at once."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        self._connection: Any = None

    def pop(self, keys: Sequence[str], seconds: float) -> tuple[str, bytes] | None:
        """Take the first value from these lists, in their order; return the list and the value.

        None: nothing came in this time. Raises `redis.RedisError`.
        """
        if self._connection is None:
            pool = self._connections.blocking().connection_pool
            self._connection = pool.connection_class(**pool.connection_kwargs)
        connection = self._connection
        try:
            connection.send_command("BLPOP", *keys, seconds, check_health=False)
            found = connection.read_response()
        except BaseException:
            connection.disconnect()
            raise
        return None if found is None else (found[0].decode(), found[1])

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.disconnect()


def _is_stale(connection: Any) -> bool:
    """Return whether the server has closed a connection, or sent something unasked."""
    try:
        return bool(connection.can_read(timeout=0))
    except (RedisError, OSError):
        return True
