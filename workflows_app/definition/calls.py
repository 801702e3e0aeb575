"""The error for a method that is called with wrong arguments."""

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

from workflows_app import errors

Method = TypeVar("Method", bound=Callable[..., Any])


def called(form: str) -> Callable[[Method], Method]:
    """Let a method raise InvalidArguments, with the form of a right call, when its arguments are
    wrong.
    """

    def wrap(method: Method) -> Method:
        signature = inspect.signature(method)

        @wraps(method)
        def calling(self: object, /, *args: Any, **kwargs: Any) -> Any:
            try:
                signature.bind(self, *args, **kwargs)
            except TypeError as error:
                raise errors.InvalidStep(
                    f"{_named(method, self)} cannot be called like this: {error}. It is {form}"
                    f"{_options(signature)}."
                ) from None
            return method(self, *args, **kwargs)

        return cast("Method", calling)

    return wrap


def _named(method: Any, self: object) -> str:
    if method.__name__ == "__init__":
        return f"{type(self).__name__}()"
    kind = type(self).__name__.lower() if hasattr(self, "fn") else "workflow"
    return f"{method.__name__}() of {kind} {getattr(self, 'id', '')!r}"


def _options(signature: inspect.Signature) -> str:
    names = [p.name for p in signature.parameters.values() if p.kind is p.KEYWORD_ONLY]
    return f"; by keyword it takes {', '.join(names)}" if names else ""
