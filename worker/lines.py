"""A line to each thread that waits for a run which another process works on.

Who ends the run says so there, to nobody else and with what came of it, so that no other process
wakes up for it. What is said may be lost: who waits hears the news as well, and looks.
"""

import contextlib
import select
import socket
import threading
import time
import uuid
from typing import Any

import redis

from worker import connections

_local = threading.local()


class Line:
    """A thread's own connection to Redis, which hears what is said to the thread's address."""

    def __init__(self) -> None:
        self._address = connections.named(f"caller:{uuid.uuid4().hex}")
        self._connection: Any = None
        #: The number of its socket, which waits beside the bell's.
        self._socket = -1
        self._poll = select.poll()
        self._bell, self._ringer = socket.socketpair()
        for end in (self._bell, self._ringer):
            end.settimeout(0)
        self._poll.register(self._bell, select.POLLIN)

    def __del__(self) -> None:
        self._bell.close()
        self._ringer.close()

    @property
    def address(self) -> str:
        """The channel on which the thread is told."""
        return self._address

    def open(self) -> None:
        """Hear what is said from now on. Raises `redis.RedisError`."""
        if self._connection is None:
            self._connection = connections.subscribed(self._address)
            self._socket = self._connection._sock.fileno()  # noqa: SLF001 - to wait for two
            self._poll.register(self._socket, select.POLLIN)

    def hear(self, run: uuid.UUID, seconds: float) -> str | None:
        """Return what is told of the run; None: not in this time, or somebody rang."""
        until = time.monotonic() + seconds
        while (said := self._said(run)) is None:
            left = until - time.monotonic()
            ready = self._poll.poll(left * 1000) if left > 0 else ()
            if not ready:
                return None
            if any(end == self._bell.fileno() for end, _ in ready):
                self._bell.recv(1024)
                return self._said(run)
        return said

    def ring(self) -> None:
        """Let the thread look up; it may be told so from any thread."""
        with contextlib.suppress(BlockingIOError):  # it has been rung often enough
            self._ringer.send(b"!")

    def _said(self, run: uuid.UUID) -> str | None:
        """Read what has come, some of it may be in the client's buffer; return what is about it."""
        try:
            while self._connection is not None and self._connection.can_read(timeout=0):
                said = self._connection.read_response(push_request=True)
                if said and said[0] == b"message" and said[2][:32] == run.hex.encode():
                    return str(said[2][32:], "utf-8")
        except (redis.RedisError, OSError):
            self._close()
        return None

    def _close(self) -> None:
        """Hear nothing any more, until the line is opened anew: it would not be subscribed."""
        connection, self._connection = self._connection, None
        with contextlib.suppress(KeyError):
            self._poll.unregister(self._socket)
        connection.disconnect()


def mine() -> Line:
    """Return the line of the calling thread."""
    line: Line | None = getattr(_local, "line", None)
    if line is None:
        line = _local.line = Line()
    return line


def tell(address: str, run: uuid.UUID, text: str) -> bool:
    """Say to a thread what came of its run; return whether it hears. Raises `redis.RedisError`."""
    (hearing,) = connections.ask(("PUBLISH", address, run.hex + text))
    return bool(hearing)
