"""Whether the output of an entry can fit the input of the next, as far as their types say.

Types are compared by the kinds of JSON values that they give and take. Only certain misfits are
reported: Pydantic reads integers from text, so `str` before `int` may fit.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from workflows_app.definition.graph import LOOPS, Kind, Node

if TYPE_CHECKING:
    from workflows_app.definition.builder import Builder
    from workflows_app.definition.graph import Graph
    from workflows_app.definition.schemas import Schema

Kinds = frozenset[str]
CoreSchema = Mapping[str, Any]

_EVERY: Final = frozenset({"null", "boolean", "number", "string", "array", "object"})
_NULL: Final = frozenset({"null"})
_TEXT: Final = frozenset({"string"})
_LIST: Final = frozenset({"array"})
_OBJECT: Final = frozenset({"object"})
_TIME: Final = frozenset({"string", "number"})
#: What Pydantic reads as a number: numbers, text and booleans.
_NUMERIC: Final = frozenset({"number", "string", "boolean"})

#: What types take from JSON, by the names of Pydantic's core; all others may take anything.
_TAKES: Final[Mapping[str, Kinds]] = {
    "none": _NULL, "str": _TEXT, "bytes": _TEXT, "uuid": _TEXT, "url": _TEXT,
    "int": _NUMERIC, "float": _NUMERIC, "bool": _NUMERIC, "decimal": _NUMERIC,
    "date": _TIME, "time": _TIME, "datetime": _TIME, "timedelta": _TIME,
    "list": _LIST, "tuple": _LIST, "set": _LIST, "frozenset": _LIST,
    "dict": _OBJECT, "typed-dict": _OBJECT, "dataclass": _OBJECT, "model": _OBJECT,
}  # fmt: skip

#: What types give as JSON; all others may give anything.
_GIVES: Final[Mapping[str, Kinds]] = {
    "none": _NULL, "str": _TEXT, "bytes": _TEXT, "uuid": _TEXT, "url": _TEXT,
    "int": frozenset({"number"}), "float": frozenset({"number", "null"}),
    "bool": frozenset({"boolean"}), "decimal": _TEXT,
    "date": _TEXT, "time": _TEXT, "datetime": _TEXT, "timedelta": _TEXT,
    "list": _LIST, "tuple": _LIST, "set": _LIST, "frozenset": _LIST,
    "dict": _OBJECT, "typed-dict": _OBJECT, "dataclass": _OBJECT, "model": _OBJECT,
}  # fmt: skip

#: How far up the stack the caller of `commit()` is.
_CALLER: Final = 4

#: Options that make a type take or give something other than its name says.
_OWN_WAYS: Final = ("serialization", "coerce_numbers_to_str", "custom_init", "root_model")


class MisfitWarning(UserWarning):
    """The second of two neighbouring steps can take nothing that the first gives."""


def takes(schema: Schema) -> Kinds:
    """Return the kinds of JSON values that a type may take."""
    return _EVERY if schema.core is None else _kinds(schema.core, _TAKES)


def gives(schema: Schema) -> Kinds:
    """Return the kinds of JSON values that a type may be written as."""
    return _EVERY if schema.core is None else _kinds(schema.core, _GIVES)


def _kinds(core: CoreSchema, table: Mapping[str, Kinds]) -> Kinds:
    if any(core.get(name) for name in _OWN_WAYS):
        return _EVERY
    match core["type"]:
        case "nullable":
            return _NULL | _kinds(core["schema"], table)
        case "literal":
            return frozenset().union(*(_literal(each) for each in core["expected"]))
        case "definitions" | "default":
            return _kinds(core["schema"], table)
        case "union":
            choices = [each[0] if isinstance(each, tuple) else each for each in core["choices"]]
            return frozenset().union(*(_kinds(each, table) for each in choices))
        case name:
            return table.get(name, _EVERY)


def _literal(value: Any) -> Kinds:
    """Return the kind of one value as `kind=value`, because Python says that true equals 1."""
    if type(value) is str:
        return frozenset({f"string={value}"})
    return frozenset({f"number={int(value)}"}) if type(value) in {int, bool} else _EVERY


def _are_apart(given: Kinds, taken: Kinds) -> bool:
    """Return whether nothing given can be taken."""
    return not any(_may_fit(one, other) for one in given for other in taken)


def _may_fit(given: str, taken: str) -> bool:
    kind, is_value, _ = taken.partition("=")
    if "=" in given:
        return given == taken or not is_value  # another type may make anything of a value
    return given == kind or (given == "boolean" and kind == "number" and bool(is_value))


# Walking along the entries.


def warn(workflow: Builder, graph: Graph) -> None:
    """Warn about each pair of neighbours where the second can take nothing that the first gives."""
    if not workflow.validate_inputs:
        return
    for first, second in misfits(graph.entries, workflow.input):
        warnings.warn(
            f"In workflow {workflow.id!r}, {second} can take nothing that {first} gives. Change "
            "one of the two types, or put a map() between them.",
            MisfitWarning,
            stacklevel=_CALLER,
        )


def misfits(entries: Sequence[Node], given: Schema) -> list[tuple[str, str]]:
    """Return the pairs of neighbours that cannot fit, as people name them, with their types."""
    found: list[tuple[str, str]] = []
    source, kinds = f"the workflow's input ({given.shown})", gives(given)
    is_declared = True
    for entry in entries:
        # Where no type is declared there is none to change.
        if is_declared or entry.kind is not Kind.FOREACH:
            found += [(source, who) for who, taken in _takers(entry) if _are_apart(kinds, taken)]
        if entry.kind is not Kind.SLEEP:
            source, kinds = _given_by(entry)
            is_declared = entry.kind is Kind.STEP or entry.kind in LOOPS
    return found


def _takers(entry: Node) -> Iterator[tuple[str, Kinds]]:
    """Yield what takes the previous output, and the kinds of values that it takes."""
    if entry.kind is Kind.FOREACH:
        yield f"foreach {entry.name!r} (a list)", _LIST
    elif entry.kind in LOOPS or entry.kind in {Kind.PARALLEL, Kind.BRANCH}:
        for part in entry.children:
            yield from _takers(part)
    elif entry.step is not None:
        yield f"step {entry.step.id!r} ({entry.step.input.shown})", takes(entry.step.input)
    elif entry.workflow is not None and entry.workflow.validate_inputs:
        schema = entry.workflow.input
        yield f"workflow {entry.workflow.id!r} ({schema.shown})", takes(schema)


def _given_by(entry: Node) -> tuple[str, Kinds]:
    """Return what gives an entry's output, and the kinds of values that it gives."""
    part = entry.children[0] if entry.kind in LOOPS else entry
    if part.kind is Kind.STEP and part.step is not None:
        return f"step {part.step.id!r} ({part.step.output.shown})", gives(part.step.output)
    if entry.kind in {Kind.PARALLEL, Kind.BRANCH}:
        return f"{entry.kind} {entry.name!r} (an object)", _OBJECT
    if entry.kind is Kind.FOREACH:
        return f"foreach {entry.name!r} (a list)", _LIST
    return f"{entry.kind} {entry.name!r}", _EVERY


# For messages.


def source_of(graph: Graph, node: Node) -> str:
    """Return what gave an entry its input, for the message about a misfit."""
    holder = graph.nodes.get(node.parent)
    before = _before(graph, node)
    if before is not None:
        return _named(before)
    if holder is None:
        return "the run's input"
    if holder.kind is Kind.WORKFLOW:
        return f"the input of workflow {holder.name!r}"
    above = source_of(graph, holder)
    if holder.kind is Kind.FOREACH:
        return f"an item of what {above} gave" if not above.startswith("an item") else above
    return f"{above}, or its own last output" if holder.kind in LOOPS else above


def _before(graph: Graph, node: Node) -> Node | None:
    """Return the previous entry in the sequence, past sleeps, which pass on their input."""
    at: Callable[[Node], bool] = lambda each: each.next == node.path  # noqa: E731 - a word for it
    found = next(filter(at, graph.nodes.values()), None)
    return _before(graph, found) or found if found and found.kind is Kind.SLEEP else found


def _named(node: Node) -> str:
    part = node.children[0] if node.kind in LOOPS else node
    if part.step is not None:
        return f"step {part.step.id!r}"
    return f"{node.kind} {node.name!r}"
