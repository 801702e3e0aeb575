"""The one actor: a door to the engine."""

import logging
from typing import Final

import dramatiq
from django.db import InterfaceError, OperationalError, connection

from worker import broker as brokers
from worker import serving, stopping
from workflows_app import conf
from workflows_app.engine import clock, workers
from workflows_app.engine.claim import claim, claim_next
from workflows_app.engine.work import work
from workflows_app.planner.enter import DEFAULT_QUEUE

logger = logging.getLogger(__name__)

#: The queue of the broker in this process, through which the hints of all queues go.
IN_PROCESS: Final = "steps"

#: Hints and looks are of different clocks, milliseconds apart.
STALE_AFTER: Final = 100

in_process = brokers.in_process()
over_redis = brokers.HintBroker()


def broker() -> dramatiq.Broker:
    """Return the broker of the configured way of execution."""
    return over_redis if conf.get("EXECUTION") == "distributed" else in_process


#: When threads of this process last began to look for work and found none, ms since 1970.
_found_nothing_at = 0


def run_step(step: int, said_at: int) -> None:
    """Take the step that is hinted at, else the oldest there is, and go on until nothing waits.

    What was said long before a look that found nothing was claimed by others since.
    """
    if said_at + STALE_AFTER < _found_nothing_at:
        return
    connection.close_if_unusable_or_obsolete()
    try:
        try:
            _work_from(step)
        except (OperationalError, InterfaceError):
            # The connection may have died while this thread was idle: once more with another.
            connection.close()
            _work_from(step)
    except Exception:
        logger.exception("A worker thread could not go on; the sweep will try again.")
        connection.close()
    except BaseException:
        logger.warning("A step left its worker thread by a foreign exception.", exc_info=True)
        connection.close()


def _work_from(step: int) -> None:
    global _found_nothing_at  # noqa: PLW0603 - one worker a process
    if stopping.is_asked():
        return
    worker, queues = workers.mine(), serving.queues()
    held = claim(step, worker=worker, now=clock.now(), queues=queues)
    while True:
        looked_at = brokers.milliseconds()
        held = held or claim_next(worker=worker, now=clock.now(), queues=queues)
        if held is None:
            _found_nothing_at = looked_at
            return
        work(held, is_stopping=stopping.is_asked, queues=queues)
        if stopping.is_asked():
            return
        held = None


_here = dramatiq.actor(broker=in_process, queue_name=IN_PROCESS)(run_step)
dramatiq.actor(broker=over_redis, queue_name=DEFAULT_QUEUE)(run_step)


def hint_here(step: int) -> None:
    """Tell the threads of an embedded process that a step can be claimed."""
    _here.send(*brokers.Hint.now(step))
