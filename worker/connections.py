"""Connections to Redis, one client for each way of using it. No process forks with one open."""

from functools import cache
from typing import Any, Final

import redis
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry

#: Before every key and channel, so that others may share the server.
PREFIX: Final = "signalbox:"

#: Seconds after which a process that only wants to say something gives up.
QUICK_SECONDS: Final = 0.2


def named(name: str) -> str:
    """Return the name of a key or channel of ours."""
    return PREFIX + name


@cache
def quick() -> "redis.Redis":
    """Return the client for what must not hold anybody up: it gives up after 200 ms."""
    return _client(socket_timeout=QUICK_SECONDS, socket_connect_timeout=QUICK_SECONDS)


def blocking() -> "redis.Redis":
    """Return a client of its own for a thread that waits for news."""
    return _client(socket_timeout=5.0, socket_connect_timeout=1.0, health_check_interval=5)


def _client(**options: Any) -> "redis.Redis":
    return redis.Redis.from_url(settings.REDIS_URL, retry=Retry(NoBackoff(), 0), **options)
