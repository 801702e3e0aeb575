"""The notifiers of the distributed mode, which send news of runs to every process."""

import threading
import uuid
from collections.abc import Sequence

from workflows_app.engine.host.live import Event, Notifier, hub
from workflows_app.redis_client import RedisError

from . import process, reply_channel
from .news import RunNews


class _LastEnd(threading.local):
    """The run whose end this thread last sent to a caller."""

    run: uuid.UUID | None = None


class PostgresNotifier(Notifier):
    """Passes news on to watchers here and, over the database, to other processes."""

    crosses_processes = True

    def __init__(self, here: "process.WorkerProcess | None" = None) -> None:
        """`here` is used instead of the worker of this process."""
        self._process = here or process.here
        self._last = _LastEnd()

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
        publisher = self._process.news.publisher
        publisher.add(run, RunNews(seq, list(transient), is_settled))
        if is_settled:
            is_told, self._last.run = self._last.run == run, None
            if not is_told:
                publisher.hurry()

    def listen(self) -> None:
        """Let news from other processes reach the hub of this one."""
        self._process.news.listen()


class RedisNotifier(PostgresNotifier):
    """Passes news on to watchers here and, over Redis, to other processes."""

    def told_end(self, caller: str, run: uuid.UUID, end: str) -> None:
        """Send the end to the caller; the news for everybody else may then wait a moment.

        While Redis is away nothing is sent, and the caller looks at the database.
        """
        self._last.run = None
        publisher = self._process.news.publisher
        if publisher.is_away:
            return
        try:
            hears = reply_channel.tell(self._process.redis, caller, run, end)
            self._last.run = run if hears else None
        except RedisError as error:
            publisher.goes_away(error)
