"""What a thread does with a hint or a claim: take a step, run it, and look for more."""

import logging
from collections.abc import Callable
from typing import Final

from django.db import InterfaceError, OperationalError

from workflows_app.engine.host import clock, ports, workers
from workflows_app.engine.host.rare import Rare, note
from workflows_app.engine.run import definitions, transfer
from workflows_app.engine.run.claims import Claim
from workflows_app.engine.work import shift
from workflows_app.engine.work.claim import claim, claim_next
from workflows_app.engine.work.recover import hold, let_go, put_back
from workflows_app.engine.work.turn import work
from workflows_app.models.sqltext import connection_here

from . import offers
from .capacity import Capacity
from .database import ConnectionCheck
from .hints import ANY, Hint, milliseconds
from .serving import Serving

logger = logging.getLogger(__name__)

#: Most milliseconds by which the clock of a hint and that of a look for work differ.
CLOCKS_DIFFER_BY: Final = 100


class StepRunner:
    """Runs steps in the threads that call it."""

    def __init__(
        self, serving: Serving, capacity: Capacity, send_here: Callable[[Hint], object]
    ) -> None:
        """`send_here` gives a hint to the threads of an embedded process."""
        self._serving = serving
        self._capacity = capacity
        self._send_here = send_here
        self._connection_check = ConnectionCheck()
        #: Claims for which a thread is reserved that has not begun, by step.
        self._waiting: dict[int, Claim] = {}
        #: When a thread last began a look for work that found none, in milliseconds since 1970.
        self._found_nothing_at = 0

    # Hints.

    def run_hint(self, step: int, said_at: int, lane_key: int = 0) -> None:
        """Take the step that the hint names, or else the oldest, and continue until nothing waits.

        A hint is dropped if it is older than a look that found nothing, because its step was
        claimed by then.
        """
        reserved = self._waiting.pop(step, None)
        if reserved is not None:
            self._run(step, reserved)
        elif said_at + CLOCKS_DIFFER_BY < self._found_nothing_at:
            note(Rare.HINT_STALE)
        elif not shift.takes(lane_key):
            self._run(step, None)

    def hint_here(self, step: int, lane_key: int = 0) -> None:
        """Hint to the threads of an embedded process that a step can be claimed."""
        if not shift.takes(lane_key) and not self._capacity.misses_hint():
            self._send_here(Hint.now(step))

    # Claims.

    def begin(self, held: Claim) -> None:
        """Let the reserved thread begin with a claim."""
        hold(held)
        self._waiting[held.step] = held
        self.release()
        self._send_here(Hint.now(held.step))

    def release(self) -> None:
        """Free the thread that was reserved or has worked."""
        if self._capacity.release():
            self._send_here(Hint.now(ANY))

    def run_packed(self, text: bytes | str) -> None:
        """Work on a claim that another process made for this one and sent as text.

        A late claim is left alone, because the sweep frees it or has freed it.
        """
        held = transfer.unpack(text)
        if held is None or clock.now() - held.claimed_at > offers.LATE:
            note(Rare.HANDOVER_LATE)
            return
        hold(held)
        self._run(held.step, held, is_alone=True)

    def work_here(self, held: Claim) -> None:
        """Work on a claim in the calling thread, which waits for the run anyway."""
        try:
            work(held, is_stopping=self._serving.is_stopping, queues=self._serving.queues)
        except Exception:
            logger.exception("A caller could not go on with its run; the sweep will try again.")
            connection_here().close()
        except KeyboardInterrupt:
            raise
        except BaseException:
            logger.warning("A step left its caller's thread by a foreign exception.", exc_info=True)
            connection_here().close()

    # How a thread works.

    def _run(self, step: int, held: Claim | None, *, is_alone: bool = False) -> None:
        self._capacity.engage()
        try:
            self._connection_check.before_work()
            self._work_or_reconnect(step, held, is_alone=is_alone)
        except Exception:
            logger.exception("A worker thread could not go on; the sweep will try again.")
            connection_here().close()
        except BaseException:
            logger.warning("A step left its worker thread by a foreign exception.", exc_info=True)
            connection_here().close()
        finally:
            self._connection_check.after_work()
            self.release()

    def _work_or_reconnect(self, step: int, held: Claim | None, *, is_alone: bool) -> None:
        """Work; try again if the connection died while this thread was idle."""
        try:
            if held is None:
                self._work_from(step)
            else:
                self._work_on(held, is_alone=is_alone)
        except (OperationalError, InterfaceError):
            connection_here().close()
            self._work_from(step)

    def _work_from(self, step: int) -> None:
        """Work on this step or else the oldest, then on others until none waits."""
        if self._serving.is_stopping():
            return
        worker, queues = workers.mine(), self._serving.queues
        held = claim(step, worker=worker, now=clock.now(), queues=queues)
        while True:
            looked_at = milliseconds()
            held = held or claim_next(worker=worker, now=clock.now(), queues=queues)
            if held is None:
                self._found_nothing_at = looked_at
                return
            if not shift.give(held):
                self._work(held, with_others=True)
                if self._serving.is_stopping():
                    return
            held = None

    def _work(self, held: Claim, *, with_others: bool) -> None:
        is_stopping, queues = self._serving.is_stopping, self._serving.queues
        work(held, is_stopping=is_stopping, queues=queues, with_others=with_others)

    def _work_on(self, held: Claim, *, is_alone: bool) -> None:
        """Work on a claim; if `is_alone`, do not look for others that wait beside it.

        The process that made such a claim sends hints for all other steps, so this thread need not
        look.
        """
        is_given = False
        try:
            if self._serving.is_stopping() or not _is_known(held):
                _put_back(held)
                return
            is_given = shift.give(held)
            if not is_given:
                self._work(held, with_others=not is_alone)
        finally:
            if not is_given:
                let_go(held)  # otherwise the sweep would believe that a thread works on it


def _is_known(held: Claim) -> bool:
    """Return whether this process has code for the step of a claim."""
    run, step = held.session.model, held.session.rows.by_path.get(held.path)
    return run is not None and step is not None and not definitions.problem_at(run, step)


def _put_back(held: Claim) -> None:
    """Free a claim that nobody has begun, for other workers."""
    put_back(held, now=clock.now())
    ports.wake([ports.ClaimableStep(held.step, held.run, held.queue)])
