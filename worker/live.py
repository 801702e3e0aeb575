"""News of runs over Redis: from the process that committed to all that watch or wait.

One channel carries batches of (run, number of its newest event, transient events), another the
runs that were canceled: who works on steps hears that one, who watches or waits the first. A
thread of each process that has something to say publishes what has gathered
for a moment; that a run has settled is said at once by the thread that settled it, since callers
wait for that, unless another was said just now, or the one caller was told (`lines`). News may be
lost: who watches also looks at the database now and then.
"""

import json
import logging
import threading
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson
import redis

from worker import connections, lines
from workflows_app.engine import attempts
from workflows_app.engine.live import Event, hub

logger = logging.getLogger(__name__)

#: So many seconds news gather before they are published: each message costs every process.
PAUSE_SECONDS: Final = 0.02
#: What is said at once is said at most so often, in seconds; else it gathers too.
AT_ONCE_SECONDS: Final = 0.005
#: Seconds between attempts while Redis is away.
RETRY_SECONDS: Final = 0.5

#: The channels.
_NEWS: Final = "live"
_ABORTS: Final = "aborts"

#: Who published: a process does not listen to itself.
_ME: Final = uuid.uuid4().hex

#: The run whose caller this thread told last that it has ended.
_told = threading.local()


@dataclass(slots=True)
class News:
    """What is to be said of one run."""

    seq: int | None
    transient: list[Event]
    is_settled: bool

    def add(self, later: "News") -> None:
        """Say this too."""
        self.seq = later.seq if self.seq is None else max(self.seq, later.seq or 0)
        self.transient += later.transient
        self.is_settled = self.is_settled or later.is_settled


class RedisNotifier:
    """Tells those who watch in this process, and the other processes."""

    def published(
        self,
        run: uuid.UUID,
        seq: int | None,
        transient: Sequence[Event] = (),
        *,
        is_settled: bool = False,
    ) -> None:
        """Pass the news on; never raises, never waits."""
        hub.publish(run, seq, transient, is_settled=is_settled)
        _publisher.add(run, News(seq, list(transient), is_settled))
        if is_settled:
            is_told, _told.run = getattr(_told, "run", None) == run, None
            if not is_told:
                _publisher.hurry()

    def told_end(self, caller: str, run: uuid.UUID, end: str) -> None:
        """Tell the caller; the news, for all others, need not be hurried after that.

        While Redis is away nobody is told, and the caller looks.
        """
        _told.run = None
        if _publisher.is_away:
            return
        try:
            _told.run = run if lines.tell(caller, run, end) else None
        except redis.RedisError as error:
            _publisher.goes_away(error)

    def listen(self) -> None:
        """Let what other processes say reach the hub of this one."""
        listen()


class _Publisher:
    """The thread that publishes, with what it has not published yet."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._news: dict[uuid.UUID, News] = {}
        self._aborts: list[str] = []
        self._something = threading.Event()
        self._thread: threading.Thread | None = None
        self.is_away = False
        self._hurried_at = 0.0

    def add(self, run: uuid.UUID, news: News) -> None:
        """Note that a run has changed."""
        with self._lock:
            known = self._news.setdefault(run, news)
            if known is not news:
                known.add(news)
            self._start()
        if not self._something.is_set():
            self._something.set()

    def abort(self, run: uuid.UUID) -> None:
        """Note that the running steps of a run are to end."""
        with self._lock:
            self._aborts.append(run.hex)
            self._start()
        if not self._something.is_set():
            self._something.set()

    def _start(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="signalbox-news", daemon=True)
            self._thread.start()

    def hurry(self) -> None:
        """Publish from the calling thread, unless that was done just now or Redis is away."""
        now = time.monotonic()
        if self.is_away or now - self._hurried_at < AT_ONCE_SECONDS:
            return
        self._hurried_at = now
        self._publish()

    def _run(self) -> None:
        while True:
            self._something.wait()
            time.sleep(PAUSE_SECONDS)
            self._something.clear()
            self._publish()
            if self.is_away:
                time.sleep(RETRY_SECONDS)

    def _publish(self) -> None:
        """Publish what has gathered. While Redis is away it is lost, and pages look."""
        with self._lock:
            news, self._news = self._news, {}
            aborts, self._aborts = self._aborts, []
        if not news and not aborts:
            return
        try:
            said = []
            if news:
                said.append(("PUBLISH", connections.named(_NEWS), _packed(news)))
            if aborts:
                said.append(("PUBLISH", connections.named(_ABORTS), orjson.dumps(aborts)))
            connections.ask(*said)
            self.is_away = False
        except redis.RedisError as error:
            self.goes_away(error)

    def goes_away(self, error: redis.RedisError) -> None:
        """Note that Redis does not answer: nobody waits for it again until it does."""
        if not self.is_away:
            logger.warning("Redis is away (%s); pages follow by looking.", error)
        self.is_away = True


def _packed(news: dict[uuid.UUID, News]) -> bytes:
    runs = [[run.hex, n.seq, n.transient, n.is_settled] for run, n in news.items()]
    said = {"by": _ME, "runs": runs, "abort": []}  # older releases expect the last
    try:
        return orjson.dumps(said, default=str)
    except TypeError:  # numbers over 64 bits
        return json.dumps(said, default=str).encode()


_publisher = _Publisher()


def abort(run: uuid.UUID) -> None:
    """Let every process raise the abort signal of the run's steps that it holds."""
    attempts.abort(run)
    _publisher.abort(run)


# Listening.


class _Listener:
    """The thread that hears what other processes say on one channel, once a process."""

    def __init__(self, channel: str, hear: Callable[[Any], None]) -> None:
        self._channel = channel
        self._hear = hear
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._is_heard = threading.Event()

    def start(self) -> None:
        """Start it, unless it has been; wait until it hears."""
        if self._thread is not None:
            return
        with self._lock:
            if self._thread is None:
                name = f"signalbox-{self._channel}"
                self._thread = threading.Thread(target=self._listen, name=name, daemon=True)
                self._thread.start()
        self._is_heard.wait(1.0)

    def _listen(self) -> None:
        is_away = False
        while True:
            try:
                with connections.blocking() as client, client.pubsub() as channel:
                    channel.subscribe(connections.named(self._channel))
                    if is_away:
                        logger.info("Redis is back.")
                    is_away = False
                    while True:
                        message = channel.get_message(timeout=2.0)
                        if message is not None and message["type"] == "message":
                            self._hear(orjson.loads(message["data"]))
                        self._is_heard.set()
            except redis.RedisError as error:
                if not is_away:
                    logger.warning("Redis is away (%s); news come by looking.", error)
                is_away = True
                time.sleep(RETRY_SECONDS)
            except Exception:
                logger.exception("News could not be understood; listening anew.")


def _hear_news(batch: dict[str, Any]) -> None:
    if batch["by"] == _ME:
        return
    for run, seq, transient, is_settled in batch["runs"]:
        hub.publish(uuid.UUID(run), seq, transient, is_settled=is_settled)


def _hear_aborts(runs: list[str]) -> None:
    for run in runs:
        attempts.abort(uuid.UUID(run))


_news: Final = _Listener(_NEWS, _hear_news)
_aborts: Final = _Listener(_ABORTS, _hear_aborts)


def listen() -> None:
    """Let what other processes say of runs reach the hub of this one."""
    _news.start()


def listen_for_aborts() -> None:
    """Let the steps that this process runs end when another one cancels their runs."""
    _aborts.start()
