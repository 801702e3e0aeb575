"""The texts of inputs: how each field shows a value, and whether it can."""

import json
import re

from . import documents, durations, values
from .documents import same
from .fields import (
    JSON,
    MISSING,
    Choice,
    Duration,
    Either,
    Field,
    Fixed,
    Many,
    Missing,
    Number,
    Raw,
    Switch,
    Text,
)
from .options import option_name, option_named, option_of

#: A number that a page sends without being asked: of rows, of a shape, of a kind.
COUNT = re.compile("[0-9]{1,6}")


def raw_of(field: Field, value: JSON | Missing) -> str | None:
    """Return the text that a field with one text shows for a value; None if it cannot show it."""
    if value is None or isinstance(value, Missing):
        return "" if value is MISSING else _raw_null(field)
    match field:
        case Choice():
            return _raw_choice(field, value)
        case Text():
            return values.text_in_field(value, field) if isinstance(value, str) else None
        case Switch():
            return json.dumps(value) if isinstance(value, bool) else None
        case Number():
            return _raw_number(value)
        case _:
            return documents.dump(value)


def _raw_null(field: Field) -> str:
    """Return an empty text, which means null; None if an empty text means something else."""
    is_meant = field.nullable and (field.required or field.has_default)
    is_default = field.is_optional and field.default is None
    return "" if is_meant or is_default or not isinstance(field, Raw) else "null"


def _raw_choice(field: Choice, value: JSON) -> str | None:
    if known := option_of(value, field.options):
        return option_name(known)
    is_free = isinstance(value, str) and value and option_named(value, field.options) is None
    return value if is_free else None


def _raw_number(value: JSON) -> str | None:
    """Return a number as text; a string is returned unchanged."""
    if isinstance(value, str):
        return value
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    try:
        return json.dumps(value)
    except ValueError:  # Python does not write integers of more than 4,300 digits
        return None


def texts_of(field: Either | Duration, value: JSON | Missing) -> tuple[str, str] | None:
    """Return the two texts for a value; None if it cannot be shown with two texts."""
    if value is None or isinstance(value, Missing):
        return "", ""
    if isinstance(field, Duration):
        return durations.read(value) if isinstance(value, str) else None
    fitting = (n for n, kind in enumerate(field.kinds) if _is_of_kind(kind, value))
    number = next(fitting, None)
    if number is None:
        return None
    kind = field.kinds[number]
    raw = "" if isinstance(kind, Fixed) else raw_of(kind, value)
    return None if raw is None else (raw, str(number))


def _is_of_kind(kind: Field, value: JSON) -> bool:
    match kind:
        case Fixed(value=fixed):
            return same(fixed, value)
        case Number():
            return values.is_number_of(value, kind)
        case Text():
            return isinstance(value, str) and values.is_of_input(value, kind)
        case _:
            return False


def order_of(field: Many, value: JSON | Missing) -> tuple[int, ...] | None:
    """Return the numbers of the options in a list; None if it is not a list of distinct options."""
    if value is None or isinstance(value, Missing):
        return ()
    if not isinstance(value, list):
        return None
    found = [option_of(item, field.options) for item in value]
    places = [field.options.index(option) for option in found if option is not None]
    return tuple(places) if len(set(places)) == len(value) else None


def names_of(field: Many, order: tuple[int, ...]) -> list[str]:
    """Return the names of the options, in the order of the page."""
    return [option_name(field.options[number]) for number in sorted(order)]
