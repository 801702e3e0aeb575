"""Put values to the fields of a form.

What the fields show is what they send: a value that a field cannot show, or would change, stands
there as JSON; one that its inputs would write otherwise goes with it as it was given.
"""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from dashboard.forms import documents, durations, values
from dashboard.forms.bound import (
    FEW_ROWS,
    MOST_FIELDS,
    Bound,
    BoundChoice,
    BoundFixed,
    BoundGroup,
    BoundMany,
    BoundNumber,
    BoundOneOf,
    BoundRaw,
    BoundRows,
    BoundSwitch,
    BoundText,
    Line,
)
from dashboard.forms.compound import BoundDuration, BoundEither, BoundPair, BoundPairs, BoundRow
from dashboard.forms.documents import same
from dashboard.forms.fields import (
    JSON,
    MISSING,
    Choice,
    Duration,
    Either,
    Field,
    Fixed,
    Group,
    Many,
    Missing,
    Number,
    OneOf,
    Pair,
    Pairs,
    Raw,
    Row,
    Rows,
    Switch,
    Text,
)
from dashboard.forms.fitting import shape_of
from dashboard.forms.options import option_name, option_named, option_of
from dashboard.forms.paths import Path

#: A number that a page sends of itself: of rows, of a shape, of a kind.
COUNT = re.compile("[0-9]{1,6}")

LINES: dict[type[Field], type[Line]] = {
    Text: BoundText,
    Number: BoundNumber,
    Switch: BoundSwitch,
    Choice: BoundChoice,
}


def bind_value(field: Field, value: JSON | Missing = MISSING, path: Path = ()) -> Bound:
    """Return the field holding `value`; what does not fit its inputs is shown as JSON text."""
    start = field.default if isinstance(value, Missing) else value
    if isinstance(start, Missing):
        return _empty(field, path)
    is_stray_null = value is None and not field.nullable and _has_no_empty(field)
    bound = None if is_stray_null else _bound_to(field, start, path)
    if bound is None or _is_long(bound):
        return BoundRaw(field=field, path=path, raw=documents.dump(start))
    if isinstance(bound, BoundGroup):
        bound.is_given = isinstance(value, dict | list)
    _keep(bound, start)
    return bound


def _empty(field: Field, path: Path) -> Bound:
    bound = _bound_to(field, MISSING, path)
    return bound or BoundRaw(field=field, path=path)


def _bound_to(field: Field, value: JSON | Missing, path: Path) -> Bound | None:
    return BINDERS.get(type(field), _line)(field, value, path)


def _has_no_empty(field: Field) -> bool:
    """Whether an empty field is a value of its type here, so that null would become that."""
    if isinstance(field, Switch):
        return field.is_checkbox
    return isinstance(field, Group | Rows | Many | OneOf)


def _is_long(bound: Bound) -> bool:
    """Whether there are more fields than anybody reads, and a browser may post."""
    many = isinstance(bound, BoundGroup | BoundRows | BoundOneOf)
    return many and sum(1 for _ in bound.walk()) > MOST_FIELDS


def _keep(bound: Bound, value: JSON) -> None:
    """Keep the value itself where the inputs, untouched, would say another."""
    if isinstance(bound, BoundRaw):
        return
    if value is None and not isinstance(bound, Line):
        bound.is_null = bound.field.tells_null
    elif isinstance(bound, Line) and not bound.is_secret:
        draft = bound.value()
        is_nothing = value is None and draft is MISSING and bound.field.default is None
        if not is_nothing and not same(draft, value):
            bound.origin = value


def _fixed(field: Fixed, value: JSON | Missing, path: Path) -> Bound | None:
    is_same = isinstance(value, Missing) or same(value, field.value)
    return BoundFixed(field=field, path=path) if is_same else None


def _pair(field: Pair, value: JSON | Missing, path: Path) -> Bound:
    return BoundPair(field=field, path=path, part=bind_value(field.value, value, path))


# Fields of one text.


def _line(field: Field, value: JSON | Missing, path: Path) -> Bound | None:
    raw = raw_of(field, value)
    if raw is None or not _is_shown(field, raw):
        return None
    bound = LINES.get(type(field), BoundRaw)(field=field, path=path, raw=raw)
    bound.start = raw_of(field, field.default) or ""
    if isinstance(bound, BoundText):
        bound.is_blank, bound.starts_blank = value == "", field.default == ""
    return bound


