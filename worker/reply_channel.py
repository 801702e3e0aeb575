"""Reply channels: how a waiting thread hears the result of a run in another process.

The process that ends the run sends the result to that one thread, so that no other process wakes
up. The message may be lost, so the thread also listens to the news of the run, and then looks. An
address is good for one wait, so that nobody can send a recorded reply again to a later one.
"""

import contextlib
import secrets
import select
import socket
import threading
import time
import uuid
from collections import deque
from typing import Any, Final

from workflows_app.redis_client import RedisError

from . import signing
from .connections import Connections, named

#: Between a channel and what tells one wait from others.
_MARK: Final = "#"
#: Letters of the latter, and where the text begins after it and the key of the run.
_WAIT_SIZE: Final = 16
_BEGIN: Final = _WAIT_SIZE + 32
#: Waits of one thread that may be open, each within the one before.
MOST_WAITS: Final = 64


class ReplyChannel:
    """A thread's own connection to Redis, subscribed to the thread's address."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        self._channel = named(f"caller:{uuid.uuid4().hex}")
        #: What tells the waits of the thread apart that no reply has ended yet, the newest last. A
        #: wait may begin while others are open: a step that the thread runs meanwhile waits, too.
        self._waits: deque[str] = deque([""], maxlen=MOST_WAITS)
        self._connection: Any = None
        #: The file descriptor of its socket, which is polled beside that of the bell.
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
        """Where replies to what this thread waits for now go."""
        return f"{self._channel}{_MARK}{self._waits[-1]}"

    def open(self) -> None:
        """Hear what is sent from now on, for a new wait. Raises `redis.RedisError`."""
        self._waits.append(secrets.token_hex(_WAIT_SIZE // 2))
        if self._connection is None:
            self._connection = self._connections.subscribed(self._channel)
            self._socket = self._connection._sock.fileno()  # noqa: SLF001 - to poll two sockets
            self._poll.register(self._socket, select.POLLIN)

    def hear(self, run: uuid.UUID, seconds: float) -> str | None:
        """Return the message about the run; None if none came in this time, or if somebody rang."""
        until = time.monotonic() + seconds
        while (reply := self._reply(run)) is None:
            left = until - time.monotonic()
            ready = self._poll.poll(left * 1000) if left > 0 else ()
            if not ready:
                return None
            if any(end == self._bell.fileno() for end, _ in ready):
                self._bell.recv(1024)
                return self._reply(run)
        return reply

    def ring(self) -> None:
        """Let the thread return from `hear`. Any thread may call this."""
        with contextlib.suppress(
            BlockingIOError
        ):  # the socket is full: it has been rung often enough
            self._ringer.send(b"!")

    def _reply(self, run: uuid.UUID) -> str | None:
        """Read what has arrived, also in the client's buffer; return the message on the run."""
        try:
            while self._connection is not None and self._connection.can_read(timeout=0):
                message = self._connection.read_response(push_request=True)
                if message and message[0] == b"message":
                    reply = self._opened(run, message[2])
                    if reply is not None:
                        return reply
        except (RedisError, OSError):
            self._close()
        return None

    def _opened(self, run: uuid.UUID, message: bytes) -> str | None:
        """Return what a message says about the run; None if it is no reply to an open wait."""
        body = (signing.opened(self._channel, message) or b"").decode()
        wait, about, text = body[:_WAIT_SIZE], body[_WAIT_SIZE:_BEGIN], body[_BEGIN:]
        if about != run.hex or wait not in self._waits:
            return None
        self._waits.remove(wait)
        self._waits = self._waits or deque([""], maxlen=MOST_WAITS)
        return text

    def _close(self) -> None:
        """Close the connection; the next `open` subscribes again."""
        connection, self._connection = self._connection, None
        with contextlib.suppress(KeyError):
            self._poll.unregister(self._socket)
        connection.disconnect()


class ReplyChannels(threading.local):
    """The reply channel of each thread of this process."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        self._mine: ReplyChannel | None = None

    def mine(self) -> ReplyChannel:
        """Return the channel of the calling thread."""
        if self._mine is None:
            self._mine = ReplyChannel(self._connections)
        return self._mine


def tell(connections: Connections, address: str, run: uuid.UUID, text: str) -> bool:
    """Send a thread what came of its run; return whether it hears. Raises `redis.RedisError`."""
    channel, _, wait = address.partition(_MARK)
    (hearing,) = connections.ask(
        ("PUBLISH", channel, signing.signed(channel, f"{wait}{run.hex}{text}"))
    )
    return bool(hearing)
