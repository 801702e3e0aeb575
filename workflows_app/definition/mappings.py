"""Mappings: how `map` makes the next input from values of the run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol, Self

from workflows_app import errors
from workflows_app.definition import functions, places
from workflows_app.definition.functions import Function
from workflows_app.definition.graph import locate
from workflows_app.definition.names import listing
from workflows_app.definition.schemas import ANY, MISSING
from workflows_app.definition.steps import Step

if TYPE_CHECKING:
    from workflows_app.definition.graph import Node
    from workflows_app.definition.places import Place

Nodes = Mapping[str, "Node"]


class Values(Protocol):
    """What a mapping may read: plain JSON values."""

    @property
    def input(self) -> Any:
        """The output of the previous entry."""

    @property
    def init(self) -> Any:
        """The workflow's input."""

    @property
    def context(self) -> Mapping[str, Any]:
        """The request context."""

    @property
    def state(self) -> Mapping[str, Any]:
        """The run's state."""

    def output_of(self, path: str) -> Any:
        """Return the output of a step that succeeded, else MISSING.

        The path starts in the workflow that holds the mapping.
        """

    def call(self, function: Function) -> Any:
        """Return what a function of the mapping returns for the input; await it if it is async."""


class Source(Protocol):
    """Where one value of a mapping comes from. Its text is what a person wrote."""

    def bind(self, nodes: Nodes, what: str) -> Source:
        """Return the same source with its steps found among those before the mapping.

        Raises InvalidStep naming `what` if there is no such step.
        """

    def evaluate(self, values: Values) -> Any:
        """Return the value."""


@dataclass(frozen=True, slots=True)
class FromStep:
    """A place in the output of the first of these steps that ran."""

    steps: tuple[Any, ...]
    place: Place
    #: The paths of the steps in their workflow, once bound.
    paths: tuple[str, ...] = ()

    def bind(self, nodes: Nodes, what: str) -> Self:
        """Find the steps by path, by step, or by the function of a step."""
        return replace(self, paths=tuple(_path_of(step, nodes, what) for step in self.steps))

    def evaluate(self, values: Values) -> Any:
        """Return the value; None if no step ran or the place does not exist."""
        for path in self.paths:
            output = values.output_of(path)
            if output is not MISSING:
                return _or_none(places.walk(output, self.place))
        return None

    def __str__(self) -> str:
        names = [_quoted(path) for path in self.paths]
        steps = names[0] if len(names) == 1 else f"[{', '.join(names)}]"
        return f"from_step({steps}, {_quoted(places.show(self.place))})"


@dataclass(frozen=True, slots=True)
class FromRoot:
    """A place in the workflow's input (`init`) or in the request context (`context`)."""

    root: str
    place: Place

    def bind(self, nodes: Nodes, what: str) -> Self:
        """Return itself: it names no step."""
        return self

    def evaluate(self, values: Values) -> Any:
        """Return the value; None if the place does not exist."""
        return _or_none(places.walk(getattr(values, self.root), self.place))

    def __str__(self) -> str:
        return f"from_{self.root}({_quoted(places.show(self.place))})"


@dataclass(frozen=True, slots=True)
class Constant:
    """The same value every time, kept as JSON so that no reader can change it for others."""

    text: bytes

    def bind(self, nodes: Nodes, what: str) -> Self:
        """Return itself: it names no step."""
        return self

    def evaluate(self, values: Values) -> Any:
        """Return a fresh copy of the value."""
        return ANY.load(self.text)

    def __str__(self) -> str:
        return f"constant({self.text.decode()})"


@dataclass(frozen=True, slots=True)
class Computed:
    """A whole mapping, or one value of it, made by a function."""

    function: Function

    def bind(self, nodes: Nodes, what: str) -> Self:
        """Return itself: it names no step."""
        return self

    def evaluate(self, values: Values) -> Any:
        """Return what the function returns."""
        return values.call(self.function)

    def to_json(self) -> str:
        """Return the function as text."""
        return str(self)

    def __str__(self) -> str:
        return self.function.source