def _is_shown(field: Field, raw: str) -> bool:
    """Whether the field's input shows every character of this text, and gives it back."""
    match field:
        case Raw() | Text(input="password"):
            return True
        case Text():
            return values.is_visible(raw)
        case _:
            return values.is_one_line(raw)


def raw_of(field: Field, value: JSON | Missing) -> str | None:
    """Return the text that a one-text field shows for a value; None: it cannot show it."""
    if value is None or isinstance(value, Missing):
        return "" if value is MISSING else _raw_null(field)
    match field:
        case Choice():
            return _raw_choice(field, value)
        case Text():
            return values.shown(value, field) if isinstance(value, str) else None
        case Switch():
            return json.dumps(value) if isinstance(value, bool) else None
        case Number():
            return _raw_number(value)
        case _:
            return documents.dump(value)


def _raw_null(field: Field) -> str:
    """Return nothing, which means null; JSON says it where nothing means something else."""
    is_meant = field.nullable and (field.required or field.has_default)
    is_default = field.is_optional and field.default is None
    return "" if is_meant or is_default or not isinstance(field, Raw) else "null"


def _raw_choice(field: Choice, value: JSON) -> str | None:
    if known := option_of(value, field.options):
        return option_name(known)
    is_free = isinstance(value, str) and value and option_named(value, field.options) is None
    return value if is_free else None


def _raw_number(value: JSON) -> str | None:
    """Return a number as text; a string stays, whatever it says."""
    if isinstance(value, str):
        return value
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    try:
        return json.dumps(value)
    except ValueError:  # Python writes no integer of more than 4,300 digits
        return None


# Fields of two inputs.


def _compound(field: Either | Duration, value: JSON | Missing, path: Path) -> Bound | None:
    held = texts_of(field, value)
    if held is None or not _is_shown_so(field, held[0]):
        return None
    return filled(field, path, held)


def _is_shown_so(field: Either | Duration, raw: str) -> bool:
    test = values.is_one_line if isinstance(field, Duration) else values.is_visible
    return test(raw)


def filled(field: Either | Duration, path: Path, held: tuple[str, str]) -> Line:
    """Return a field of two inputs that holds these texts."""
    start_raw, start_mark = texts_of(field, field.default) or ("", "")
    if isinstance(field, Duration):
        unit, first = (mark if mark in _UNITS else "minutes" for mark in (held[1], start_mark))
        return BoundDuration(
            field=field, path=path, raw=held[0], unit=unit, start=start_raw, start_unit=first
        )
    kind, first_kind = (
        int(mark) if COUNT.fullmatch(mark) and int(mark) < len(field.kinds) else None
        for mark in (held[1], start_mark)
    )
    return BoundEither(
        field=field, path=path, raw=held[0], kind=kind, start=start_raw, start_kind=first_kind
    )


_UNITS = frozenset({*durations.UNITS, durations.AS_WRITTEN})


def texts_of(field: Either | Duration, value: JSON | Missing) -> tuple[str, str] | None:
    """Return the two texts that stand for a value; None: it cannot be shown so."""
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


# Any of the options.


def _many(field: Many, value: JSON | Missing, path: Path) -> Bound | None:
    order = order_of(field, value)
    if order is None:
        return None
    return BoundMany(
        field=field,
        path=path,
        raws=_named(field, order),
        start=_named(field, order_of(field, field.default) or ()),
        is_given=isinstance(value, list),
        order=order,
    )


def order_of(field: Many, value: JSON | Missing) -> tuple[int, ...] | None:
    """Return the numbers of the options in a list; None: it is no list of them, each once."""
    if value is None or isinstance(value, Missing):
        return ()
    if not isinstance(value, list):
        return None
    found = [option_of(item, field.options) for item in value]
    places = [field.options.index(option) for option in found if option is not None]
    return tuple(places) if len(set(places)) == len(value) else None


def _named(field: Many, order: tuple[int, ...]) -> list[str]:
    """Return the names of the options, in the order of the page."""
    return [option_name(field.options[number]) for number in sorted(order)]


# Objects.


