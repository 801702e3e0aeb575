"""Methods that are called in a way that they cannot be: what they say."""

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

from workflows_app import errors

S = TypeVar("S")
P = ParamSpec("P")
R = TypeVar("R")
Method = Callable[Concatenate[S, P], R]


def called(form: str) -> Callable[[Method[S, P, R]], Method[S, P, R]]:
    """Say what a method looks like when it is called in a way that it cannot be."""

    def wrap(method: Method[S, P, R]) -> Method[S, P, R]:
        signature = inspect.signature(method)

        @wraps(method)
        def calling(self: S, /, *args: P.args, **kwargs: P.kwargs) -> R:
            try:
                signature.bind(self, *args, **kwargs)
            except TypeError as error:
                raise errors.InvalidStep(
                    f"{_named(method, self)} cannot be called like this: {error}. It is {form}"
                    f"{_options(signature)}."
                ) from None
            return method(self, *args, **kwargs)

        return calling

    return wrap


def _named(method: Any, self: object) -> str:
    if method.__name__ == "__init__":
        return f"{type(self).__name__}()"
    kind = type(self).__name__.lower() if hasattr(self, "fn") else "workflow"
    return f"{method.__name__}() of {kind} {getattr(self, 'id', '')!r}"


def _options(signature: inspect.Signature) -> str:
    names = [p.name for p in signature.parameters.values() if p.kind is p.KEYWORD_ONLY]
    return f"; by keyword it takes {', '.join(names)}" if names else ""
