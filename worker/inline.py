"""Runs the steps of a run in the calling process: in the calling thread, and in helpers.

There is no recovery, and there are no timers after the process exits. Inside a `TestCase` all work
stays in the calling thread, on its connection, because nobody else sees the test's writes.
"""

import logging
import threading
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from datetime import datetime
from functools import partial
from typing import Final, NamedTuple

from django.db.models import Exists, OuterRef, Subquery

from workflows_app.engine.host import clock, ports, timers, transactions, workers
from workflows_app.engine.work import attempts
from workflows_app.engine.work.claim import claim
from workflows_app.engine.work.turn import work
from workflows_app.models import Run, StepSnapshot
from workflows_app.models.sqltext import connection_here
from workflows_app.planner.statuses import StepStatus
from workflows_app.planner.view import HELD

from .heartbeat import Heartbeat

logger = logging.getLogger(__name__)

#: Most helper threads beside the calling one, for steps that run side by side.
MOST_HELPERS: Final = 8

#: Seconds that sleeps and retries may take in all inside a `TestCase`.
PATIENCE: Final = 1.0

#: Seconds between looks at the database while others work on the run.
_LOOK_AGAIN: Final = 0.5

#: Seconds for which a thread of its own waits for a run. A longer wait keeps no thread and no
#: connection: a timer begins another thread.
_STAYS: Final = 2.0


class _Patience:
    """The seconds left for waiting; work does not count."""

    def __init__(self, seconds: float) -> None:
        self._left = seconds

    def lasts(self, seconds: float) -> bool:
        """Use up some seconds; if fewer are left, use none and return False."""
        if seconds > self._left:
            return False
        self._left -= seconds
        return True


class _Driven(threading.local):
    """The run whose steps the calling thread is running."""

    run: uuid.UUID | None = None


class InlineRuns:
    """The runs that threads of this process drive without a worker."""

    def __init__(self, heartbeat: Heartbeat) -> None:
        self._heartbeat = heartbeat
        self._helpers = threading.BoundedSemaphore(MOST_HELPERS)
        self._driven = _Driven()

    def is_driving(self, run: uuid.UUID) -> bool:
        """Return whether this thread is running the steps of `run` already."""
        return self._driven.run == run

    def drive(self, run: uuid.UUID, patience: float | None = None) -> None:
        """Run the steps of a run until nothing continues by itself.

        A step may call this for another run. If the step's time limit passes meanwhile, it ends the
        step only after the other run has settled. Inside a `TestCase` sleeps and retries take at
        most `patience` seconds in all (None: `PATIENCE`); later ones are left alone.
        """
        left = None
        if transactions.is_inside_testcase():
            left = _Patience(PATIENCE if patience is None else patience)
        attempt = attempts.current()
        with nullcontext() if attempt is None else attempt.shielded():
            self._drive(run, partial(_wait, left=left))

    def drive_apart(self, run: uuid.UUID) -> None:
        """Drive the run in a thread of its own."""
        threading.Thread(
            target=self._apart, args=(run,), name=f"signalbox-run-{run}", daemon=True
        ).start()

    def help_with(self, wakes: Sequence[ports.ClaimableStep]) -> None:
        """Let helpers take steps that can run beside the one of this thread."""
        if transactions.is_inside_testcase() or clock.is_stopped():
            return
        for wake in wakes:
            if wake.wake_at is None and self._helpers.acquire(blocking=False):
                threading.Thread(
                    target=self._help, args=(wake.run, wake.step), name="signalbox-run-helper",
                    daemon=True,
                ).start()  # fmt: skip

    def _drive(self, run: uuid.UUID, wait: Callable[[uuid.UUID, threading.Event], bool]) -> None:
        changed = threading.Event()
        unsubscribe = ports.hub().subscribe(run, lambda _seq, _events: changed.set())
        try:
            with self._driving(run), self._heartbeat.while_holding():
                while True:
                    changed.clear()
                    if not self._work_once(run) and not wait(run, changed):
                        return
        finally:
            unsubscribe()

    def _work_once(self, run: uuid.UUID) -> bool:
        """Claim and run the oldest claimable step, others beside it; False if there is none."""
        now = clock.now()
        slept = StepSnapshot.objects.slept(now).filter(run=run).order_by("wake_at")
        steps = StepSnapshot.objects.claimable(now).filter(run=run).order_by("pk")
        ready = [
            *slept.values_list("pk", "queue")[: MOST_HELPERS + 1],
            *steps.values_list("pk", "queue")[: MOST_HELPERS + 1],
        ]
        if not ready:
            return False
        self.help_with([ports.ClaimableStep(step, run, queue) for step, queue in ready[1:]])
        _run_step(ready[0][0])
        return True

    def _help(self, run: uuid.UUID, step: int) -> None:
        try:
            with self._driving(run):
                _run_step(step)
        except BaseException:
            logger.exception("A step of run %s was interrupted in its thread.", run)
        finally:
            self._helpers.release()
            ports.hub().publish(run, None)
            connection_here().close()

    def _apart(self, run: uuid.UUID) -> None:
        """Drive the run; a step that ended by a foreign exception counts as lost and runs again."""
        try:
            while not self._drive_once(run):
                logger.warning("A step of run %s was interrupted; it is run again.", run)
        except Exception:
            logger.exception(
                "Run %s stopped in its background thread; restart() goes on with it.", run
            )
        finally:
            connection_here().close()

    def _drive_once(self, run: uuid.UUID) -> bool:
        try:
            self._drive(run, self._wait_apart)
        except Exception:
            raise
        except BaseException:  # noqa: BLE001 - the engine has counted the attempt as lost
            return False
        return True

    def _wait_apart(self, run: uuid.UUID, changed: threading.Event) -> bool:
        """Wait as `_wait` does, but keep no thread for a long wait: a timer begins another one."""
        ahead = _ahead(run)
        wakes_at = None if ahead.has_claims or ahead.allowance == HELD else ahead.wakes_at
        seconds = 0.0 if wakes_at is None else _seconds_until(wakes_at, clock.now())
        if seconds < _STAYS or clock.is_stopped():
            return _wait(run, changed)
        timers.after(seconds, partial(self.drive_apart, run))
        return False

    @contextmanager
    def _driving(self, run: uuid.UUID) -> Iterator[None]:
        before, self._driven.run = self._driven.run, run
        try:
            yield
        finally:
            self._driven.run = before


