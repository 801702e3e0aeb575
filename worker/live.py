"""News of runs over Redis: from the process that committed to all that watch or wait.

One channel carries batches of (run, number of its newest event, transient events) and the runs
that were canceled. A thread of each process that has something to say publishes what has gathered
for a moment; that a run has settled is said at once by the thread that settled it, since callers
wait for that, unless another was said just now, or the one caller was told (`lines`). News may be
lost: who watches also looks at the database now and then.
"""

import logging
import threading
import time
import uuid
from collections.abc import Sequence
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


def _channel() -> str:
    return connections.named("live")


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
        if is_settled and getattr(_told, "run", None) != run:
            _publisher.hurry()

    def told_end(self, caller: str, run: uuid.UUID, end: str) -> None:
        """Tell the caller; the news, for all others, need not be hurried after that.

        Raises `redis.RedisError`.
        """
        _told.run = run if lines.tell(caller, run, end) else None

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
        self._is_away = False
        self._hurried_at = 0.0

    def add(self, run: uuid.UUID, news: News) -> None:
        """Note that a run has changed."""
        with self._lock:
            known = self._news.setdefault(run, news)
            if known is not news:
                known.add(news)
            self._start()
        self._something.set()

    def abort(self, run: uuid.UUID) -> None:
        """Note that the running steps of a run are to end."""
        with self._lock:
            self._aborts.append(run.hex)
            self._start()
        self._something.set()

    def _start(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="signalbox-news", daemon=True)
            self._thread.start()

    def hurry(self) -> None:
        """Publish from the calling thread, unless that was done just now or Redis is away."""
        now = time.monotonic()
        if self._is_away or now - self._hurried_at < AT_ONCE_SECONDS:
            return
        self._hurried_at = now
        self._publish()

    def _run(self) -> None:
        while True:
            self._something.wait()
            time.sleep(PAUSE_SECONDS)
            self._something.clear()
            self._publish()
            if self._is_away:
                time.sleep(RETRY_SECONDS)

    def _publish(self) -> None:
        """Publish what has gathered. While Redis is away it is lost, and pages look."""
        with self._lock:
            news, self._news = self._news, {}
            aborts, self._aborts = self._aborts, []
        if not news and not aborts:
            return
        try:
            connections.ask(("PUBLISH", _channel(), _packed(news, aborts)))
            self._is_away = False
        except redis.RedisError as error:
            if not self._is_away:
                logger.warning("Redis is away (%s); pages follow by looking.", error)
            self._is_away = True


def _packed(news: dict[uuid.UUID, News], aborts: list[str]) -> bytes:
    runs = [[run.hex, n.seq, n.transient, n.is_settled] for run, n in news.items()]
    said = {"by": _ME, "runs": runs, "abort": aborts}
    return orjson.dumps(said, default=str)


_publisher = _Publisher()


def abort(run: uuid.UUID) -> None:
    """Let every process raise the abort signal of the run's steps that it holds."""
    attempts.abort(run)
    _publisher.abort(run)


# Listening.

_lock = threading.Lock()
_listener: threading.Thread | None = None
_is_heard = threading.Event()


def listen() -> None:
    """Start the thread that hears what other processes say, once a process; wait until it does."""
    global _listener  # noqa: PLW0603 - one thread a process
    if _listener is not None:
        return
    with _lock:
        if _listener is None:
            _listener = threading.Thread(target=_listen, name="signalbox-listener", daemon=True)
            _listener.start()
    _is_heard.wait(1.0)


def _listen() -> None:
    is_away = False
    while True:
        try:
            with connections.blocking() as client, client.pubsub() as channel:
                channel.subscribe(_channel())
                if is_away:
                    logger.info("Redis is back.")
                is_away = False
                while True:
                    message = channel.get_message(timeout=2.0)
                    if message is not None and message["type"] == "message":
                        _hear(orjson.loads(message["data"]))
                    _is_heard.set()
        except redis.RedisError as error:
            if not is_away:
                logger.warning("Redis is away (%s); news come by looking.", error)
            is_away = True
            time.sleep(RETRY_SECONDS)
        except Exception:
            logger.exception("News could not be understood; listening anew.")


def _hear(batch: dict[str, Any]) -> None:
    if batch["by"] == _ME:
        return
    for run in batch["abort"]:
        attempts.abort(uuid.UUID(run))
    for run, seq, transient, is_settled in batch["runs"]:
        hub.publish(uuid.UUID(run), seq, transient, is_settled=is_settled)
