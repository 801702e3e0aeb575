"""News of runs, from the process that committed to all processes that watch or wait.

One channel carries batches of (run, number of its newest event, transient events) for processes
that watch or wait. Another carries canceled runs for processes that run steps.

One thread of each process publishes the news that gathered for a moment. The thread that settles a
run publishes that at once, because callers wait for it. News may be lost, so watchers also look at
the database now and then.
"""

import json
import logging
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import orjson

from workflows_app.engine.host.live import Event, hub
from workflows_app.engine.work import attempts

from .bus import Bus, Message
from .carriers import AWAY

logger = logging.getLogger(__name__)

#: Seconds for which news gathers before it is published, because each message costs every process.
PAUSE_SECONDS: Final = 0.02
#: Shortest time in seconds between news that is published at once; news in between gathers.
AT_ONCE_SECONDS: Final = 0.005
#: Seconds between attempts while the server is away.
RETRY_SECONDS: Final = 0.5

#: The channels.
_NEWS: Final = "live"
_ABORTS: Final = "aborts"


@dataclass(slots=True)
class RunNews:
    """The unpublished news of one run."""

    seq: int | None
    transient: list[Event]
    is_settled: bool

    def add(self, later: "RunNews") -> None:
        """Add later news of the same run."""
        self.seq = later.seq if self.seq is None else max(self.seq, later.seq or 0)
        self.transient += later.transient
        self.is_settled = self.is_settled or later.is_settled


class News:
    """What this process publishes, and what it hears from others."""

    def __init__(self, bus: Bus) -> None:
        #: A process does not listen to itself.
        self._me: Final = uuid.uuid4().hex
        self.publisher: Final = Publisher(bus, self._me)
        self._news: Final = _Listener(bus, _NEWS, self._hear_news)
        self._aborts: Final = _Listener(bus, _ABORTS, _hear_aborts)

    def listen(self) -> None:
        """Let the news of other processes reach the hub of this one."""
        self._news.start()

    def listen_for_aborts(self) -> None:
        """Let steps of this process end when another process cancels their runs."""
        self._aborts.start()

    def abort(self, run: uuid.UUID) -> None:
        """Let every process raise the abort signal of its steps of the run."""
        attempts.abort(run)
        self.publisher.abort(run)

    def _hear_news(self, batch: dict[str, Any]) -> None:
        if batch["by"] == self._me:
            return
        for run, seq, transient, is_settled in batch["runs"]:
            hub.publish(uuid.UUID(run), seq, transient, is_settled=is_settled)


def _hear_aborts(runs: list[str]) -> None:
    for run in runs:
        attempts.abort(uuid.UUID(run))


class Publisher:
    """The thread that publishes, and its unpublished news."""

    def __init__(self, bus: Bus, me: str) -> None:
        self._bus = bus
        self._me = me
        self._lock = threading.Lock()
        self._news: dict[uuid.UUID, RunNews] = {}
        self._aborts: list[str] = []
        self._something = threading.Event()
        self._thread: threading.Thread | None = None
        self.is_away = False
        self._hurried_at = 0.0

    def add(self, run: uuid.UUID, news: RunNews) -> None:
        """Note that a run has changed."""
        with self._lock:
            known = self._news.setdefault(run, news)
            if known is not news:
                known.add(news)
            self._start()
        self._wake()

    def abort(self, run: uuid.UUID) -> None:
        """Note that the running steps of a run must end."""
        with self._lock:
            self._aborts.append(run.hex)
            self._start()
        self._wake()

    def hurry(self) -> None:
        """Publish from the calling thread, unless that has just happened or the server is away."""
        now = time.monotonic()
        if self.is_away or now - self._hurried_at < AT_ONCE_SECONDS:
            return
        self._hurried_at = now
        self._publish()

    def goes_away(self, error: Exception) -> None:
        """Note that the server does not answer, so that no caller waits for it until it does."""
        if not self.is_away:
            logger.warning("%s is away (%s); pages follow by looking.", self._bus.server, error)
        self.is_away = True

    def _wake(self) -> None:
        if not self._something.is_set():
            self._something.set()

    def _start(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="signalbox-news", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        while True:
            self._something.wait()
            time.sleep(PAUSE_SECONDS)
            self._something.clear()
            self._publish()
            if self.is_away:
                time.sleep(RETRY_SECONDS)

    def _publish(self) -> None:
        """Publish the gathered news. While the server is away it is lost; pages look instead."""
        with self._lock:
            news, self._news = self._news, {}
            aborts, self._aborts = self._aborts, []
        if not news and not aborts:
            return
        try:
            most = self._bus.most_bytes
            messages: list[Message] = [(_NEWS, each) for each in _batches(self._me, news, most)]
            messages += [(_ABORTS, orjson.dumps(some)) for some in _parts(aborts)]
            self._bus.publish(messages)
            self.is_away = False
        except AWAY as error:
            self.goes_away(error)


#: Runs in one message about canceled ones.
_MOST_ABORTS: Final = 100


def _parts(aborts: list[str]) -> Iterator[list[str]]:
    yield from (aborts[at : at + _MOST_ABORTS] for at in range(0, len(aborts), _MOST_ABORTS))


def _batches(me: str, news: dict[uuid.UUID, RunNews], most: int | None) -> Iterator[bytes]:
    """Yield bodies with all the news, none longer than `most` bytes.

    Where the news of one run is longer, its transient events are left out.
    """
    if not news:
        return
    body = _packed(me, news)
    if most is None or len(body) <= most:
        yield body
    elif len(news) > 1:
        runs = list(news.items())
        for half in (runs[: len(runs) // 2], runs[len(runs) // 2 :]):
            yield from _batches(me, dict(half), most)
    else:
        yield _packed(me, {run: RunNews(n.seq, [], n.is_settled) for run, n in news.items()})


def _packed(me: str, news: dict[uuid.UUID, RunNews]) -> bytes:
    runs = [[run.hex, n.seq, n.transient, n.is_settled] for run, n in news.items()]
    batch = {"by": me, "runs": runs, "abort": []}  # older releases expect "abort"
    try:
        return orjson.dumps(batch, default=str)
    except TypeError:  # numbers over 64 bits
        return json.dumps(batch, default=str).encode()


class _Listener:
    """The one thread of a process that hears what others publish on a channel."""

    def __init__(self, bus: Bus, channel: str, hear: Callable[[Any], None]) -> None:
        self._bus = bus
        self._channel = channel
        self._hear = hear
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._is_heard = threading.Event()
        self._is_away = False

    def start(self) -> None:
        """Start it, unless it runs, and wait until it is subscribed."""
        if self._thread is not None:
            return
        with self._lock:
            if self._thread is None:
                name = f"signalbox-{self._channel}"
                self._thread = threading.Thread(target=self._run, name=name, daemon=True)
                self._thread.start()
        self._is_heard.wait(1.0)

    def _run(self) -> None:
        while True:
            try:
                self._listen()
            except AWAY as error:
                if not self._is_away:
                    logger.warning(
                        "%s is away (%s); news comes by looking at the database.",
                        self._bus.server,
                        error,
                    )
                self._is_away = True
                time.sleep(RETRY_SECONDS)
            except Exception:
                logger.exception("A message could not be read; listening continues.")

    def _listen(self) -> None:
        for body in self._bus.heard(self._channel):
            if self._is_away:
                logger.info("%s is back.", self._bus.server)
            self._is_away = False
            self._is_heard.set()
            if body is not None:
                self._hear(orjson.loads(body))
