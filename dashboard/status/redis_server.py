"""How long the Redis of the distributed mode takes to answer."""

import time
from typing import Final

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from workflows_app import conf

#: Seconds after which a Redis that does not answer counts as away.
PATIENCE: Final = 0.3
#: What asking may raise.
AWAY: Final = (redis.RedisError, OSError, ValueError)


def round_trip() -> float:
    """Return how many seconds Redis took to answer. Raises one of `AWAY`."""
    began = time.perf_counter()
    with _client() as client:
        client.ping()
    return time.perf_counter() - began


def _client() -> redis.Redis:
    return redis.Redis.from_url(
        conf.redis_url(),
        retry=Retry(NoBackoff(), 0),
        socket_timeout=PATIENCE,
        socket_connect_timeout=PATIENCE,
    )
