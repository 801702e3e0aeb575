"""User functions: how many arguments they take, whether they are async, what they are called."""

import functools
import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass
from types import FunctionType, MethodType
from typing import Annotated, Any, Final, ForwardRef, Literal, TypeVar, get_args, get_origin

from workflows_app import errors
from workflows_app.definition import sources

#: The input and the context.
MOST_ARGUMENTS: Final = 2

_POSITIONAL: Final = (
    inspect.Parameter.POSITIONAL_ONLY,
    inspect.Parameter.POSITIONAL_OR_KEYWORD,
)
_EMPTY: Final = inspect.Parameter.empty
_CONTEXT: Final = re.compile(r"\bStepContext\b")
_NAME: Final = re.compile(r"\b[^\W\d]\w*")


@dataclass(frozen=True, slots=True, eq=False)
class Function:
    """A function of an entry, such as a condition: takes nothing, the input, or input and ctx."""

    fn: Callable[..., Any]
    arity: int
    is_async: bool
    #: One line for people: the text of a lambda, else the function's name.
    source: str

    def call(self, input_data: Any, ctx: Any) -> Any:
        """Call the function with as many of these as it takes; a coroutine if it is async."""
        return invoke(self.fn, self.arity, input_data, ctx)


@dataclass(frozen=True, slots=True)
class Signature:
    """What a function's signature says: how it is called, and the annotations as written.

    `takes` and `returns` are `inspect.Parameter.empty` where nothing is written.
    """

    arity: int
    takes: Any
    returns: Any


def function(fn: object, what: str) -> Function:
    """Return a callable as a Function. Raises InvalidStep naming `what` if it cannot be one."""
    if not callable(fn):
        raise errors.InvalidStep(f"{what} must be a function, not {fn!r}.")
    return Function(fn, signature_of(fn, what).arity, is_async(fn), source_of(fn))


def invoke(fn: Callable[..., Any], arity: int, input_data: Any, ctx: Any) -> Any:
    """Call `fn` with the first `arity` of input and context."""
    return fn(*(input_data, ctx)[:arity])


def is_async(fn: Callable[..., Any]) -> bool:
    """Return whether calling `fn` gives a coroutine."""
    fn = _bare(fn)
    return inspect.iscoroutinefunction(fn) or inspect.iscoroutinefunction(_call_of(fn))


def signature_of(fn: Callable[..., Any], what: str) -> Signature:
    """Return how `fn` is called; InvalidStep when it needs more than the input and the context.

    A second parameter with a default other than None belongs to the function (`lambda data, n=n:`),
    so it is left alone. A callable without a signature, such as some builtins, takes the input.
    """
    try:
        signature = inspect.signature(fn)
    except (ValueError, TypeError):
        return Signature(1, _EMPTY, _EMPTY)
    parameters = list(signature.parameters.values())
    _refuse_what_cannot_be_called(parameters, what)
    positional = [p for p in parameters if p.kind in _POSITIONAL]
    _refuse_context_first(positional, fn, what)
    takes = positional[0].annotation if positional else _EMPTY
    # Calling a class gives an instance, whatever its __init__ says that it returns.
    returns = _EMPTY if isinstance(fn, type) else signature.return_annotation
    return Signature(_arity(fn, parameters, positional), takes, returns)


def method_parameter(fn: object) -> str:
    """Return `self` or `cls` if the function is defined in a class and takes that; else empty."""
    if not isinstance(fn, FunctionType):
        return ""
    holder = fn.__qualname__.rpartition(".")[0]
    names = fn.__code__.co_varnames[: fn.__code__.co_argcount]
    is_in_class = bool(holder) and not holder.endswith("<locals>")
    return names[0] if is_in_class and names and names[0] in {"self", "cls"} else ""


def underlying(fn: object) -> FunctionType | None:
    """Return the Python function behind partials, methods, decorators and callable objects."""
    while not isinstance(fn, FunctionType) or "__wrapped__" in fn.__dict__:
        if isinstance(fn, functools.partial):
            fn = fn.func
        elif isinstance(fn, MethodType):
            fn = fn.__func__
        elif "__wrapped__" in getattr(fn, "__dict__", ()):
            fn = fn.__dict__["__wrapped__"]
        elif isinstance(call := _call_of(fn), FunctionType):
            fn = call
        else:
            return None
    return fn