def _group(field: Group, value: JSON | Missing, path: Path) -> Bound | None:
    if value is None or isinstance(value, Missing):
        value = {}
    if not isinstance(value, dict):
        return None
    keys = {part.key for part in field.fields}
    return BoundGroup(
        field=field,
        path=path,
        parts=[
            bind_value(part, value.get(part.key, MISSING), (*path, part.key))
            for part in field.fields
        ],
        extra={key: rest for key, rest in value.items() if key not in keys},
    )


def _row(field: Row, value: JSON | Missing, path: Path) -> Bound | None:
    is_given = isinstance(value, list)
    if value is not None and not isinstance(value, Missing | list):
        return None
    if isinstance(value, list) and len(value) != len(field.fields):
        return None
    found = value if isinstance(value, list) else [MISSING for _ in field.fields]
    parts = [bind_value(part, found[n], (*path, n)) for n, part in enumerate(field.fields)]
    return BoundRow(field=field, path=path, parts=parts, is_given=is_given)


def _one_of(field: OneOf, value: JSON | Missing, path: Path) -> Bound | None:
    if value is None or isinstance(value, Missing):
        return BoundOneOf(field=field, path=path)
    number = shape_of(field, value)
    if number is None:
        return None
    part = bind_value(field.shapes[number], value, path)
    return BoundOneOf(field=field, path=path, chosen=number, was=number, part=part)


# Lists and maps.


def _rows(field: Rows, value: JSON | Missing, path: Path) -> Bound | None:
    items = [] if value is None or isinstance(value, Missing) else value
    if not isinstance(items, list) or len(items) > FEW_ROWS:
        return None
    rows = [bind_value(field.item, item, (*path, index)) for index, item in enumerate(items)]
    is_given = isinstance(value, list)
    bound = BoundRows(field=field, path=path, rows=rows, is_given=is_given, kept=len(rows))
    return _begun(bound)


def _pairs(field: Pairs, value: JSON | Missing, path: Path) -> Bound | None:
    entries = {} if value is None or isinstance(value, Missing) else value
    if not isinstance(entries, dict) or len(entries) > FEW_ROWS:
        return None
    if not all(key and values.is_one_line(key) for key in entries):
        return None
    rows = []
    for index, (key, inner) in enumerate(entries.items()):
        place = (*path, index)
        part = bind_value(field.item.value, inner, place)
        rows.append(BoundPair(field=field.item, path=place, key=key, part=part))
    return _begun(BoundPairs(field=field, path=path, rows=rows, is_given=isinstance(value, dict)))


def _begun(bound: BoundRows) -> BoundRows:
    """Return a list with rows to begin with, where nobody gave one."""
    field = bound.field
    while not bound.is_given and len(bound.rows) < max(field.min_items, int(field.required)):
        add_row(bound)
    return bound


#: How each kind of field is filled; those with one text are not listed.
BINDERS: dict[type[Field], Callable[[Any, JSON | Missing, Path], Bound | None]] = {
    Fixed: _fixed,
    Group: _group,
    OneOf: _one_of,
    Pair: _pair,
    Pairs: _pairs,
    Row: _row,
    Rows: _rows,
    Either: _compound,
    Duration: _compound,
    Many: _many,
}


# Rows: adding, removing, tidying.


def add_row(bound: BoundRows) -> Bound:
    """Append an empty row, and return it."""
    row = bind_value(bound.field.item, MISSING, (*bound.path, len(bound.rows)))
    bound.rows.append(row)
    return row


def remove_row(bound: BoundRows, index: int) -> None:
    """Take a row out; each behind it moves to its new place."""
    if index >= len(bound.rows):
        return
    left = bound.rows[:index] + bound.rows[index + 1 :]
    bound.rows = [row.moved((*bound.path, place)) for place, row in enumerate(left)]
    bound.kept -= index < bound.kept


def tidied(bound: Bound) -> Bound:
    """Return the same without empty rows, so that rows and the value's items have one number."""
    match bound:
        case BoundGroup():
            return replace(bound, parts=[tidied(part) for part in bound.parts])
        case BoundOneOf():
            return replace(bound, part=tidied(bound.part) if bound.part else None)
        case BoundPair():
            return replace(bound, part=tidied(bound.part))
        case BoundRows():
            rows = [tidied(row) for row in bound.held]
            moved = [row.moved((*bound.path, place)) for place, row in enumerate(rows)]
            return replace(bound, rows=moved)
        case _:
            return bound
