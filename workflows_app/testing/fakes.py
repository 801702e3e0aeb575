"""What steps do in a test in place of their own code, and what they were called with."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from workflows_app import errors
from workflows_app.definition import Step, functions, registry
from workflows_app.definition.names import listing

#: What is put in the place of a step's own: its function, and how that is called.
_CHANGED = ("fn", "arity", "is_async")


@dataclass
class _Fake:
    """One step whose function is replaced."""

    step: Step
    before: dict[str, Any]
    #: What it was called with, in order.
    calls: list[Any] = field(default_factory=list)


class Fakes:
    """The steps that are replaced in one test."""

    def __init__(self) -> None:
        self._fakes: list[_Fake] = []

    def put(self, target: Any, result: Any) -> None:
        """Let steps do this from now on. Raises StepNotFound."""
        for step in _steps(target):
            fake = self._of(step)
            if fake is None:
                fake = _Fake(step, {name: getattr(step, name) for name in _CHANGED})
                self._fakes.append(fake)
            _change(step, **_stand_in(fake, result))

    def calls(self, target: Any) -> list[Any]:
        """Return what the replaced steps were called with. Raises StepNotFound."""
        found = [fake for fake in map(self._of, _steps(target)) if fake is not None]
        if not found:
            raise errors.StepNotFound(
                f"{target!r} is not replaced in this test; call fake() before the run starts."
            )
        return [call for fake in found for call in fake.calls]

    def undo(self) -> None:
        """Let every step do again what it does outside of tests."""
        for fake in self._fakes:
            _change(fake.step, **fake.before)
        self._fakes.clear()

    def _of(self, step: Step) -> _Fake | None:
        return next((fake for fake in self._fakes if fake.step is step), None)


def _change(step: Step, **values: Any) -> None:
    for name, value in values.items():
        object.__setattr__(step, name, value)  # a Step is frozen for everybody else


def _stand_in(fake: _Fake, result: Any) -> dict[str, Any]:
    """Return what replaces the step: it notes its calls, and returns, raises or calls `result`."""
    is_error = isinstance(result, BaseException) or (
        isinstance(result, type) and issubclass(result, BaseException)
    )

    def stand_in(data: Any, ctx: Any) -> Any:
        fake.calls.append(copy.deepcopy(data))
        if is_error:
            raise result
        if not callable(result):
            return copy.deepcopy(result)
        arity = functions.signature_of(result, "The function of a fake").arity
        return functions.invoke(result, arity, data, ctx)

    is_async = callable(result) and not is_error and functions.is_async(result)
    return {"fn": stand_in, "arity": 2, "is_async": is_async}


def _steps(target: Any) -> list[Step]:
    """Return the steps that a Step, its function, its id or its path means. Raises StepNotFound."""
    if isinstance(target, Step):
        return [target]
    found: list[Step] = []
    for path, step in _all():
        is_meant = target in {path, step.id} if isinstance(target, str) else target is step.fn
        if is_meant and not any(step is each for each in found):
            found.append(step)
    if not found:
        known = listing(sorted({step.id for _, step in _all()}))
        raise errors.StepNotFound(f"No workflow has a step {target!r}; there are {known}.")
    return found


def _all() -> Iterable[tuple[str, Step]]:
    for definition in registry.all():
        for path, node in definition.tree.nodes.items():
            if node.step is not None:
                yield path, node.step
