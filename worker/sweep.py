"""The sweep: looks each second for steps that were lost, are due or never got a hint."""

import logging
import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from workflows_app import conf
from workflows_app.engine.host import clock, vitals, workers
from workflows_app.engine.host.rare import Rare, note
from workflows_app.engine.run import expiry
from workflows_app.engine.verbs import emitting, schedules, starting
from workflows_app.engine.work import recover
from workflows_app.engine.work.claim import wake_due
from workflows_app.models import StepSnapshot
from workflows_app.models.sqltext import connection_here

from . import database
from .serving import Serving

logger = logging.getLogger(__name__)

SWEEP_SECONDS: Final = 1.0
#: How often events that nobody waited for are deleted after their time.
PRUNE_SECONDS: Final = 60.0
#: How long a step must have been claimable before its hint is repeated.
OVERDUE: Final = timedelta(seconds=2)


def look_at_due() -> float | None:
    """End what is due; return in how many seconds the next thing is, in an inline process.

    In the other modes the sweep finds what comes next.
    """
    now = clock.now()
    expiry.expire_due(now)
    if conf.get("EXECUTION") != "inline":
        return None
    due = expiry.next_due(now)
    return None if due is None else max((due - clock.now()).total_seconds(), 0.0)


class Sweep:
    """Recovers steps, fires schedules and repeats hints, so that no lost message stops a run."""

    def __init__(
        self,
        serving: Serving,
        idle: Callable[[], int],
        hint: Callable[[str, int], object],
    ) -> None:
        """`idle` counts the idle threads; `hint` gives them a hint at a step of a queue."""
        self._serving = serving
        self._idle = idle
        self._hint = hint
        #: Claims of this process that none of its threads knew at the last look.
        self._unknown: dict[int, int] = {}
        #: Until then silence of workers does not count, because the database was away for all.
        self._patient_until = 0.0
        self._prune_after = 0.0
        #: Held while the thread uses the database, so that a test can take it before it empties the
        #: tables.
        self.turn = threading.Lock()

    def start(self) -> threading.Event:
        """Start to look each second; return the event that stops it."""
        done = threading.Event()
        thread = threading.Thread(
            target=self._run, args=(done, database.name()), name="signalbox-sweep", daemon=True
        )
        thread.start()
        vitals.here.watch("sweep", [thread], looks=True)
        return done

    def _run(self, done: threading.Event, started_with: object) -> None:
        is_first = True
        while not database.is_gone(started_with):
            with self.turn:
                is_first = not self.look(is_first=is_first) and is_first
            vitals.here.looked("sweep")
            if done.wait(SWEEP_SECONDS):
                return

    def look(self, *, is_first: bool) -> bool:
        """Look once; return whether that worked. The first look hints at everything that waits."""
        if is_first and not self._patient_until:
            self._be_patient()
        try:
            self._look(clock.now(), is_first=is_first)
        except Exception as error:  # noqa: BLE001 - one failure must not end the thread
            logger.warning("The sweep failed; trying again: %s", error)
            connection_here().close()
            self._be_patient()
            return False
        finally:
            database.give_back()
        return True

    def _look(self, now: datetime, *, is_first: bool) -> None:
        workers.bury_dead(now)
        recover.recover(now, by_silence=time.monotonic() > self._patient_until)
        self._unknown = recover.orphans(now, self._unknown)
        recover.give_up_canceled(now)
        schedules.fire_due(now)
        starting.begin_all()
        expiry.expire_due(now)
        self._prune(now)
        wake_due(now, self._serving.queues)
        self._repeat_hints(now, everything=is_first)

    def _prune(self, now: datetime) -> None:
        """Delete events that were kept for long enough, once in a while."""
        if time.monotonic() > self._prune_after:
            emitting.prune(now)
            self._prune_after = time.monotonic() + PRUNE_SECONDS

    def _be_patient(self) -> None:
        """Let workers write a heartbeat before their silence counts, because they may have been
        unable to.
        """
        self._patient_until = time.monotonic() + 1.5 * conf.get("HEARTBEAT_SECONDS")

    def _repeat_hints(self, now: datetime, *, everything: bool) -> None:
        """Hint again at the oldest claimable steps, as many as there are idle threads here."""
        most = self._idle()
        if most <= 0:
            return
        queues = self._serving.queues
        overdue = StepSnapshot.objects.claimable(now).served(queues).order_by("pk")
        if not everything:
            overdue = overdue.filter(queued_at__lt=now - OVERDUE)
        slept = StepSnapshot.objects.slept(now).served(queues).order_by("wake_at")
        for steps in (slept, overdue):
            for step, queue in steps.values_list("pk", "queue")[:most]:
                self._hint(queue, step)
                note(Rare.HINT_REPEATED)
