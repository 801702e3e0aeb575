"""How a step leaves its function early: not by `Exception`s, which user code may swallow."""

from typing import Any


class Control(BaseException):
    """The root of what leaves a step's function by `suspend`, `bail`, `abort` or a timeout."""


class SuspendStep(Control):
    """The step asks; raised by `ctx.suspend`."""

    def __init__(self, payload: Any, labels: tuple[str, ...]) -> None:
        super().__init__()
        self.payload = payload
        self.labels = labels


class BailRun(Control):
    """The step ends the run as a success; raised by `ctx.bail`."""

    def __init__(self, result: Any) -> None:
        super().__init__()
        self.result = result


class AbortRun(Control):
    """The step cancels the run; raised by `ctx.abort`."""


class Interrupted(Control):
    """The engine stops the attempt: its time is up. Raised into the thread that runs it."""
