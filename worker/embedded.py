"""Worker threads in this process: Dramatiq's own worker over a broker in memory, and the sweep.

Started by the first wake, or by `manage.py up`. Queues die with the process; the database
remembers what there is to do, and the sweep finds it again.
"""

import atexit
import logging
import threading
from datetime import datetime, timedelta
from typing import Final

import dramatiq
from django.db import Error, connection

from worker import database, heartbeat, stopping
from worker.actors import broker, run_step
from workflows_app.engine import clock, recover, schedules, workers
from workflows_app.models import StepSnapshot

logger = logging.getLogger(__name__)

DEFAULT_THREADS: Final = 8
SWEEP_SECONDS: Final = 1.0
#: Hints are repeated for steps that have been claimable for so long.
OVERDUE: Final = timedelta(seconds=2)

_lock = threading.Lock()
_worker: dramatiq.Worker | None = None
_done = threading.Event()
_threads = DEFAULT_THREADS
_is_over = False


def start(threads: int = DEFAULT_THREADS) -> None:
    """Start the worker threads, once a process; also recover what a dead process left.

    After `stop(for_good=True)` it does nothing: what is woken then is for other processes.
    """
    global _worker, _threads  # noqa: PLW0603 - one worker a process
    with _lock:
        if _worker is not None or _is_over:
            return
        stopping.unask()
        _done.clear()
        _threads = threads
        heartbeat.start(threads)
        _worker = dramatiq.Worker(broker, worker_threads=threads, worker_timeout=100)
        _worker.start()
        threading.Thread(
            target=_sweep, args=(database.name(),), name="signalbox-sweep", daemon=True
        ).start()
        atexit.register(stop, 2.0)


def stop(timeout: float = 10.0, *, for_good: bool = False) -> None:
    """Take nothing new, wait up to `timeout` seconds for running steps, hand the rest back.

    `for_good`: a step that ends meanwhile and wakes the next one does not start the threads anew.
    """
    global _worker, _is_over  # noqa: PLW0603 - one worker a process
    with _lock:
        _is_over = _is_over or for_good
        if _worker is None:
            return
        stopping.ask()
        _done.set()
        _worker.stop(timeout=int(timeout * 1000))
        _worker = None
        heartbeat.end()
        try:
            workers.stop(clock.now())
        except Error:
            logger.info("The database was gone before this worker could say goodbye.")
        atexit.unregister(stop)


def is_running() -> bool:
    """Return whether the threads run."""
    return _worker is not None


def hint(step: int) -> None:
    """Tell the threads that a step can be claimed."""
    run_step.send(step)


def _sweep(started_with: object) -> None:
    """Look each second for what was lost, is due, or was never hinted at."""
    first = True
    while True:
        if database.is_gone(started_with):
            return
        with database.SWEEPING:
            first = not _sweep_once(first=first) and first
        if _done.wait(SWEEP_SECONDS):
            return


def _sweep_once(*, first: bool) -> bool:
    """Look once, and return whether that went well; at `first` also for what the dead left."""
    try:
        now = clock.now()
        if first:
            workers.bury_dead(now)
        recover.recover(now)
        recover.give_up_canceled(now)
        schedules.fire_due(now)
        _repeat_hints(now, everything=first)
    except Exception as error:  # noqa: BLE001 - the thread must outlive what goes wrong once
        logger.warning("The sweep failed; trying again: %s", error)
        connection.close()
        return False
    finally:
        if connection.vendor == "postgresql":
            connection.close()
    return True


def _repeat_hints(now: datetime, *, everything: bool) -> None:
    """Hint again at the oldest claimable steps, while the threads have nothing in their queue."""
    if broker.queues["steps"].qsize() > _threads:
        return
    overdue = StepSnapshot.objects.claimable(now).order_by("pk")
    if not everything:
        overdue = overdue.filter(queued_at__lt=now - OVERDUE)
    slept = StepSnapshot.objects.slept(now - OVERDUE).order_by("wake_at")
    for steps in (slept, overdue):
        for step in steps.values_list("pk", flat=True)[:_threads]:
            hint(step)
