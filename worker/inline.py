"""Running a run's steps in the process that called: in the calling thread, and beside it.

No recovery, no timers after exit. Inside a `TestCase` all stays in the calling thread, on its
connection, since nobody else can see what the test wrote.
"""

import logging
import threading
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from datetime import datetime
from typing import Final

from django.db import connection

from worker import heartbeat
from workflows_app.engine import attempts, clock, ports, timers, transactions, workers
from workflows_app.engine.claim import claim
from workflows_app.engine.work import work
from workflows_app.models import StepSnapshot
from workflows_app.planner.statuses import StepStatus

logger = logging.getLogger(__name__)

#: Threads beside the calling one, for steps that run side by side.
MOST_HELPERS: Final = 8

#: Seconds for which sleeps and retries are waited for inside a `TestCase`.
PATIENCE: Final = 2.0

#: Seconds between looks at the database while others work on the run.
_LOOK_AGAIN: Final = 0.5

_local = threading.local()
_helpers = threading.BoundedSemaphore(MOST_HELPERS)


def is_driving(run: uuid.UUID) -> bool:
    """Return whether this thread is running the steps of `run` already."""
    return getattr(_local, "run", None) == run


def drive(run: uuid.UUID, patience: float | None = None) -> None:
    """Run everything the run has to do, until nothing goes on by itself.

    A step may call this for another run; its own time may be up meanwhile, but is not over before
    the other run has settled. Inside a `TestCase` it waits no longer than `patience` in all
    (seconds; None: `PATIENCE`) for sleeps and retries: whatever comes later is left as it is.
    """
    left = None
    if transactions.is_inside_testcase():
        left = _Patience(PATIENCE if patience is None else patience)
    attempt = attempts.current()
    with nullcontext() if attempt is None else attempt.shielded():
        _drive(run, left)


def _drive(run: uuid.UUID, left: "_Patience | None") -> None:
    changed = threading.Event()
    unsubscribe = ports.hub().subscribe(run, lambda _seq, _events: changed.set())
    try:
        with _driving(run), heartbeat.while_holding():
            while True:
                changed.clear()
                if not _work_once(run) and not _wait(run, changed, left):
                    return
    finally:
        unsubscribe()


def drive_apart(run: uuid.UUID) -> None:
    """Drive the run in a thread of its own."""
    threading.Thread(target=_apart, args=(run,), name=f"signalbox-run-{run}", daemon=True).start()


def help_with(wakes: Sequence[ports.Wake]) -> None:
    """Take steps that can run beside the one that this thread goes on with."""
    if transactions.is_inside_testcase():
        return
    for wake in wakes:
        if wake.wake_at is None and _helpers.acquire(blocking=False):
            threading.Thread(
                target=_help, args=(wake.run, wake.step), name="signalbox-run-helper", daemon=True
            ).start()


def _work_once(run: uuid.UUID) -> bool:
    """Claim and run the oldest claimable step, others beside it; False when there is none."""
    now = clock.now()
    slept = StepSnapshot.objects.slept(now).filter(run=run).order_by("wake_at")
    steps = StepSnapshot.objects.claimable(now).filter(run=run).order_by("pk")
    ready = [
        *slept.values_list("pk", "queue")[: MOST_HELPERS + 1],
        *steps.values_list("pk", "queue")[: MOST_HELPERS + 1],
    ]
    if not ready:
        return False
    help_with([ports.Wake(step, run, queue) for step, queue in ready[1:]])
    _run_step(ready[0][0])
    return True


def _run_step(step: int) -> None:
    if held := claim(step, worker=workers.mine(), now=clock.now()):
        work(held)


class _Patience:
    """The seconds that are left for waiting; work does not count."""

    def __init__(self, seconds: float) -> None:
        self._left = seconds

    def lasts(self, seconds: float) -> bool:
        """Take so many seconds; False, and nothing is taken, when fewer are left."""
        if seconds > self._left:
            return False
        self._left -= seconds
        return True


def _wait(run: uuid.UUID, changed: threading.Event, left: "_Patience | None") -> bool:
    """Wait for the next thing to do; False when nothing will come by itself, or not in time."""
    now = clock.now()
    steps = StepSnapshot.objects.current().filter(run=run)
    queued = steps.filter(status__in=[StepStatus.QUEUED, StepStatus.WAITING])
    times = [time for time in queued.values_list("wake_at", flat=True) if time is not None]
    held = steps.filter(status=StepStatus.RUNNING, worker__isnull=False)
    if times:
        seconds = _seconds_until(min(times), now)
        if left is not None and not left.lasts(seconds):
            return False
        changed.wait(seconds)
        return True
    if held.exists():
        changed.wait(_LOOK_AGAIN)
        return True
    return queued.exists()


def _seconds_until(time: datetime, now: datetime) -> float:
    return min(max((time - now).total_seconds(), 0.0), timers.LONGEST_WAIT)


def _help(run: uuid.UUID, step: int) -> None:
    try:
        with _driving(run):
            _run_step(step)
    except BaseException:
        logger.exception("A step of run %s was interrupted in its thread.", run)
    finally:
        _helpers.release()
        ports.hub().publish(run, None)
        connection.close()


def _apart(run: uuid.UUID) -> None:
    """Drive the run; a step that leaves by a foreign exception was lost, and is run again."""
    try:
        while not _drive_once(run):
            logger.warning("A step of run %s was interrupted; it is run again.", run)
    except Exception:
        logger.exception("Run %s stopped in its background thread; restart() goes on with it.", run)
    finally:
        connection.close()


def _drive_once(run: uuid.UUID) -> bool:
    try:
        drive(run)
    except Exception:
        raise
    except BaseException:  # noqa: BLE001 - the engine has counted the attempt as lost
        return False
    return True


@contextmanager
def _driving(run: uuid.UUID) -> Iterator[None]:
    before = getattr(_local, "run", None)
    _local.run = run
    try:
        yield
    finally:
        _local.run = before