def _run_step(step: int) -> None:
    if held := claim(step, worker=workers.mine(), now=clock.now()):
        work(held)


def _wait(run: uuid.UUID, changed: threading.Event, left: _Patience | None = None) -> bool:
    """Wait for the next thing to do; return False if nothing comes by itself, or not in time."""
    now = clock.now()
    ahead = _ahead(run)
    if ahead.allowance == HELD and not ahead.has_claims:
        return False  # a paused run has settled, whatever sleeps in it
    if ahead.wakes_at is not None:
        seconds = _seconds_until(ahead.wakes_at, now)
        if clock.is_stopped() and seconds:
            return False
        if left is not None and not left.lasts(seconds):
            return False
        changed.wait(seconds)
        return True
    if ahead.has_claims or ahead.stretches:
        changed.wait(_LOOK_AGAIN)
        return True
    return ahead.is_queued


class _Ahead(NamedTuple):
    """What a run still has to do: when its first wait is over, what is queued and what is held."""

    wakes_at: datetime | None = None
    is_queued: bool = False
    has_claims: bool = False
    stretches: int = 0
    allowance: int | None = None


def _ahead(run: uuid.UUID) -> _Ahead:
    """Return what a run still has to do, read in one statement.

    With several, a helper that ends one step and takes the next between them would be seen in
    neither, and the run taken for one that has nothing left to do.
    """
    steps = StepSnapshot.objects.current().filter(run=OuterRef("pk"))
    queued = steps.filter(status__in=[StepStatus.QUEUED, StepStatus.WAITING])
    waits = queued.filter(wake_at__isnull=False).order_by("wake_at")
    seen = Run.objects.filter(pk=run).annotate(
        wakes_at=Subquery(waits.values("wake_at")[:1]),
        is_queued=Exists(queued),
        has_claims=Exists(steps.filter(status=StepStatus.RUNNING, worker__isnull=False)),
    )
    found = seen.values_list(*_Ahead._fields).first()
    return _Ahead() if found is None else _Ahead._make(found)


def _seconds_until(time: datetime, now: datetime) -> float:
    return min(max((time - now).total_seconds(), 0.0), timers.LONGEST_WAIT)
