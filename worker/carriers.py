"""What carries hints from one process to another: by default plain lists in Redis.

A carrier may lose hints, double them or be away. While its server is away its methods raise one of
`AWAY`, and workers find steps by looking at the database.
"""

from collections.abc import Sequence
from typing import Final, Protocol

import psycopg
from dramatiq.errors import BrokerError

from workflows_app.redis_client import RedisError

from . import signing
from .connections import Connections, Popper, named
from .hints import Hint

#: What a carrier raises while its server is away.
AWAY: Final = (RedisError, psycopg.Error, BrokerError, TimeoutError)

#: Most hints of a queue in Redis; a thread that wakes looks for more steps by itself.
MOST_WAITING: Final = 1000


class Intake(Protocol):
    """The source of one queue's hints for one consumer, in one thread."""

    def take(self, seconds: float) -> Hint | None:
        """Return the next hint; None if none comes in this time, or in less."""

    def rest(self) -> None:
        """Leave all hints to other processes for now, because every thread here is busy."""

    def close(self) -> None:
        """Close the connection."""


class Carrier(Protocol):
    """How hints reach other processes."""

    @property
    def server(self) -> str:
        """The name of the server that carries the hints, for messages."""

    @property
    def takes_offers(self) -> bool:
        """Whether idle threads may be offered beside it (`worker.offers`)."""

    def push(self, hints: Sequence[tuple[str, Hint]]) -> None:
        """Send hints, each with its queue. Raises one of `AWAY`, within about 200 ms."""

    def intake(self, queue: str) -> Intake:
        """Return a new intake of one queue. Does not connect yet."""


def key_of(queue: str) -> str:
    """Return the key of the list of a queue's hints."""
    return named(f"queue:{queue}")


def parsed(key: str, message: bytes) -> Hint | None:
    """Return the hint that was taken from a list; None for one that is not ours."""
    text = signing.opened(key, message)
    return None if text is None else Hint.parsed(text)


class RedisLists(Carrier):
    """A list for each queue; idle threads wait for it with a blocking command.

    Nothing is acknowledged, and an idle thread wakes at once, whereas Dramatiq's own consumer over
    Redis sleeps between looks (docs of `dramatiq.brokers.redis`, 2.2).
    """

    server = "Redis"
    takes_offers = True

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    def push(self, hints: Sequence[tuple[str, Hint]]) -> None:
        """Push hints, one round trip for each queue."""
        by_key: dict[str, list[bytes]] = {}
        for queue, hint in hints:
            key = key_of(queue)
            by_key.setdefault(key, []).append(signing.signed(key, hint.text))
        for key, steps in by_key.items():
            (waiting,) = self._connections.ask(("RPUSH", key, *steps))
            if waiting > MOST_WAITING:
                self._connections.ask(("LTRIM", key, -MOST_WAITING, -1))

    def intake(self, queue: str) -> Intake:
        """Return an intake of the queue's list."""
        return _ListIntake(self._connections.popper(), key_of(queue))


class _ListIntake(Intake):
    def __init__(self, popper: Popper, key: str) -> None:
        self._popper = popper
        self._key = key

    def take(self, seconds: float) -> Hint | None:
        found = self._popper.pop([self._key], seconds)
        return None if found is None else parsed(*found)

    def rest(self) -> None:
        """Do nothing, because hints that are not taken stay in the list."""

    def close(self) -> None:
        self._popper.close()
