"""Mappings: how `map` makes a step's input out of what is known in the run."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from workflows_app import errors
from workflows_app.definition.functions import Function, function
from workflows_app.definition.schemas import ANY, MISSING
from workflows_app.definition.steps import Step


class Values(Protocol):
    """What a mapping may read when its turn comes."""

    input: Any

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
        """The output of a step that succeeded, else MISSING."""

    def call(self, function: Function) -> Any:
        """What a function of the mapping returns."""


def walk(value: Any, path: str) -> Any:
    """Follow a dotted path into dicts, lists (by number) and attributes; `.` is the whole value.

    MISSING where it leads nowhere.
    """
    if path in {"", "."}:
        return value
    for part in path.split("."):
        if isinstance(value, Mapping) and part in value:
            value = value[part]
        elif isinstance(value, (list, tuple)) and part.isdigit() and int(part) < len(value):
            value = value[int(part)]
        else:
            return MISSING
    return value


@dataclass(frozen=True, slots=True)
class FromStep:
    """The output of the first of these steps that ran, at a path."""

    steps: tuple[str, ...]
    path: str

    def evaluate(self, values: Values) -> Any:
        """Return the value, or None where nothing is."""
        for step in self.steps:
            output = values.output_of(step)
            if output is not MISSING:
                return _or_none(walk(output, self.path))
        return None

    def __str__(self) -> str:
        return f"from_step({' or '.join(self.steps)}, {self.path})"


@dataclass(frozen=True, slots=True)
class FromInit:
    """The workflow's input, at a path."""

    path: str

    def evaluate(self, values: Values) -> Any:
        """Return the value, or None where nothing is."""
        return _or_none(walk(values.init, self.path))

    def __str__(self) -> str:
        return f"from_init({self.path})"


@dataclass(frozen=True, slots=True)
class FromContext:
    """The request context, at a path."""

    path: str

    def evaluate(self, values: Values) -> Any:
        """Return the value, or None where nothing is."""
        return _or_none(walk(values.context, self.path))

    def __str__(self) -> str:
        return f"from_context({self.path})"


@dataclass(frozen=True, slots=True)
class Constant:
    """The same value every time."""

    value: Any

    def evaluate(self, _values: Values) -> Any:
        """Return the value."""
        return self.value

    def __str__(self) -> str:
        return f"constant({self.value!r})"


@dataclass(frozen=True, slots=True)
class Template:
    """Text with values put in; see `template`."""

    text: str
    parts: tuple[tuple[str, str, str], ...]

    def evaluate(self, values: Values) -> str:
        """Return the text; a value that is no string as JSON, one that is not there as nothing."""
        return "".join(
            literal + (_as_text(_look_up(values, root, path)) if root else "")
            for literal, root, path in self.parts
        )

    def __str__(self) -> str:
        return f"template({self.text!r})"


_ROOTS: Final = ("init", "input", "state", "context", "steps")
_PIECE: Final = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")


def template(text: str) -> Template:
    """Return a text with `{init.city}`-like values put in.

    Roots: `init`, `input`, `state`, `context`, `steps.<path>`; `{{` and `}}` are braces. Raises
    InvalidTemplate for an unknown root or a brace that is never closed.
    """
    parts: list[tuple[str, str, str]] = []
    literal, end = "", 0
    for found in _PIECE.finditer(text):
        literal += text[end : found.start()]
        end = found.end()
        if found.group() in {"{{", "}}"}:
            literal += found.group()[0]
            continue
        if found.group(1) is None:
            raise errors.InvalidTemplate(
                f"The template {text!r} has a brace at {found.start()} that is never closed or "
                "opened; write {{ or }} for a brace itself."
            )
        parts.append((literal, *_place(text, found.group(1).strip())))
        literal = ""
    parts.append((literal + text[end:], "", ""))
    return Template(text, tuple(parts))


