"""The thread that reports that this process is alive, and with it the steps that it holds."""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from workflows_app import conf
from workflows_app.engine.host import clock, transactions, vitals, workers
from workflows_app.engine.work import attempts
from workflows_app.models import Run
from workflows_app.models.sqltext import connection_here

from . import database
from .serving import Serving

logger = logging.getLogger(__name__)


class Heartbeat:
    """The one heartbeat of a process; it beats while anything here holds steps."""

    def __init__(self, serving: Serving) -> None:
        self._serving = serving
        self._lock = threading.Lock()
        self._holders = 0
        self._stop: threading.Event | None = None
        #: Held while the thread uses the database, so that a test can take it before it empties the
        #: tables.
        self.turn = threading.Lock()

    @contextmanager
    def while_holding(self, threads: int = 1) -> Iterator[None]:
        """Beat while the block runs.

        Inside a `TestCase` there is no heartbeat, because nobody else sees the claims.
        """
        if transactions.is_inside_testcase():
            yield
            return
        self.start(threads)
        try:
            yield
        finally:
            self.end()

    def start(self, threads: int = 1) -> None:
        """Beat now, and every `HEARTBEAT_SECONDS` until `end` was called once for each `start`."""
        with self._lock:
            self._holders += 1
            if self._stop is None:
                workers.beat(clock.now(), threads=threads, queues=self._serving.queues)
                self._stop = threading.Event()
                thread = threading.Thread(
                    target=self._run, args=(self._stop, threads, database.name()),
                    name="signalbox-heartbeat", daemon=True,
                )  # fmt: skip
                thread.start()
                vitals.here.watch("heartbeat", [thread], looks=True)

    def end(self) -> None:
        """Stop the thread once nobody holds steps."""
        with self._lock:
            self._holders -= 1
            if self._holders == 0 and self._stop is not None:
                self._stop.set()
                self._stop = None
                vitals.here.forget("heartbeat")

    def _run(self, stop: threading.Event, threads: int, started_with: object) -> None:
        """Beat until `stop`; check each second whether the run of a held step is being canceled."""
        every = conf.get("HEARTBEAT_SECONDS")
        elapsed = 0.0
        while not stop.wait(min(every, 1.0)):
            elapsed += min(every, 1.0)
            if database.is_gone(started_with):
                return
            is_due = elapsed >= every
            with self.turn:
                self._beat(threads, is_due=is_due)
            vitals.here.looked("heartbeat")
            elapsed = 0.0 if is_due else elapsed

    def _beat(self, threads: int, *, is_due: bool) -> None:
        try:
            if is_due:
                clock.renew()
                workers.beat(clock.now(), threads=threads, queues=self._serving.queues)
            pass_on_aborts()
        except Exception as error:  # noqa: BLE001 - one failure must not end the thread
            logger.warning("The heartbeat could not be written; trying again: %s", error)
            connection_here().close()
        finally:
            database.give_back()


def pass_on_aborts() -> None:
    """Raise the abort signal of steps whose run another process has asked to end."""
    if held := attempts.runs():
        ending = Run.objects.filter(pk__in=held, ending__in=["canceled", "success"])
        for run in ending.values_list("pk", flat=True):
            attempts.abort(run)
