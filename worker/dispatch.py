"""The dispatchers: how the engine tells workers that there is work."""

import logging
import time
import uuid
from collections.abc import Callable, Sequence
from typing import Final

from workflows_app.engine.host import clock, ports, timers, transactions, workers
from workflows_app.engine.host.ports import ClaimableStep
from workflows_app.engine.verbs.idle_worker import Slot
from workflows_app.engine.work import attempts
from workflows_app.planner.enter import DEFAULT_QUEUE
from workflows_app.redis_client import RedisError

from . import process
from .carriers import AWAY
from .hints import ANY, Hint
from .offers import OfferedSlot, ThreadOffer
from .process import WorkerProcess

logger = logging.getLogger(__name__)

#: Seconds for which a carrier that did not answer is left alone.
ASK_AGAIN_SECONDS: Final = 1.0
#: Seconds without asking for offers, after no worker was idle.
NO_OFFER_SECONDS: Final = 0.01


class InlineDispatcher(ports.Dispatcher):
    """The calling process runs the steps."""

    def __init__(self, here: WorkerProcess | None = None) -> None:
        """`here` replaces the worker of this process."""
        self._process = here or process.here

    def wake(self, steps: Sequence[ClaimableStep]) -> None:
        """Let the thread that drives the run take the steps, or a new one."""
        inline = self._process.inline
        for run in {step.run for step in steps}:
            if inline.is_driving(run):
                inline.help_with([step for step in steps if step.run == run])
            elif transactions.is_inside_testcase() or clock.is_stopped():
                inline.drive(run)
            else:
                inline.drive_apart(run)

    def drive(self, run: uuid.UUID, patience: float | None = None) -> bool:
        """Run all steps of the run in this thread."""
        self._process.inline.drive(run, patience)
        return True

    def abort(self, run: uuid.UUID) -> None:
        """Raise the abort signal of the run's steps in this process."""
        attempts.abort(run)


class _ThreadedDispatcher(InlineDispatcher):
    """Worker threads run the steps; in a `TestCase`, which nobody else sees, the caller does."""

    lends = True

    def wake(self, steps: Sequence[ClaimableStep]) -> None:
        """Hint at the steps; at waiting ones when they are due."""
        if transactions.is_inside_testcase():
            super().wake(steps)
        else:
            self._hint_at(steps)

    def _hint_at(self, steps: Sequence[ClaimableStep]) -> None:
        raise NotImplementedError

    def lend(self, borrower: ports.Borrower) -> bool:
        """Start a thread that works while a step waits for runs; return False if none is left."""
        return self._process.lent.lend(borrower)

    def drive(self, run: uuid.UUID, patience: float | None = None) -> bool:
        """Leave the run to the threads, unless nobody else can see it."""
        return transactions.is_inside_testcase() and super().drive(run, patience)


class EmbeddedDispatcher(_ThreadedDispatcher):
    """Worker threads of this process run the steps; inside a `TestCase`, the caller does."""

    def _hint_at(self, steps: Sequence[ClaimableStep]) -> None:
        self._process.start()
        for step in steps:
            if step.wake_at is None:
                self._process.runner.hint_here(step.step, step.lane_key)
            else:
                self._hint_later(step, (step.wake_at - clock.now()).total_seconds())

    def _hint_later(self, step: ClaimableStep, delay: float) -> None:
        timers.after(delay, lambda: self._process.runner.hint_here(step.step))

    def reserve(self) -> Slot | None:
        """Reserve an idle thread of this process for the first step that a verb makes ready."""
        if transactions.is_inside_testcase():
            return None
        self._process.start()
        if not self._process.capacity.reserve():
            return None
        runner = self._process.runner
        return Slot(
            workers.mine(),
            self._process.serving.serves,
            runner.begin,
            runner.release,
            runner.work_here,
        )

    def look_again(self) -> None:
        """Let an idle thread of this process look for the oldest step."""
        self._process.runner.hint_here(ANY)


class DistributedDispatcher(_ThreadedDispatcher):
    """Workers anywhere run the steps, and a carrier brings them hints."""

    def __init__(self, here: WorkerProcess | None = None) -> None:
        """`here` replaces the worker of this process."""
        super().__init__(here)
        #: When a carrier that is away is asked again, because each attempt costs 200 ms.
        self._ask_again = 0.0
        self._no_offer_until = 0.0

    def _hint_at(self, steps: Sequence[ClaimableStep]) -> None:
        now = [step for step in steps if step.wake_at is None]
        self._push([(step.queue, Hint.now(step.step, step.lane_key)) for step in now])
        for step in steps:
            if step.wake_at is not None:
                self._push_later(step, (step.wake_at - clock.now()).total_seconds())

    def _push_later(self, step: ClaimableStep, delay: float) -> None:
        timers.after(delay, lambda: self._push([(step.queue, Hint.now(step.step))]))

    def _push(self, hints: list[tuple[str, Hint]]) -> None:
        if not hints or time.monotonic() < self._ask_again:
            return
        carrier = self._process.carrier()
        try:
            carrier.push(hints)
        except AWAY as error:
            self._is_away(carrier.server, error)

    def _is_away(self, server: str, error: Exception) -> None:
        self._ask_again = time.monotonic() + ASK_AGAIN_SECONDS
        logger.warning("%s is away (%s); workers find the steps by looking.", server, error)

    def reserve(self) -> Slot | None:
        """Return an offered idle thread of a worker process, if there is one."""
        if not self._may_ask_for_offer():
            return None
        try:
            taken = self._process.offers.take()
        except RedisError as error:
            self._is_away("Redis", error)
            return None
        return OfferedSlot(
            self._process.offers, lambda: self._offer(taken), self._process.reply_channels.mine
        )

    def _may_ask_for_offer(self) -> bool:
        is_early = time.monotonic() < max(self._ask_again, self._no_offer_until)
        if is_early or transactions.is_inside_testcase():
            return False
        return self._process.carrier().takes_offers

    def _offer(self, taken: Callable[[], ThreadOffer | None]) -> ThreadOffer | None:
        try:
            offer = taken()
        except RedisError as error:
            self._is_away("Redis", error)
            return None
        if offer is None:
            self._no_offer_until = time.monotonic() + NO_OFFER_SECONDS
        return offer

    def look_again(self) -> None:
        """Let an idle worker look for the oldest step."""
        self._push([(DEFAULT_QUEUE, Hint.now(ANY))])

    def abort(self, run: uuid.UUID) -> None:
        """Raise the abort signal of the run's steps, wherever they are."""
        self._process.news.abort(run)
