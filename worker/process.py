"""The part of a process that runs steps: worker threads, a heartbeat and a sweep, as one object.

In the embedded mode the first hint or `manage.py up` starts it, and hints stay in the process. In
the distributed mode `manage.py worker` starts it, and a carrier brings hints from other processes.
"""

import atexit
import logging
import os
import threading
from collections.abc import Sequence
from typing import Final

from django.db import Error

from workflows_app import conf
from workflows_app.engine.host import alarms, clock, vitals, workers
from workflows_app.planner.enter import DEFAULT_QUEUE

from . import broker, crew, stock, sweep
from .bus import PostgresBus, RedisBus
from .capacity import Capacity
from .carriers import Carrier, RedisLists
from .connections import Connections
from .heartbeat import Heartbeat
from .hints import Hint
from .idle_thread import IdleThread
from .inline import InlineRuns
from .lending import LentThreads
from .news import News
from .offers import Offers
from .postgres_hints import PostgresHints
from .reply_channel import ReplyChannels
from .runner import StepRunner
from .serving import Serving
from .sweep import Sweep

logger = logging.getLogger(__name__)

DEFAULT_THREADS: Final = 8


class WorkerProcess:
    """Everything that this process has for running steps, and its life cycle.

    A new one runs nothing. `start` starts its threads, which serve queues until `stop`. After that
    it may be started again, unless it was stopped for good. A forked process begins with a new one
    (`after_fork`).
    """

    def __init__(self) -> None:
        self._begin_life()

    def after_fork(self) -> None:
        """Forget the threads, locks, claims and connections of the parent process.

        Its threads do not exist here, its locks may be held for ever, and over a shared connection
        the server would take the child's commands for the parent's.
        """
        vitals.here.forget()
        self._begin_life()

    def _begin_life(self) -> None:
        self._lock = threading.Lock()
        self._is_over = False
        self._crew: crew.Crew | None = None
        self._end_sweep = threading.Event()
        self.serving = Serving()
        self.capacity = Capacity()
        self.heartbeat = Heartbeat(self.serving)
        self.sweep = Sweep(self.serving, self._idle, self._hint)
        alarms.begin(sweep.look_at_due)
        self._begin_running()
        self._begin_talking()

    def _begin_running(self) -> None:
        self.runner = StepRunner(self.serving, self.capacity, self._send_here)
        self.inline = InlineRuns(self.heartbeat)
        self.lent = LentThreads(self.serving, self.runner.work_here)
        self.in_process = broker.in_process()
        self._actor = crew.register(self.in_process, crew.IN_PROCESS, self.runner)

    def _begin_talking(self) -> None:
        self.redis = Connections()
        self.offers = Offers(self.redis)
        self.reply_channels = ReplyChannels(self.redis)
        self._lists = RedisLists(self.redis)
        bus = PostgresBus()
        self._postgres_hints = PostgresHints(bus)
        self._redis_news, self._postgres_news = News(RedisBus(self.redis)), News(bus)
        self._stock: dict[str, Carrier] = {}

    def start(self, threads: int = DEFAULT_THREADS, queues: Sequence[str] | None = None) -> None:
        """Start the threads, unless they run, and recover the steps of dead processes.

        The threads serve these queues, or all. After `stop(for_good=True)` nothing starts; other
        processes then take the steps.
        """
        with self._lock:
            if self._crew is not None or self._is_over:
                return
            self.serving.begin(queues)
            self.heartbeat.start(threads)
            self._crew = self._gather(threads)
            self._crew.start()
            vitals.here.watch("workers", self._crew.threads())
            self.capacity.threads = threads
            self._end_sweep = self.sweep.start()
            atexit.register(self.stop, 2.0)

    def stop(self, timeout: float = 10.0, *, for_good: bool = False) -> None:
        """Take nothing new, wait up to `timeout` seconds for running steps, and free the rest.

        `for_good`: a step that ends meanwhile and wakes the next one does not start this again.
        """
        with self._lock:
            self._is_over = self._is_over or for_good
            if self._crew is None:
                return
            self.serving.ask_to_stop()
            vitals.here.forget()
            self.capacity.threads = 0
            self._end_sweep.set()
            self._crew.stop(timeout)
            self._crew = None
            self.heartbeat.end()
            _say_goodbye()
            atexit.unregister(self.stop)

    def carrier(self) -> Carrier:
        """Return the carrier of hints to other processes.

        It is the setting `BROKER`, else the Redis of `REDIS_URL`, else the database.
        """
        url = conf.get("BROKER")
        if not url:
            return self._lists if _has_redis() else self._postgres_hints
        if url not in self._stock:
            self._stock.setdefault(url, stock.carrier(url))
        return self._stock[url]

    @property
    def news(self) -> News:
        """What this process publishes, and what it hears from others."""
        return self._redis_news if _has_redis() else self._postgres_news

    def _gather(self, threads: int) -> crew.Crew:
        if conf.get("EXECUTION") != "distributed":
            return crew.EmbeddedCrew(self.in_process, threads, self.runner.hint_here)
        self.news.listen_for_aborts()
        carrier, queues = self.carrier(), self.serving.named_queues()
        idle_thread = None
        if threads > 1 and DEFAULT_QUEUE in queues and carrier.takes_offers:
            idle_thread = IdleThread(self.serving, self.runner, carrier, self.redis, queues)
        return crew.DistributedCrew(carrier, self.runner, queues, threads, idle_thread)

    def _send_here(self, hint: Hint) -> None:
        self._actor.send(*hint)

    def _idle(self) -> int:
        return 0 if self._crew is None else self._crew.idle()

    def _hint(self, queue: str, step: int) -> None:
        if self._crew is not None:
            self._crew.hint(queue, step)


def _has_redis() -> bool:
    return bool(conf.redis_url())


def _say_goodbye() -> None:
    try:
        workers.stop(clock.now())
    except Error:
        logger.info("The database was gone before this worker could say goodbye.")


#: The one worker of this process.
here: Final = WorkerProcess()
os.register_at_fork(after_in_child=here.after_fork)
start, stop = here.start, here.stop
