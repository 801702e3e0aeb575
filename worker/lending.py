"""Lent threads: each works while a thread of the pool waits for other runs."""

import logging
import threading
import uuid
from collections.abc import Callable
from typing import Final

from workflows_app.engine.host import clock, ports, workers
from workflows_app.engine.run.claims import Claim
from workflows_app.engine.work import lending
from workflows_app.engine.work.claim import claim_next
from workflows_app.models.sqltext import connection_here

from .serving import Serving

logger = logging.getLogger(__name__)

#: Most threads that a process lends, because each has a database connection while it works.
MOST: Final = 32
#: Seconds between looks while no news comes; they grow from the first to the last.
_FIRST_LOOK: Final = 0.05
_LAST_LOOK: Final = 1.0


class LentThreads:
    """The threads that this process can lend."""

    def __init__(self, serving: Serving, work_here: Callable[[Claim], None]) -> None:
        self._serving = serving
        self._work_here = work_here
        self._left = threading.BoundedSemaphore(MOST)

    def lend(self, borrower: ports.Borrower) -> bool:
        """Start a thread that works on the borrower's runs; return False if none is left."""
        if not self._left.acquire(blocking=False):
            return False
        try:
            threading.Thread(
                target=self._work, args=(borrower,), name="signalbox-run-lent", daemon=True
            ).start()
        except BaseException:
            self._left.release()
            raise
        return True

    def _work(self, borrower: ports.Borrower) -> None:
        lending.is_lent()
        try:
            self._work_until_over(borrower)
        except BaseException:
            logger.exception("A thread that was lent to %s could not go on.", borrower.name)
        finally:
            self._left.release()
            connection_here().close()

    def _work_until_over(self, borrower: ports.Borrower) -> None:
        pause = _FIRST_LOOK
        while not borrower.is_over():
            borrower.changed.clear()
            if self._work_once(borrower.runs):
                pause = _FIRST_LOOK
                continue
            connection_here().close()  # others may need it meanwhile
            pause = _FIRST_LOOK if borrower.changed.wait(pause) else min(pause * 2, _LAST_LOOK)

    def _work_once(self, runs: list[uuid.UUID]) -> bool:
        """Work on one of these runs; return whether there was something to do."""
        if self._serving.is_stopping():
            return False
        for run in runs:
            try:
                held = self._claim(run)
            except Exception:
                logger.exception("A lent thread could not look for work; it will look again.")
                return False
            if held is not None:
                self._work_here(held)
                return True
        return False

    def _claim(self, run: uuid.UUID) -> Claim | None:
        return claim_next(
            worker=workers.mine(), now=clock.now(), run=run, queues=self._serving.queues
        )
