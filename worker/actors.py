"""The one actor: a door to the engine."""

import logging

import dramatiq
from django.db import connection

from worker import broker as brokers
from worker import stopping
from workflows_app.engine import clock, workers
from workflows_app.engine.claim import claim, claim_next
from workflows_app.engine.work import work

logger = logging.getLogger(__name__)

broker = brokers.in_process()


@dramatiq.actor(broker=broker, queue_name="steps")
def run_step(step: int) -> None:
    """Take the step that is hinted at, else the oldest there is, and go on until nothing waits."""
    if stopping.is_asked():
        return
    try:
        held = claim(step, worker=workers.mine(), now=clock.now())
        while held := held or claim_next(worker=workers.mine(), now=clock.now()):
            work(held, is_stopping=stopping.is_asked)
            if stopping.is_asked():
                return
            held = None
    except Exception:
        logger.exception("A worker thread could not go on; the sweep will try again.")
    except BaseException:
        logger.warning("A step left its worker thread by a foreign exception.", exc_info=True)
    finally:
        if connection.vendor == "postgresql":
            connection.close()  # gives it back to the pool
