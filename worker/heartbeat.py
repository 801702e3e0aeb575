"""The thread that says that this process is alive, for all the steps it holds."""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection

from worker import database, serving
from workflows_app import conf
from workflows_app.engine import attempts, clock, transactions, workers
from workflows_app.models import Run

logger = logging.getLogger(__name__)

_lock = threading.Lock()
_holding = 0
_stop: threading.Event | None = None


@contextmanager
def while_holding(threads: int = 1) -> Iterator[None]:
    """Beat while the block runs; blocks in several threads share one heartbeat.

    Inside a `TestCase` there is none: nobody else sees the claims.
    """
    if transactions.is_inside_testcase():
        yield
        return
    start(threads)
    try:
        yield
    finally:
        end()


def start(threads: int = 1) -> None:
    """Beat now, and every `HEARTBEAT_SECONDS` until `end` was called as often as this."""
    global _holding, _stop  # noqa: PLW0603 - one heartbeat a process
    with _lock:
        _holding += 1
        if _stop is None:
            workers.beat(clock.now(), threads=threads, queues=serving.queues())
            _stop = threading.Event()
            threading.Thread(
                target=_beat, args=(_stop, threads, database.name()), name="signalbox-heartbeat",
                daemon=True,
            ).start()  # fmt: skip


def end() -> None:
    """Stop the thread when nobody holds anything any more."""
    global _holding, _stop  # noqa: PLW0603 - one heartbeat a process
    with _lock:
        _holding -= 1
        if _holding == 0 and _stop is not None:
            _stop.set()
            _stop = None


def _beat(stop: threading.Event, threads: int, started_with: object) -> None:
    """Beat until `stop`; look each second whether a held step's run is being canceled."""
    every = conf.get("HEARTBEAT_SECONDS")
    elapsed = 0.0
    while not stop.wait(min(every, 1.0)):
        elapsed += min(every, 1.0)
        if database.is_gone(started_with):
            return
        is_due = elapsed >= every
        with database.BEATING:
            _beat_once(threads, is_due=is_due)
        elapsed = 0.0 if is_due else elapsed


def _beat_once(threads: int, *, is_due: bool) -> None:
    try:
        if is_due:
            clock.renew()
            workers.beat(clock.now(), threads=threads, queues=serving.queues())
        pass_on_aborts()
    except Exception as error:  # noqa: BLE001 - the thread must outlive what goes wrong once
        logger.warning("The heartbeat could not be written; trying again: %s", error)
        connection.close()
    finally:
        if connection.vendor == "postgresql":
            connection.close()


def pass_on_aborts() -> None:
    """Raise the abort signal of steps whose run another process asked to end."""
    if held := attempts.runs():
        ending = Run.objects.filter(pk__in=held, ending__in=["canceled", "success"])
        for run in ending.values_list("pk", flat=True):
            attempts.abort(run)
