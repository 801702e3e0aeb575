"""Connections to Redis, one client for each way of using it. No process forks with one open."""

import threading
from collections.abc import Sequence
from functools import cache
from typing import Any, Final

import redis
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry

#: Before every key and channel, so that others may share the server.
PREFIX: Final = "signalbox:"

_local = threading.local()

#: Seconds after which a process that only wants to say something gives up.
QUICK_SECONDS: Final = 0.2


def named(name: str) -> str:
    """Return the name of a key or channel of ours."""
    return PREFIX + name


@cache
def _quick() -> Any:
    """Return how to connect for what must not hold anybody up: it gives up after 200 ms."""
    options = {"socket_timeout": QUICK_SECONDS, "socket_connect_timeout": QUICK_SECONDS}
    return _client(**options).connection_pool


def ask(*commands: Sequence[str | bytes | int]) -> list[Any]:
    """Send commands at once, and return the answer to each. Raises `redis.RedisError`.

    For what must not hold anybody up. The calling thread keeps its connection: a client's pool and
    its pipelines take twice as long as Redis does. Nothing is sent a second time.
    """
    return send(*commands).answers()


class Asked:
    """Commands that were sent, and whose answers nobody has read yet."""

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
        """Read the answers, unless that was done; what goes wrong is kept for who asks."""
        number, self._number = self._number, 0
        try:
            self._answers += [self._connection.read_response() for _ in range(number)]
        except redis.RedisError as error:
            self._connection.disconnect()
            self._error = error
        except BaseException:
            self._connection.disconnect()
            raise


def send(*commands: Sequence[str | bytes | int]) -> Asked:
    """Do what `ask` does, but wait for the answers when they are needed, in the same thread."""
    connection: Any = getattr(_local, "connection", None)
    if connection is None:
        connection = _local.connection = _own()
    else:
        _local.asked.read()
    try:
        if _is_stale(connection):
            connection.disconnect()
        connection.send_packed_command(connection.pack_commands(commands), check_health=False)
    except BaseException:
        connection.disconnect()
        _local.asked = Asked(connection, 0)
        raise
    asked = _local.asked = Asked(connection, len(commands))
    return asked


def _own() -> Any:
    """Return a connection that is not the pool's, which holds on to those of ended threads."""
    pool = _quick()
    return pool.connection_class(**pool.connection_kwargs)


def _is_stale(connection: Any) -> bool:
    """Return whether the server has closed a connection, or said what nobody asked."""
    try:
        return bool(connection.can_read(timeout=0))
    except (redis.RedisError, OSError):
        return True


class Popper:
    """A thread's own connection that waits for what comes to lists, and wakes at once for it."""

    def __init__(self) -> None:
        self._connection: Any = None

    def pop(self, keys: Sequence[str], seconds: float) -> tuple[str, bytes] | None:
        """Take the first of what is in these lists, in their order; return its list, and it.

        None: nothing came in this time. Raises `redis.RedisError`.
        """
        if self._connection is None:
            pool = blocking().connection_pool
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


def subscribed(channel: str) -> Any:
    """Return a connection that hears what is published there. Raises `redis.RedisError`."""
    connection = _own()
    try:
        connection.send_command("SUBSCRIBE", channel, check_health=False)
        connection.read_response(push_request=True)
    except BaseException:
        connection.disconnect()
        raise
    return connection


def blocking() -> "redis.Redis":
    """Return a client of its own for a thread that waits for news."""
    return _client(socket_timeout=5.0, socket_connect_timeout=1.0, health_check_interval=5)


def _client(**options: Any) -> "redis.Redis":
    client = redis.Redis.from_url(settings.REDIS_URL, retry=Retry(NoBackoff(), 0), **options)
    # Bytes, whatever the address asks for.
    client.connection_pool.connection_kwargs["decode_responses"] = False
    return client
