"""Scopes: where the names in annotations are found, also those of classes local to a function."""

from __future__ import annotations

import inspect
import typing
from typing import TYPE_CHECKING, Any, Self

from workflows_app.definition import functions

if TYPE_CHECKING:
    from types import FrameType, FunctionType


class Scope:
    """The names that a function's annotations may use.

    It keeps the frames in which the function was defined, so drop it once everything is resolved.
    """

    __slots__ = ("_frames", "_function")

    def __init__(self, function: FunctionType, frames: list[FrameType]) -> None:
        self._function = function
        self._frames = frames

    @classmethod
    def around(cls, fn: object) -> Self | None:
        """Return the scope of `fn`, from the frames that are defining it."""
        function = functions.underlying(fn)
        if function is None:
            return None
        frames: list[FrameType] = []
        frame = inspect.currentframe()
        while frame is not None:
            # Callers from other modules define no names that this function could use.
            if frame.f_globals is function.__globals__ and frame.f_code.co_name != "<module>":
                frames.append(frame)
            frame = frame.f_back
        return cls(function, frames)

    def names(self) -> dict[str, Any]:
        """Return all names in reach; the nearest one wins."""
        function = self._function
        inner, *outer = [frame.f_locals for frame in self._frames] or [{}]
        generic = {each.__name__: each for each in getattr(function, "__type_params__", ())}
        nearest_first = [generic, inner, _closure(function), function.__globals__, *outer]
        found: dict[str, Any] = {}
        for names in reversed(nearest_first):
            found.update(names)
        return found

    def resolve(self, annotation: Any) -> Any:
        """Return the type that an annotation names.

        Raises NameError for a name not in reach, and whatever else evaluating it raises.
        """

        def holder() -> None: ...

        holder.__annotations__ = {"it": annotation}
        hints = typing.get_type_hints(
            holder, self._function.__globals__, self.names(), include_extras=True
        )
        return hints["it"]


def _closure(function: FunctionType) -> dict[str, Any]:
    found = {}
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        try:
            found[name] = cell.cell_contents
        except ValueError:  # the enclosing function has not set it yet
            continue
    return found
