"""How a step leaves its function early; not by an `Exception`, because user code may swallow it."""

from typing import Any

from workflows_app.planner.outcomes import Awaited


class Control(BaseException):
    """The root of the exceptions for `suspend`, `bail`, `abort` and timeouts."""


class SuspendStep(Control):
    """The step asks, or waits; raised by `ctx.suspend` and by what waits without a person."""

    def __init__(
        self, payload: Any, labels: tuple[str, ...] = (), awaited: Awaited | None = None
    ) -> None:
        super().__init__()
        self.payload = payload
        self.labels = labels
        self.awaited = awaited


class BailRun(Control):
    """The step ends the run as a success; raised by `ctx.bail`."""

    def __init__(self, result: Any) -> None:
        super().__init__()
        self.result = result


class AbortRun(Control):
    """The step cancels the run; raised by `ctx.abort`."""


class Interrupted(Control):
    """The engine stops the attempt because its time is up; raised in the thread that runs it."""