@dataclass(frozen=True, slots=True)
class Assembled:
    """A mapping that is an object, with a source for each value."""

    sources: Mapping[str, Source]

    def bind(self, nodes: Nodes, what: str) -> Self:
        """Return the same mapping with every step found. Raises InvalidStep for an unknown step."""
        bound = {
            name: source.bind(nodes, f"{name!r} in {what}") for name, source in self.sources.items()
        }
        return replace(self, sources=bound)

    def evaluate(self, values: Values) -> dict[str, Any]:
        """Return the object."""
        return {name: source.evaluate(values) for name, source in self.sources.items()}

    def to_json(self) -> dict[str, str]:
        """Return the object with each source as text."""
        return {name: str(source) for name, source in self.sources.items()}


def mapping(given: object, what: str) -> Computed | Assembled:
    """Return the argument of `map` as a mapping. Raises InvalidStep naming `what`."""
    if isinstance(given, Mapping):
        return assembled(given, what)
    if not _is_function(given):
        raise errors.InvalidStep(
            f"{what} takes a function, or a mapping of names to sources such as "
            f"{{'total': from_step(add, 'total')}}, not {given!r}."
        )
    return Computed(functions.function(given, what))


def assembled(given: Mapping[Any, Any], what: str) -> Assembled:
    """Return a mapping that is an object. Raises InvalidStep naming `what`."""
    return Assembled({_name(name, what): _source(name, each, what) for name, each in given.items()})


def from_step(step: Any, path: str = ".") -> FromStep:
    """Return the value at `path` in the output of a step: a Step, a workflow, or a dotted path.

    Of a list of steps, the first that ran is taken. The value is None if there is nothing at the
    path. Raises InvalidStep if this is not a step; `map` raises it if the step is not before the
    map.
    """
    steps = tuple(step) if isinstance(step, (list, tuple)) else (step,)
    if not steps:
        raise errors.InvalidStep("from_step() was given an empty list; name at least one step.")
    for each in steps:
        if not (isinstance(each, str) or callable(each) or hasattr(each, "tree")):
            raise errors.InvalidStep(
                f"from_step() takes a step, a workflow, a path or a list of these, not {each!r}."
            )
    return FromStep(steps, places.read(path, "from_step()"))


def from_init(path: str = ".") -> FromRoot:
    """Return the value at `path` in the workflow's input; None if there is none."""
    return FromRoot("init", places.read(path, "from_init()"))


def from_context(path: str = ".") -> FromRoot:
    """Return the value at `path` in the request context; None if there is none."""
    return FromRoot("context", places.read(path, "from_context()"))


def constant(value: Any) -> Constant:
    """Return the same value every time. Raises SerializationError if JSON cannot hold it."""
    return Constant(ANY.dump(value))


def _name(name: object, what: str) -> str:
    if not isinstance(name, str):
        raise errors.InvalidStep(f"{what} has the name {name!r}; the names of a map are text.")
    return str(name)


def _source(name: str, given: Any, what: str) -> Source:
    if hasattr(given, "bind") and hasattr(given, "evaluate"):
        source: Source = given
        return source
    if _is_function(given):
        return Computed(functions.function(given, f"{name!r} in {what}"))
    raise errors.InvalidStep(
        f"{name!r} in {what} is {given!r}; it must be from_step(...), from_init(...), "
        "from_context(...), constant(...), template(...) or a function."
    )


def _is_function(given: object) -> bool:
    return callable(given) and not isinstance(given, Step)


def _path_of(step: Any, nodes: Nodes, what: str) -> str:
    node = locate(nodes, step)
    if node is None:
        shown = step if isinstance(step, str) else getattr(step, "id", functions.where(step))
        raise errors.InvalidStep(
            f"{what} takes from step {shown!r}, which is not before it; the steps before it: "
            f"{listing(nodes) or 'none'}."
        )
    return node.path


def _quoted(text: str) -> str:
    return ANY.dump(text).decode()


def _or_none(value: Any) -> Any:
    return None if value is MISSING else value
