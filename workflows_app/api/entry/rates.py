"""How often one caller may ask: counted in Redis where there is one, else in this process."""

from __future__ import annotations

import hashlib
import logging
import math
import threading
import time
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from workflows_app import conf, redis_client
from workflows_app.api.entry.refusals import Refusal

logger = logging.getLogger(__name__)

_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
#: Seconds for which a Redis that did not answer is not asked again.
_AWAY: Final = 5.0
#: Counts that a process keeps before it forgets those of windows that are over.
_MOST: Final = 10_000


@dataclass(frozen=True)
class Standing:
    """How a caller stands: what is allowed in a window, what is left, seconds until the next."""

    limit: int
    left: int
    reset: int

    @property
    def headers(self) -> dict[str, str]:
        """What every answer says of it."""
        return {
            "RateLimit-Limit": str(self.limit),
            "RateLimit-Remaining": str(max(self.left, 0)),
            "RateLimit-Reset": str(self.reset),
        }


def count(subject: str) -> Standing | None:
    """Count one request of a caller; return how they stand now, or None without a limit."""
    rate = conf.get("API_RATE")
    if rate == "off":
        return None
    number, _, unit = rate.partition("/")
    limit, length = int(number), _SECONDS[unit]
    now = time.time()
    window = int(now // length)
    reset = max(1, math.ceil((window + 1) * length - now))
    used = _counted(f"{subject}:{unit}", window, length)
    return Standing(limit, limit - used, reset)


def refuse_too_many(standing: Standing | None) -> None:
    """Refuse a caller who has asked too often. Raises RateLimited."""
    if standing is None or standing.left >= 0:
        return
    refusal = Refusal(
        "RateLimited",
        f"{standing.limit} requests were sent in this time; wait {standing.reset} s.",
        limit=standing.limit,
        retry_after=standing.reset,
    )
    refusal.headers["Retry-After"] = str(standing.reset)
    raise refusal


def _counted(subject: str, window: int, length: int) -> int:
    if conf.redis_url() and time.monotonic() > _Redis.away_until:
        try:
            return _in_redis(subject, window, length)
        except redis_client.RedisError as error:
            logger.warning("Redis is away (%s); requests are counted in this process.", error)
            _Redis.away_until = time.monotonic() + _AWAY
    return _counts.add(subject, window)


class _Redis:
    """Until when Redis is not asked, because it did not answer."""

    away_until = 0.0


def _in_redis(subject: str, window: int, length: int) -> int:
    name = hashlib.sha256(subject.encode()).hexdigest()[:32]
    key = f"signalbox:rate:{name}:{window}"
    pipe = _client().pipeline(transaction=False)
    pipe.incr(key)
    pipe.expire(key, length + 1)
    return int(pipe.execute()[0])


@cache
def _client() -> Any:
    return redis_client.client(conf.redis_url(), socket_timeout=0.2, socket_connect_timeout=0.2)


class _Counts:
    """The counts of this process, by caller, each with the number of its window."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._used: dict[str, tuple[int, int]] = {}

    def add(self, subject: str, window: int) -> int:
        """Count one more; return how many there are in this window."""
        with self._lock:
            if len(self._used) > _MOST:
                self._used = {k: v for k, v in self._used.items() if v[0] == window}
            known, used = self._used.get(subject, (window, 0))
            used = used + 1 if known == window else 1
            self._used[subject] = (window, used)
            return used

    def clear(self) -> None:
        """Forget all."""
        with self._lock:
            self._used.clear()


_counts: Final = _Counts()
