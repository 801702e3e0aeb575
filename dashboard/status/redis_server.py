"""How long the Redis of the distributed mode takes to answer."""

import time
from typing import Final

from django.core.exceptions import ImproperlyConfigured

from workflows_app import conf, redis_client

#: Seconds after which a Redis that does not answer counts as away.
PATIENCE: Final = 0.3
#: What asking may raise.
AWAY: Final = (redis_client.RedisError, ImproperlyConfigured, OSError, ValueError)


def round_trip() -> float:
    """Return how many seconds Redis took to answer. Raises one of `AWAY`."""
    began = time.perf_counter()
    patience = {"socket_timeout": PATIENCE, "socket_connect_timeout": PATIENCE}
    with redis_client.client(conf.redis_url(), **patience) as client:
        client.ping()
    return time.perf_counter() - began
