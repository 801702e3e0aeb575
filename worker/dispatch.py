"""The dispatchers: how the engine tells workers that there is work."""

import logging
import uuid
from collections.abc import Sequence

from worker import embedded, inline
from workflows_app.engine import attempts, clock, timers, transactions
from workflows_app.engine.ports import Wake

logger = logging.getLogger(__name__)


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

    def drive(self, run: uuid.UUID) -> bool:
        """Run everything in this thread."""
        inline.drive(run)
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
        embedded.start()
        for step in steps:
            self._hint(step)

    def _hint(self, step: Wake) -> None:
        if step.wake_at is None:
            embedded.hint(step.step)
            return
        delay = (step.wake_at - clock.now()).total_seconds()
        timers.after(delay, lambda: embedded.hint(step.step))

    def drive(self, run: uuid.UUID) -> bool:
        """Leave it to the threads, unless nobody else can see the run."""
        if transactions.is_inside_testcase():
            inline.drive(run)
            return True
        return False

    def abort(self, run: uuid.UUID) -> None:
        """Raise the abort signal of the run's steps in this process; others look each second."""
        attempts.abort(run)
