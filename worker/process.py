"""The worker threads of this process: Dramatiq's own worker, the heartbeat and the sweep.

Embedded, they are started by the first wake, or by `manage.py up`, and hints stay in the process;
distributed, `manage.py worker` starts them and hints come over Redis. Hints may be lost: the
database remembers what there is to do, and the sweep finds it again.
"""

import atexit
import logging
import threading
import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

import dramatiq
from django.db import Error, connection

from worker import actors, database, heartbeat, live, serving, stopping
from worker.stand import Stand
from workflows_app import conf
from workflows_app.engine import clock, recover, schedules, workers
from workflows_app.engine.claim import wake_due
from workflows_app.engine.rare import Rare, note
from workflows_app.models import StepSnapshot
from workflows_app.planner.enter import DEFAULT_QUEUE

logger = logging.getLogger(__name__)

DEFAULT_THREADS: Final = 8
SWEEP_SECONDS: Final = 1.0
#: Hints are repeated for steps that have been claimable for so long.
OVERDUE: Final = timedelta(seconds=2)

_lock = threading.Lock()
_worker: dramatiq.Worker | None = None
#: The thread that is none of Dramatiq's, in the distributed mode.
_stand: Stand | None = None
_done = threading.Event()
_threads = DEFAULT_THREADS
_is_over = False


def start(threads: int = DEFAULT_THREADS, queues: Sequence[str] | None = None) -> None:
    """Start the worker threads, once a process; also recover what a dead process left.

    They serve these queues, or all there are. After `stop(for_good=True)` nothing is started: what
    is woken then is for other processes.
    """
    global _worker, _threads  # noqa: PLW0603 - one worker a process
    with _lock:
        if _worker is not None or _is_over:
            return
        stopping.unask()
        _done.clear()
        _threads = threads
        serving.serve(queues)
        heartbeat.start(threads)
        _worker = _dramatiq_worker(threads)
        _worker.start()
        actors.has(threads)
        threading.Thread(
            target=_sweep, args=(database.name(),), name="signalbox-sweep", daemon=True
        ).start()
        atexit.register(stop, 2.0)


def _dramatiq_worker(threads: int) -> dramatiq.Worker:
    global _stand  # noqa: PLW0603 - one thread a process
    broker = actors.broker()
    if broker is not actors.over_redis:
        return dramatiq.Worker(broker, worker_threads=threads, worker_timeout=100)
    live.listen_for_aborts()
    served = serving.queues()
    queues = serving.known() if served is None else served
    for queue in queues:
        broker.declare_queue(queue)
    if threads > 1 and DEFAULT_QUEUE in queues:
        _stand = Stand(queues)
        _stand.start()
        threads -= 1
    return dramatiq.Worker(broker, queues=set(queues), worker_threads=threads, worker_timeout=100)


def stop(timeout: float = 10.0, *, for_good: bool = False) -> None:
    """Take nothing new, wait up to `timeout` seconds for running steps, hand the rest back.

    `for_good`: a step that ends meanwhile and wakes the next one does not start the threads anew.
    """
    global _worker, _stand, _is_over  # noqa: PLW0603 - one worker a process
    with _lock:
        _is_over = _is_over or for_good
        if _worker is None:
            return
        stopping.ask()
        actors.has(0)
        _done.set()
        until = time.monotonic() + timeout
        _worker.stop(timeout=int(timeout * 1000))
        _worker = None
        if _stand is not None:
            _stand.join(max(until - time.monotonic(), 0.0))
            _stand = None
        heartbeat.end()
        try:
            workers.stop(clock.now())
        except Error:
            logger.info("The database was gone before this worker could say goodbye.")
        atexit.unregister(stop)


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


#: Claims of this process that no thread of it knew at the last look.
_unknown: dict[int, int] = {}
#: Until then nobody's silence means anything: the database may just have been away for all.
_patient_until = 0.0


def _be_patient() -> None:
    """Let workers write a heartbeat before they are judged: they may have been unable to."""
    global _patient_until  # noqa: PLW0603 - one sweep a process
    _patient_until = time.monotonic() + 1.5 * conf.get("HEARTBEAT_SECONDS")


def _sweep_once(*, first: bool) -> bool:
    """Look once, and return whether that went well; at `first` for what a dead process left."""
    global _unknown  # noqa: PLW0603 - one sweep a process
    if first and not _patient_until:
        _be_patient()
    try:
        now = clock.now()
        workers.bury_dead(now)
        recover.recover(now, by_silence=time.monotonic() > _patient_until)
        _unknown = recover.orphans(now, _unknown)
        recover.give_up_canceled(now)
        schedules.fire_due(now)
        wake_due(now, serving.queues())
        _repeat_hints(now, everything=first)
    except Exception as error:  # noqa: BLE001 - the thread must outlive what goes wrong once
        logger.warning("The sweep failed; trying again: %s", error)
        connection.close()
        _be_patient()
        return False
    finally:
        if connection.vendor == "postgresql":
            connection.close()
    return True


def _repeat_hints(now: datetime, *, everything: bool) -> None:
    """Hint again at the oldest claimable steps, as many as threads of this process are idle."""
    most = _idle()
    if most <= 0:
        return
    overdue = StepSnapshot.objects.claimable(now).served(serving.queues()).order_by("pk")
    if not everything:
        overdue = overdue.filter(queued_at__lt=now - OVERDUE)
    slept = StepSnapshot.objects.slept(now).served(serving.queues()).order_by("wake_at")
    for steps in (slept, overdue):
        for step, queue in steps.values_list("pk", "queue")[:most]:
            _hint(step, queue)
            note(Rare.HINT_REPEATED)


def _idle() -> int:
    broker = actors.broker()
    if broker is actors.over_redis:
        return _threads - (_stand is not None) - actors.over_redis.out
    return 0 if actors.in_process.queues[actors.IN_PROCESS].qsize() > _threads else _threads


def _hint(step: int, queue: str) -> None:
    if actors.broker() is actors.over_redis:
        actors.over_redis.hint_itself(queue, [step])
    else:
        actors.hint_here(step)
