"""Which of several fields a value belongs to."""

from collections.abc import Callable
from typing import Any

from . import values
from .documents import same
from .fields import (
    JSON,
    MISSING,
    Choice,
    Duration,
    Either,
    Field,
    Fixed,
    FixedList,
    Group,
    Many,
    Missing,
    Number,
    OneOf,
    Pairs,
    Rows,
    Switch,
    Text,
)
from .options import option_of


def shape_of(field: OneOf, value: JSON) -> int | None:
    """Return the number of the shape that a value has: the first that fits best, if any fits."""
    suiting = [number for number, shape in enumerate(field.shapes) if _suits(shape, value)]
    return min(suiting, key=lambda number: _misfit(field.shapes[number], value), default=None)


def _misfit(shape: Group, value: JSON) -> tuple[int, bool]:
    """Return how badly a value fits: keys that the shape does not know, then types that differ."""
    known = {part.key for part in shape.fields}
    return len(value.keys() - known), not is_of(shape, value)


def _suits(field: Field, value: JSON | Missing) -> bool:
    """Return whether a value has this shape: its keys are there and its constants are equal."""
    match field:
        case Fixed():
            return isinstance(value, Missing) or same(field.value, value)
        case Group():
            keys = {part.key for part in field.fields if part.required}
            if not isinstance(value, dict) or not keys <= value.keys():
                return False
            return all(_suits(part, value.get(part.key, MISSING)) for part in field.fields)
        case _:
            return True


def is_of(field: Field, value: JSON) -> bool:
    """Return whether a value has the type of a field, and its parts those of the fields inside."""
    if value is None and field.nullable:
        return True
    test = TESTS.get(type(field))
    return test is None or test(field, value)


def _is_group(field: Group, value: JSON) -> bool:
    if not isinstance(value, dict):
        return False
    return all(
        is_of(part, value[part.key]) if part.key in value else not part.required
        for part in field.fields
    )


def _is_row(field: FixedList, value: JSON) -> bool:
    if not isinstance(value, list) or len(value) != len(field.fields):
        return False
    return all(is_of(part, inner) for part, inner in zip(field.fields, value, strict=True))


def _is_map(field: Pairs, value: JSON) -> bool:
    return isinstance(value, dict) and all(is_of(field.item.value, v) for v in value.values())


def _are_options(field: Many, value: JSON) -> bool:
    return isinstance(value, list) and all(option_of(item, field.options) for item in value)


def _is_number(field: Number, value: JSON) -> bool:
    is_written = field.as_text and isinstance(value, int | float) and not isinstance(value, bool)
    return is_written or values.is_number_of(value, field)


#: How each kind of field recognises its values; kinds that are not listed take every value.
TESTS: dict[type[Field], Callable[[Any, JSON], bool]] = {
    Fixed: lambda field, value: same(field.value, value),
    Text: lambda field, value: isinstance(value, str) and values.is_of_input(value, field),
    Number: _is_number,
    Switch: lambda _, value: isinstance(value, bool),
    Choice: lambda field, value: option_of(value, field.options) is not None,
    Many: _are_options,
    Duration: lambda _, value: isinstance(value, str),
    Group: _is_group,
    FixedList: _is_row,
    Rows: lambda field, value: isinstance(value, list) and all(is_of(field.item, v) for v in value),
    Pairs: _is_map,
    OneOf: lambda field, value: any(is_of(shape, value) for shape in field.shapes),
    Either: lambda field, value: any(is_of(kind, value) for kind in field.kinds),
}


def whole(field: Field, value: JSON | Missing) -> JSON | Missing:
    """Return a value with the defaults of the keys that it leaves out, at every depth."""
    match field, value:
        case Group(), dict():
            left_out = {p.key: p.default for p in field.fields if p.default is not MISSING}
            known = {part.key: part for part in field.fields}
            given = {**left_out, **value}
            return {
                key: whole(known[key], inner) if key in known else inner
                for key, inner in given.items()
            }
        case FixedList(), list() if len(value) == len(field.fields):
            return [whole(part, inner) for part, inner in zip(field.fields, value, strict=True)]
        case OneOf(), dict() if (number := shape_of(field, value)) is not None:
            return whole(field.shapes[number], value)
        case Rows(), list():
            return [whole(field.item, inner) for inner in value]
        case Pairs(), dict():
            return {key: whole(field.item.value, inner) for key, inner in value.items()}
        case _:
            return value
