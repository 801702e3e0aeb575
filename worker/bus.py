"""What carries messages to every process that listens: Redis, or PostgreSQL without a Redis.

A message may be lost: whoever listens also looks at the database now and then.
"""

from __future__ import annotations

import base64
import logging
import queue
import select
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any, Final, Protocol

import psycopg

from workflows_app.models.sqltext import connection_here

from . import signing
from .connections import Connections, named

logger = logging.getLogger(__name__)

Message = tuple[str, bytes]

#: Seconds that a listener waits for a message before it says that none came.
WAIT_SECONDS: Final = 2.0
#: Seconds between attempts to connect again.
RETRY_SECONDS: Final = 0.5
#: Seconds of silence after which the server is asked whether it is still there.
LOOK_SECONDS: Final = 30
#: What notices a server that is gone without a word; the host's own options win.
_LIFELINES: Final = {
    "connect_timeout": 5,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
}


class Bus(Protocol):
    """How messages reach all processes that listen to a channel."""

    @property
    def server(self) -> str:
        """The name of the server, for messages to people."""

    @property
    def most_bytes(self) -> int | None:
        """How long a message may be; None: as long as it likes."""

    def publish(self, messages: Sequence[Message]) -> None:
        """Send bodies, each to a channel. Raises one of `carriers.AWAY`."""

    def heard(self, channel: str) -> Iterator[bytes | None]:
        """Yield what others publish there; None now and then. Raises one of `carriers.AWAY`."""


class RedisBus(Bus):
    """Channels of Redis; each listener has a connection."""

    server = "Redis"
    most_bytes = None

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    def publish(self, messages: Sequence[Message]) -> None:
        """Send all of them in one round trip."""
        self._connections.ask(*(("PUBLISH", *_signed(*message)) for message in messages))

    def heard(self, channel: str) -> Iterator[bytes | None]:
        """Subscribe, and yield what comes."""
        with self._connections.blocking() as client, client.pubsub() as subscribed:
            subscribed.subscribe(named(channel))
            while True:
                message = subscribed.get_message(timeout=WAIT_SECONDS)
                if message is None or message["type"] != "message":
                    yield None
                else:
                    yield signing.opened(named(channel), message["data"])


class PostgresBus(Bus):
    """NOTIFY and LISTEN in the database of the runs: two connections for a process.

    NOTIFY takes a lock of the whole server when its transaction commits, so it never shares one
    with anything else: messages are sent over a connection of their own.
    """

    server = "PostgreSQL"
    #: A payload has fewer than 8,000 bytes (manual of PostgreSQL, NOTIFY), here as base64.
    most_bytes = 5_900

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._raw: psycopg.Connection[Any] | None = None
        self._listener = _Listener()

    def publish(self, messages: Sequence[Message]) -> None:
        """Send all of them in one transaction. Raises `psycopg.Error`."""
        sent = [_signed(*message) for message in messages]
        names = [name for name, _ in sent]
        texts = [base64.b64encode(body).decode() for _, body in sent]
        with self._lock:
            try:
                self._open().execute(
                    "SELECT pg_notify(name, body) FROM unnest(%s::text[], %s::text[]) "
                    "AS message (name, body)",
                    [names, texts],
                )
            except psycopg.Error:
                self._drop()
                raise

    def heard(self, channel: str) -> Iterator[bytes | None]:
        """Yield what comes, from one connection for all channels. Raises `psycopg.Error`."""
        inbox = self._listener.listen(named(channel))
        yield None  # from here on nothing is missed
        while True:
            try:
                text = inbox.get(timeout=WAIT_SECONDS)
            except queue.Empty:
                yield None
            else:
                yield _opened(named(channel), text)

    def _open(self) -> psycopg.Connection[Any]:
        if self._raw is None or self._raw.closed:
            self._raw = _connected("signalbox-notify")
            # A hint that a crash of the server loses is found by looking, as any other.
            self._raw.execute("SET synchronous_commit = off")
        return self._raw

    def _drop(self) -> None:
        if self._raw is not None:
            with suppress(psycopg.Error):
                self._raw.close()
        self._raw = None


class _Listener:
    """The thread and the connection over which a process hears all its channels."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inboxes: dict[str, list[queue.SimpleQueue[str]]] = {}
        self._thread: threading.Thread | None = None
        self._bell, self._ringer = socket.socketpair()
        self._bell.settimeout(0)
        #: The channels that the server knows of.
        self._known: set[str] = set()
        self._is_known = threading.Condition(self._lock)

    def listen(self, channel: str) -> queue.SimpleQueue[str]:
        """Return where messages of a channel arrive from now on.

        Waits a moment for the server; while it is away, messages come once it is back.
        """
        inbox: queue.SimpleQueue[str] = queue.SimpleQueue()
        with self._lock:
            self._inboxes.setdefault(channel, []).append(inbox)
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._run, name="signalbox-listen", daemon=True
                )
                self._thread.start()
            self._ringer.send(b"!")
            self._is_known.wait_for(lambda: channel in self._known, timeout=WAIT_SECONDS)
        return inbox

    def _run(self) -> None:
        while True:
            try:
                with _connected("signalbox-listen") as raw:
                    self._hear(raw)
            except psycopg.Error as error:
                if self._known:
                    logger.warning("PostgreSQL is away (%s); work is found by looking.", error)
                with self._lock:
                    self._known.clear()
                time.sleep(RETRY_SECONDS)

    def _hear(self, raw: psycopg.Connection[Any]) -> None:
        poll = select.poll()
        poll.register(raw.fileno(), select.POLLIN)
        poll.register(self._bell, select.POLLIN)
        while True:
            self._learn(raw)
            for message in raw.notifies(timeout=0):
                for inbox in self._inboxes.get(message.channel, ()):
                    inbox.put(message.payload)
            ready = [end for end, _ in poll.poll(LOOK_SECONDS * 1000)]
            if not ready:
                raw.execute("SELECT 1")  # whether the server is still there
            elif self._bell.fileno() in ready:
                self._bell.recv(1024)

    def _learn(self, raw: psycopg.Connection[Any]) -> None:
        """Tell the server of channels that it does not know of yet."""
        with self._lock:
            new = set(self._inboxes) - self._known
        for channel in new:
            raw.execute(f'LISTEN "{channel}"'.encode())  # a name of ours
        with self._lock:
            self._known |= new
            self._is_known.notify_all()


def _signed(channel: str, body: bytes) -> Message:
    name = named(channel)
    return name, signing.signed(name, body)


def _opened(name: str, text: str) -> bytes | None:
    try:
        return signing.opened(name, base64.b64decode(text))
    except ValueError:  # somebody else uses the channel
        return None


def _connected(called: str) -> psycopg.Connection[Any]:
    """Return a connection of our own to the database of the runs, outside of Django's and its pool.

    Raises `psycopg.Error`.
    """
    given = {**_LIFELINES, **connection_here().get_connection_params()}
    for name in ("context", "cursor_factory"):  # the host's conversions; ours are psycopg's own
        given.pop(name, None)
    given["application_name"] = called
    return psycopg.connect(**given, autocommit=True)