def name_of(fn: object) -> str:
    """Return the name of a callable within its module: `is_large`, `Rules.check`."""
    found: Any = underlying(fn) or _bare(fn)
    name: str = getattr(found, "__qualname__", type(found).__qualname__)
    return name.rpartition("<locals>.")[2].removesuffix(".__call__")


def where(fn: object) -> str:
    """Return the full name of a callable, for messages: `shop.flows.approve`."""
    found = underlying(fn) or _bare(fn)
    module = getattr(found, "__module__", None)
    return f"{module}.{name_of(fn)}" if module else name_of(fn)


def source_of(fn: Callable[..., Any]) -> str:
    """Return one line of text that tells people what the function does."""
    found = underlying(fn)
    return sources.text_of(name_of(fn), found.__code__ if found else None)


def _call_of(fn: object) -> Any:
    """Return the function that runs when an object is called, or a slot wrapper of Python's."""
    return inspect.getattr_static(type(fn), "__call__", None)


def _bare(fn: Any) -> Any:
    while isinstance(fn, functools.partial):
        fn = fn.func
    return fn


def _refuse_what_cannot_be_called(parameters: list[inspect.Parameter], what: str) -> None:
    required = [p for p in parameters if p.default is _EMPTY]
    positional = [p.name for p in required if p.kind in _POSITIONAL]
    keywords = [p.name for p in required if p.kind is inspect.Parameter.KEYWORD_ONLY]
    if len(positional) > MOST_ARGUMENTS:
        raise errors.InvalidStep(
            f"{what} needs {len(positional)} arguments ({', '.join(positional)}); it may take the "
            "input and the context, or one, or none. Bind the others with functools.partial, or "
            "give them defaults."
        )
    if keywords:
        raise errors.InvalidStep(
            f"{what} needs the keyword {', '.join(keywords)}; it is called with the input and the "
            "context, by position. Bind it with functools.partial, or give it a default."
        )


def _refuse_context_first(
    positional: list[inspect.Parameter], fn: Callable[..., Any], what: str
) -> None:
    if not positional or not _is_context(positional[0].annotation, fn):
        return
    name = positional[0].name
    raise errors.InvalidStep(
        f"{what} takes the StepContext as its first parameter, {name!r}; the input comes first and "
        f"the context second: (data, {name}: StepContext)."
    )


def _is_context(annotation: Any, fn: object) -> bool:
    """Return whether an annotation names the context or a subclass of it, perhaps in a union."""
    if isinstance(annotation, ForwardRef):
        annotation = annotation.__forward_arg__
    if isinstance(annotation, str):
        return bool(_CONTEXT.search(annotation)) or _names_subclass(annotation, fn)
    if isinstance(annotation, type) and get_origin(annotation) is None:
        return any(each.__name__ == "StepContext" for each in annotation.__mro__)
    if isinstance(annotation, TypeVar):
        return _is_context(annotation.__bound__, fn)
    parts = () if get_origin(annotation) is Literal else get_args(annotation)
    if get_origin(annotation) is Annotated:
        parts = parts[:1]
    return any(_is_context(part, fn) for part in parts)


def _names_subclass(text: str, fn: object) -> bool:
    """Return whether a name in the text of an annotation is such a subclass in its module."""
    names = getattr(underlying(fn), "__globals__", {})
    found = (names.get(name) for name in _NAME.findall(text))
    return any(isinstance(each, type) and _is_context(each, fn) for each in found)


def _arity(
    fn: object, parameters: list[inspect.Parameter], positional: list[inspect.Parameter]
) -> int:
    is_python = underlying(fn) is not None
    if any(p.kind is inspect.Parameter.VAR_POSITIONAL for p in parameters):
        return MOST_ARGUMENTS if is_python else 1
    if len(positional) < MOST_ARGUMENTS:
        return len(positional)
    second = positional[1].default
    takes_context = second is _EMPTY or (second is None and is_python)
    return MOST_ARGUMENTS if takes_context else 1
