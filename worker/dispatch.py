"""The dispatchers: how the engine tells workers that there is work."""

import logging
import time
import uuid
from collections.abc import Callable, Sequence

import redis

from worker import actors, inline, lending, live, offers, process, serving
from worker import broker as brokers
from workflows_app.engine import attempts, clock, timers, transactions, workers
from workflows_app.engine.handing import Slot
from workflows_app.engine.lending import Borrower
from workflows_app.engine.ports import Wake
from workflows_app.planner.enter import DEFAULT_QUEUE

logger = logging.getLogger(__name__)

#: Seconds for which Redis is left alone after it did not answer.
ASK_AGAIN_SECONDS = 1.0
#: Seconds for which nobody is asked again after no worker was idle.
NO_OFFER_SECONDS = 0.01


class InlineDispatcher:
    """The calling process runs the steps."""

    def wake(self, steps: Sequence[Wake]) -> None:
        """Let the thread that drives the run, or a new one, take the steps."""
        for run in {step.run for step in steps}:
            if inline.is_driving(run):
                inline.help_with([step for step in steps if step.run == run])
            elif transactions.is_inside_testcase():
                inline.drive(run)
            else:
                inline.drive_apart(run)

    def drive(self, run: uuid.UUID, patience: float | None = None) -> bool:
        """Run everything in this thread."""
        inline.drive(run, patience)
        return True

    def abort(self, run: uuid.UUID) -> None:
        """Raise the abort signal of the run's steps in this process."""
        attempts.abort(run)


class EmbeddedDispatcher:
    """Worker threads of this process run the steps; inside a `TestCase`, the caller does."""

    def wake(self, steps: Sequence[Wake]) -> None:
        """Hint at the steps, those that wait at their time."""
        if transactions.is_inside_testcase():
            InlineDispatcher().wake(steps)
            return
        process.start()
        for step in steps:
            self._hint(step)

    def _hint(self, step: Wake) -> None:
        if step.wake_at is None:
            actors.hint_here(step.step, step.place)
            return
        delay = (step.wake_at - clock.now()).total_seconds()
        timers.after(delay, lambda: actors.hint_here(step.step))

    def reserve(self) -> Slot | None:
        """Return an idle thread of this process, for the first step that a verb makes ready."""
        if transactions.is_inside_testcase():
            return None
        process.start()
        if not actors.reserve():
            return None
        queues = serving.queues()
        return Slot(
            workers.mine(),
            lambda queue: queues is None or queue in queues,
            actors.hand,
            actors.give_back,
            actors.work_here,
        )

    def lend(self, borrower: Borrower) -> bool:
        """Start a thread in the place of one whose step waits for runs; False: none is left."""
        return lending.lend(borrower)

    def look_again(self) -> None:
        """Let an idle thread of this process look for the oldest step."""
        actors.look_again()

    def drive(self, run: uuid.UUID, patience: float | None = None) -> bool:
        """Leave it to the threads, unless nobody else can see the run."""
        if transactions.is_inside_testcase():
            inline.drive(run, patience)
            return True
        return False

    def abort(self, run: uuid.UUID) -> None:
        """Raise the abort signal of the run's steps in this process; others look each second."""
        attempts.abort(run)


class DistributedDispatcher:
    """Workers anywhere run the steps, hinted at over Redis; in a `TestCase` the caller does."""

    def __init__(self) -> None:
        #: While Redis is away it is asked now and then only, since each attempt costs 200 ms.
        self._ask_again = 0.0
        self._no_offer_until = 0.0

    def wake(self, steps: Sequence[Wake]) -> None:
        """Push hints at the steps, those that wait at their time."""
        if transactions.is_inside_testcase():
            InlineDispatcher().wake(steps)
            return
        now = [step for step in steps if step.wake_at is None]
        self._push([(step.queue, brokers.Hint.now(step.step, step.place)) for step in now])
        for step in steps:
            if step.wake_at is not None:
                self._push_later(step, (step.wake_at - clock.now()).total_seconds())

    def _push_later(self, step: Wake, delay: float) -> None:
        timers.after(delay, lambda: self._push([(step.queue, brokers.Hint.now(step.step))]))

    def _push(self, hints: list[tuple[str, brokers.Hint]]) -> None:
        if not hints or time.monotonic() < self._ask_again:
            return
        try:
            brokers.push(hints)
        except redis.RedisError as error:
            self._is_away(error)

    def _is_away(self, error: redis.RedisError) -> None:
        self._ask_again = time.monotonic() + ASK_AGAIN_SECONDS
        logger.warning("Redis is away (%s); workers find the steps by looking.", error)

    def reserve(self) -> Slot | None:
        """Return an idle thread of a worker process that offers itself, if one does."""
        now = time.monotonic()
        if transactions.is_inside_testcase() or now < max(self._ask_again, self._no_offer_until):
            return None
        try:
            taken = offers.take()
        except redis.RedisError as error:
            self._is_away(error)
            return None
        return offers.OfferedSlot(lambda: self._offer(taken))

    def _offer(self, taken: Callable[[], offers.Offer | None]) -> offers.Offer | None:
        try:
            offer = taken()
        except redis.RedisError as error:
            self._is_away(error)
            return None
        if offer is None:
            self._no_offer_until = time.monotonic() + NO_OFFER_SECONDS
        return offer

    def lend(self, borrower: Borrower) -> bool:
        """Start a thread in the place of one whose step waits for runs; False: none is left."""
        return lending.lend(borrower)

    def look_again(self) -> None:
        """Let an idle worker look for the oldest step."""
        self._push([(DEFAULT_QUEUE, brokers.Hint.now(actors.ANY))])

    def drive(self, run: uuid.UUID, patience: float | None = None) -> bool:
        """Leave it to the workers, unless nobody else can see the run."""
        return EmbeddedDispatcher().drive(run, patience)

    def abort(self, run: uuid.UUID) -> None:
        """Raise the abort signal of the run's steps, wherever they are."""
        live.abort(run)
