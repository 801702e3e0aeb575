"""Hints over PostgreSQL, for installations without a Redis: each goes to every worker process.

A thread sends what has gathered since it last sent, so that no caller waits, and many hints cost
one transaction. Several processes may wake for one step; its claim is the database's to give.
"""

from __future__ import annotations

import atexit
import logging
import queue
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Final

from .bus import Bus
from .carriers import AWAY, Carrier, Intake
from .hints import Hint

logger = logging.getLogger(__name__)

#: The channel for hints of all queues.
_CHANNEL: Final = "hints"
#: Hints in one message.
_MOST: Final = 100
#: Hints of one queue that a process keeps for its threads; they look for more steps by themselves.
MOST_WAITING: Final = 1000
#: Seconds for which a process that ends still sends what it has.
LAST_SECONDS: Final = 1.0
#: Seconds between the log's lines about a server that is away.
_PACE: Final = 10.0

_Hints = Sequence[tuple[str, Hint]]


class PostgresHints(Carrier):
    """Sends hints to all worker processes, and keeps those that arrive for the threads here."""

    server = "PostgreSQL"
    takes_offers = False

    def __init__(self, bus: Bus) -> None:
        self._sender = _Sender(bus)
        self._bus = bus
        self._lock = threading.Lock()
        self._waiting: dict[str, _Waiting] = {}
        self._is_heard = threading.Event()
        self._thread: threading.Thread | None = None

    def push(self, hints: _Hints) -> None:
        """Let the sender send hints. Never waits, never raises."""
        self._sender.add(hints)

    def intake(self, queue: str) -> Intake:
        """Return the hints of a queue; the process listens from the first intake on."""
        with self._lock:
            waiting = self._waiting.setdefault(queue, _Waiting())
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._listen, name="signalbox-hints", daemon=True
                )
                self._thread.start()
        return waiting

    def _listen(self) -> None:
        while True:
            try:
                for body in self._bus.heard(_CHANNEL):
                    if body is not None:
                        self._take(body.decode())
            except Exception:
                logger.exception("Hints could not be read; workers look each second meanwhile.")
                time.sleep(1.0)

    def _take(self, text: str) -> None:
        for line in text.splitlines():
            hint, _, queue = line.partition(" ")
            if (waiting := self._waiting.get(queue)) is not None:
                waiting.put(Hint.parsed(hint))


class _Waiting(Intake):
    """The hints of one queue that wait for a thread of this process."""

    def __init__(self) -> None:
        self._hints: queue.SimpleQueue[Hint] = queue.SimpleQueue()

    def put(self, hint: Hint) -> None:
        """Keep a hint, unless so many wait that the threads find the step anyway."""
        if self._hints.qsize() < MOST_WAITING:
            self._hints.put(hint)

    def take(self, seconds: float) -> Hint | None:
        """Return the next hint; None if none comes in this time."""
        try:
            return self._hints.get(timeout=seconds)
        except queue.Empty:
            return None

    def rest(self) -> None:
        """Do nothing, because other processes have the same hints."""

    def close(self) -> None:
        """Do nothing, because the connection is the process's."""


class _Sender:
    """The thread that sends hints."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._lock = threading.Lock()
        self._hints: deque[tuple[str, Hint]] = deque(maxlen=MOST_WAITING)
        self._something = threading.Event()
        self._sent = threading.Event()
        self._thread: threading.Thread | None = None
        self._said_at = float("-inf")

    def add(self, hints: _Hints) -> None:
        """Send hints soon; of very many the oldest are dropped."""
        with self._lock:
            self._sent.clear()
            self._hints.extend(hints)
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._run, name="signalbox-hinting", daemon=True
                )
                self._thread.start()
                atexit.register(self._sent.wait, LAST_SECONDS)
        self._something.set()

    def _run(self) -> None:
        while True:
            self._something.wait()
            self._something.clear()
            with self._lock:
                hints = list(self._hints)
                self._hints.clear()
            self._send(hints)
            with self._lock:
                if not self._hints:
                    self._sent.set()

    def _send(self, hints: _Hints) -> None:
        try:
            self._bus.publish([(_CHANNEL, body) for body in _bodies(hints)])
        except AWAY as error:
            if time.monotonic() - self._said_at > _PACE:
                logger.warning("PostgreSQL is away (%s); workers find steps by looking.", error)
                self._said_at = time.monotonic()
        except Exception:
            logger.exception("Hints could not be sent; workers find the steps by looking.")


def _bodies(hints: _Hints) -> Iterator[bytes]:
    lines = [f"{hint.text} {queue}" for queue, hint in hints]
    for at in range(0, len(lines), _MOST):
        yield "\n".join(lines[at : at + _MOST]).encode()
