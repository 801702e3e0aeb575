"""Threads beside the pool, each in the place of one whose step waits for other runs."""

import logging
import threading
import uuid
from typing import Final

from django.db import connection

from worker import actors, serving, stopping
from workflows_app.engine import clock, lending, workers
from workflows_app.engine.claim import claim_next

logger = logging.getLogger(__name__)

#: Threads that are lent at most, a process: each has a connection to the database while it works.
MOST: Final = 32
#: Seconds between looks while nothing is heard: they grow from the first to the last.
_FIRST_LOOK: Final = 0.05
_LAST_LOOK: Final = 1.0

_left = threading.BoundedSemaphore(MOST)


def lend(borrower: lending.Borrower) -> bool:
    """Start a thread that works on what the borrower waits for; False: none is left."""
    if not _left.acquire(blocking=False):
        return False
    try:
        threading.Thread(
            target=_work, args=(borrower,), name="signalbox-run-lent", daemon=True
        ).start()
    except BaseException:
        _left.release()
        raise
    return True


def _work(borrower: lending.Borrower) -> None:
    lending.is_lent()
    pause = _FIRST_LOOK
    try:
        while not borrower.is_over():
            borrower.changed.clear()
            if _work_once(borrower.runs):
                pause = _FIRST_LOOK
                continue
            connection.close()  # others may need it meanwhile
            pause = _FIRST_LOOK if borrower.changed.wait(pause) else min(pause * 2, _LAST_LOOK)
    except BaseException:
        logger.exception("A thread that was lent to %s could not go on.", borrower.name)
    finally:
        _left.release()
        connection.close()


def _work_once(runs: list[uuid.UUID]) -> bool:
    """Work on one of these runs; return whether there was something to do."""
    if stopping.is_asked():
        return False
    queues = serving.queues()
    for run in runs:
        try:
            held = claim_next(worker=workers.mine(), now=clock.now(), run=run, queues=queues)
        except Exception:
            logger.exception("A thread that was lent could not look for work; it looks again.")
            return False
        if held is not None:
            actors.work_here(held)
            return True
    return False
