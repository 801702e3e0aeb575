"""A stand-in for the context of a step, for calling steps as the plain functions they are."""

from typing import Any


class Suspended(Exception):
    """The step asked; `payload` is the question."""

    def __init__(self, payload: Any) -> None:
        super().__init__("suspended")
        self.payload = payload


class Bailed(Exception):
    """The step ended the run; `result` is its result."""

    def __init__(self, result: Any) -> None:
        super().__init__("bailed")
        self.result = result


class FakeContext:
    """What the demo's steps use of a `StepContext`."""

    def __init__(self, answer: Any = None, init: dict[str, Any] | None = None) -> None:
        self.resume_data = answer
        self.run_id = "run-1"
        self._init = init or {}

    def suspend(self, payload: Any = None, *, resume_label: str = "") -> None:
        raise Suspended(payload)

    def bail(self, result: Any = None) -> None:
        raise Bailed(result)

    def get_init_data(self) -> dict[str, Any]:
        return self._init