def _place(text: str, place: str) -> tuple[str, str]:
    root, _, path = place.partition(".")
    if root not in _ROOTS or (root == "steps" and not path):
        raise errors.InvalidTemplate(
            f"The template {text!r} names {place!r}; a place starts with init, input, state, "
            "context or steps.<path>."
        )
    return root, path


def _look_up(values: Values, root: str, path: str) -> Any:
    if root != "steps":
        return walk(getattr(values, root), path)
    parts = path.split(".")
    for length in range(len(parts), 0, -1):
        output = values.output_of(".".join(parts[:length]))
        if output is not MISSING:
            return walk(output, ".".join(parts[length:]))
    return MISSING


def _as_text(value: Any) -> str:
    if value is MISSING:
        return ""
    return value if isinstance(value, str) else ANY.dump(value).decode()


def _or_none(value: Any) -> Any:
    return None if value is MISSING else value


def from_step(step: Any, path: str = ".") -> FromStep:
    """Return the value at `path` in the output of a step, or of the first of a list that ran."""
    steps = list(step) if isinstance(step, (list, tuple)) else [step]
    if not steps:
        raise errors.InvalidStep("from_step() was given an empty list; name at least one step.")
    return FromStep(tuple(_path_of(each) for each in steps), path)


def _path_of(step: Any) -> str:
    if isinstance(step, str):
        return step
    if isinstance(step, Step) or isinstance(getattr(step, "id", None), str):
        return str(step.id)
    raise errors.InvalidStep(
        f"from_step() takes a Step, a workflow or a path, not {type(step).__name__}."
    )


def from_init(path: str = ".") -> FromInit:
    """Return the value at `path` in the workflow's input."""
    return FromInit(path)


def from_context(path: str = ".") -> FromContext:
    """Return the value at `path` in the request context."""
    return FromContext(path)


def constant(value: Any) -> Constant:
    """Return the same value every time; it must be JSON-serialisable."""
    ANY.dump(value)
    return Constant(value)


Source = FromStep | FromInit | FromContext | Constant | Template


@dataclass(frozen=True, slots=True)
class Computed:
    """A mapping, or one value of it, that a function makes."""

    function: Function

    def evaluate(self, values: Values) -> Any:
        """Return what the function returns."""
        return values.call(self.function)

    def __str__(self) -> str:
        return self.function.source


@dataclass(frozen=True, slots=True)
class Shape:
    """An object whose values come from sources."""

    fields: tuple[tuple[str, Source | Computed], ...]

    def evaluate(self, values: Values) -> dict[str, Any]:
        """Return the object."""
        return {name: source.evaluate(values) for name, source in self.fields}

    def to_json(self) -> dict[str, str]:
        """Return the object with each source as text."""
        return {name: str(source) for name, source in self.fields}


def mapping(given: Callable[..., Any] | Mapping[str, Any] | Source) -> Computed | Shape:
    """Return what `map` was given as a mapping; InvalidStep for what is none."""
    if isinstance(given, Mapping):
        return Shape(tuple((str(name), _source(name, each)) for name, each in given.items()))
    if isinstance(given, Source):
        raise errors.InvalidStep(
            "map() takes a function or a mapping of names to sources; write map({'name': ...})."
        )
    return Computed(function(given, "A mapping"))


def _source(name: str, given: Any) -> Source | Computed:
    if isinstance(given, Source):
        return given
    if callable(given):
        return Computed(function(given, f"The mapping of {name!r}"))
    raise errors.InvalidStep(
        f"The mapping of {name!r} is a {type(given).__name__}; use from_step, from_init, "
        "from_context, constant, template or a function."
    )


def steps_named(given: Computed | Shape) -> Sequence[str]:
    """Return the paths of the steps that a mapping reads by name."""
    fields = given.fields if isinstance(given, Shape) else ()
    return [path for _, source in fields if isinstance(source, FromStep) for path in source.steps]
