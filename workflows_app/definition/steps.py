"""Steps: a function with its types, and options that say how the engine treats it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Concatenate, Final, Generic, Protocol, TypedDict, Unpack, overload

from typing_extensions import ParamSpec, TypeVar

from workflows_app import errors
from workflows_app.definition import exhausted, functions, options
from workflows_app.definition.calls import called
from workflows_app.definition.exhausted import OnExhausted
from workflows_app.definition.functions import Signature
from workflows_app.definition.ids import check_id
from workflows_app.definition.schemas import ANY, Schema
from workflows_app.definition.scopes import Scope

_EMPTY: Final = inspect.Parameter.empty

#: The input and the output of a step, for type checkers; what is not annotated is Any.
In_contra = TypeVar("In_contra", contravariant=True, default=Any)
Out_co = TypeVar("Out_co", covariant=True, default=Any)
#: What the step's function takes and returns when it is called; an async one returns a coroutine.
P = ParamSpec("P", default=...)
Returned_co = TypeVar("Returned_co", covariant=True, default=Any)
In = TypeVar("In")
Out = TypeVar("Out")
Rest = ParamSpec("Rest")


class StepOptions(TypedDict, total=False):
    """What `step()` and `Step.clone()` take by keyword; None stands for the default."""

    id: str | None
    description: str | None
    input: Any
    output: Any
    resume: Any
    suspend: Any
    state: Any
    request_context: Any
    retries: int | None
    retry_delay: float | None
    retry_backoff: float | None
    timeout: float | None
    queue: str | None
    atomic: bool | None
    metadata: Mapping[str, Any] | None
    permission: str | None
    on_exhausted: OnExhausted | None


@dataclass(frozen=True, eq=False, repr=False)
class Step(Generic[In_contra, Out_co, P, Returned_co]):
    """A unit of work. Calling it calls the plain function, without any engine.

    Made by `step()`. Two steps are equal only when they are the same object. In annotations,
    `Step[Order, Receipt]` takes an `Order` and gives a `Receipt`.
    """

    id: str
    fn: Callable[..., Any]
    #: How many of (input, ctx) the function takes.
    arity: int
    is_async: bool
    description: str = ""
    input: Schema = ANY
    output: Schema = ANY
    resume: Schema = ANY
    suspend: Schema = ANY
    state: Schema = ANY
    request_context: Schema = ANY
    #: Extra attempts after an exception; None: the workflow's.
    retries: int | None = None
    #: Seconds; None: the workflow's.
    retry_delay: float | None = None
    retry_backoff: float = 1.0
    #: Seconds.
    timeout: float | None = None
    queue: str = "default"
    atomic: bool = False
    metadata: Mapping[str, Any] = field(default_factory=dict)
    permission: str | None = None
    #: What happens when its attempts are used up; None: the workflow's.
    on_exhausted: OnExhausted | None = None

    def __post_init__(self) -> None:
        if self.atomic and self.is_async:
            raise errors.InvalidStep(
                f"Step {self.id!r} is atomic and an async def; a transaction belongs to one "
                "thread, so an atomic step must be a plain function. Drop one of the two."
            )

    def __repr__(self) -> str:
        return f"<Step {self.id}>"

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Returned_co:
        """Call the plain function."""
        returned: Returned_co = self.fn(*args, **kwargs)
        return returned

    @called('clone(id="other")')
    def clone(self, **changes: Unpack[StepOptions]) -> Step[In_contra, Out_co, P, Returned_co]:
        """Return another step with the same function, under another id or with other options."""
        _refuse_unknown(changes, "clone()")
        what = f"Step {changes.get('id') or self.id!r}"
        scope = Scope.around(self.fn)
        return replace(self, **_checked(changes, what, scope, keep=_MAY_BE_NONE))

    @property
    def can_suspend(self) -> bool:
        """Whether the step seems to ask people: it has a resume type, or calls `suspend`."""
        function = functions.underlying(self.fn)
        says_so = not (self.resume.is_any and self.suspend.is_any)
        return says_so or (function is not None and "suspend" in function.__code__.co_names)

    def answer_schema(self, *, is_used_up: bool) -> dict[str, Any] | None:
        """Return the JSON Schema of an answer to its own question, or when its attempts are used
        up.
        """
        if not is_used_up:
            return self.resume.json_schema()
        gives = self.output.json_schema("serialization")
        return exhausted.schema(self.input.json_schema(), gives)

    def prepare(self) -> None:
        """Build the types that waited for a name. Raises InvalidStep if one cannot be built."""
        for name in SCHEMAS:
            schema: Schema = getattr(self, name)
            schema.prepare()


#: The options that are types.
SCHEMAS: Final = ("input", "output", "resume", "suspend", "state", "request_context")

#: Options for which None means something in a clone: the workflow's value, or no limit.
_MAY_BE_NONE: Final = frozenset({"retries", "retry_delay", "timeout", "permission", "on_exhausted"})

_CHECKS: Final[Mapping[str, Callable[[Any, str, str], Any]]] = {
    "description": options.text,
    "retries": options.whole_number,
    "retry_delay": options.seconds,
    "retry_backoff": options.factor,
    "timeout": options.timeout,
    "queue": options.queue,
    "atomic": options.flag,
    "metadata": options.metadata,
    "permission": options.permission,
    "on_exhausted": options.on_exhausted,
}


class Decorator(Protocol):
    """What `step()` returns without a function: it makes a step of the function below it."""

    @overload
    def __call__(
        self, fn: Callable[Concatenate[In, Rest], Coroutine[Any, Any, Out]], /
    ) -> Step[In, Out, Concatenate[In, Rest], Coroutine[Any, Any, Out]]: ...
    @overload
    def __call__(
        self, fn: Callable[Concatenate[In, Rest], Out], /
    ) -> Step[In, Out, Concatenate[In, Rest], Out]: ...
    @overload
    def __call__(
        self, fn: Callable[[], Coroutine[Any, Any, Out]], /
    ) -> Step[Any, Out, [], Coroutine[Any, Any, Out]]: ...
    @overload
    def __call__(self, fn: Callable[[], Out], /) -> Step[Any, Out, [], Out]: ...


@overload
def step(
    fn: Callable[Concatenate[In, Rest], Coroutine[Any, Any, Out]],
    /,
    **given: Unpack[StepOptions],
) -> Step[In, Out, Concatenate[In, Rest], Coroutine[Any, Any, Out]]: ...
@overload
def step(
    fn: Callable[Concatenate[In, Rest], Out], /, **given: Unpack[StepOptions]
) -> Step[In, Out, Concatenate[In, Rest], Out]: ...
@overload
def step(
    fn: Callable[[], Coroutine[Any, Any, Out]], /, **given: Unpack[StepOptions]
) -> Step[Any, Out, [], Coroutine[Any, Any, Out]]: ...
@overload
def step(fn: Callable[[], Out], /, **given: Unpack[StepOptions]) -> Step[Any, Out, [], Out]: ...
@overload
def step(fn: None = None, /, **given: Unpack[StepOptions]) -> Decorator: ...
def step(
    fn: Callable[..., Any] | None = None, /, *more: object, **given: Unpack[StepOptions]
) -> Any:
    """Make a step of a function: bare (`@step`), with options, or as a call (`step(fn, id="x")`).

    `id` defaults to the function's name, `description` to the first paragraph of its docstring,
    `input` and `output` to the annotations of its first parameter and of what it returns. `resume`,
    `suspend`, `state` and `request_context` are types, too. `retries` (extra attempts),
    `retry_delay` (seconds), `retry_backoff` (a factor), `timeout` (seconds), `queue`, `atomic`,
    `metadata`, `permission`: how the engine and the pages treat it. `on_exhausted`: "ask" suspends
    the step when its attempts are used up, so that a person decides; the default is "fail".

    Raises InvalidId and InvalidStep.
    """
    if more:
        raise errors.InvalidStep(
            f"step() was given {len(more) + 1} things by position; it is "
            'step(function, id="name"), with all options by keyword.'
        )
    _refuse_unknown(given, "step()")
    if fn is None:
        return lambda fn: _define(fn, given)
    return _define(fn, given)


def _refuse_unknown(given: StepOptions, where: str) -> None:
    if unknown := sorted(set(given) - set(StepOptions.__annotations__)):
        raise errors.InvalidStep(
            f"{where} has no option {', '.join(unknown)}; it has "
            f"{', '.join(StepOptions.__annotations__)}."
        )


def _define(fn: Any, given: StepOptions) -> Step:
    if isinstance(fn, Step):
        return fn.clone(**given)
    _refuse_method(fn)
    if not callable(fn):
        raise errors.InvalidStep(
            f"A step must be a function, not {fn!r}. Options are given by keyword: step(id=...)."
        )
    id_ = given.get("id")
    if id_ is None:
        id_ = _name_of(fn)
    id_ = check_id(id_, "step")
    what = f"Step {id_!r}"
    signature = functions.signature_of(fn, what)
    _refuse_async_generator(fn, what)
    scope = Scope.around(fn)
    read: dict[str, Any] = {
        "id": id_,
        "description": _first_paragraph(fn),
        **_annotated(signature, given, what, scope),
        **_checked(given, what, scope),
    }
    return Step(fn=fn, arity=signature.arity, is_async=functions.is_async(fn), **read)


def _checked(
    given: StepOptions, what: str, scope: Scope | None, keep: frozenset[str] = frozenset()
) -> dict[str, Any]:
    """Return the checked options, without those that are None unless they are in `keep`."""
    checked: dict[str, Any] = {}
    for name, value in given.items():
        if value is None:
            checked.update({name: None} if name in keep else {})
        elif name == "id":
            checked[name] = check_id(value, "step")
        elif name in SCHEMAS:
            checked[name] = Schema(value, f"The {name} of {what}", scope)
        else:
            checked[name] = _CHECKS[name](value, name, what)
    return checked


def _annotated(
    signature: Signature, given: StepOptions, what: str, scope: Scope | None
) -> dict[str, Schema]:
    """Return the types that the function's annotations name and no option overrides."""
    found = {}
    for name, annotation in (("input", signature.takes), ("output", signature.returns)):
        if annotation is not _EMPTY and given.get(name) is None:
            # An annotation of None is a type; an option of None means that none was given.
            type_ = type(None) if annotation is None else annotation
            found[name] = Schema(type_, f"The {name} of {what}", scope)
    return found


def _name_of(fn: Any) -> Any:
    while not hasattr(fn, "__name__") and hasattr(
        fn, "func"
    ):  # a partial has the name of its function
        fn = fn.func
    return getattr(fn, "__name__", None)


def _first_paragraph(fn: Callable[..., Any]) -> str:
    text = inspect.getdoc(fn) if inspect.isroutine(fn) else None
    return " ".join((text or "").strip().split("\n\n")[0].split())


def _refuse_method(fn: Any) -> None:
    """Refuse a method that needs `self`, because a step is called without it."""
    first = functions.method_parameter(fn)
    if isinstance(fn, classmethod):
        fn, first = fn.__func__, "cls"
    if first:
        raise errors.InvalidStep(
            f"Step {_name_of(fn)!r} is a method: it takes {first!r}, and a step is called with "
            "the input and the context alone. Move the function out of its class, put "
            "@staticmethod above @step, or give a bound method: step(thing.method, id=...)."
        )


def _refuse_async_generator(fn: Callable[..., Any], what: str) -> None:
    if inspect.isasyncgenfunction(fn):
        raise errors.InvalidStep(
            f"{what} is an async generator, and a step returns one value. Return a list, or send "
            "the parts with ctx.writer.write(...) as they come."
        )
