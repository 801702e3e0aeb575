"""Binds values to the fields of a form.

What the fields show is what they send. A value that a field cannot show, or would change, is shown
as JSON. A value that its inputs would write in another way is sent along as it was given.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from . import documents, durations, values
from .bound import FEW_ROWS, MOST_FIELDS, Bound, BoundInput
from .compound import (
    BoundDuration,
    BoundEither,
    BoundFixedList,
    BoundPair,
    BoundPairs,
)
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
    Pair,
    Pairs,
    Raw,
    Rows,
    Switch,
    Text,
)
from .fitting import shape_of
from .groups import BoundGroup, BoundOneOf, BoundRows
from .inputs import (
    BoundChoice,
    BoundFixed,
    BoundMany,
    BoundNumber,
    BoundRaw,
    BoundSwitch,
    BoundText,
)
from .paths import Path
from .raw import COUNT, names_of, order_of, raw_of, texts_of

LINES: dict[type[Field], type[BoundInput]] = {
    Text: BoundText,
    Number: BoundNumber,
    Switch: BoundSwitch,
    Choice: BoundChoice,
}


def bind_value(field: Field, value: JSON | Missing = MISSING, path: Path = ()) -> Bound:
    """Return the field with a value; a value that does not fit its inputs is shown as JSON."""
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
    """Whether an empty field is a value of its type, so that null would turn into that value."""
    if isinstance(field, Switch):
        return field.is_checkbox
    return isinstance(field, Group | Rows | Many | OneOf)


def _is_long(bound: Bound) -> bool:
    """Whether there are more fields than anybody reads, or than a browser may post."""
    many = isinstance(bound, BoundGroup | BoundRows | BoundOneOf)
    return many and sum(1 for _ in bound.walk()) > MOST_FIELDS


def _keep(bound: Bound, value: JSON) -> None:
    """Keep the value itself if its inputs, untouched, would send another one."""
    if isinstance(bound, BoundRaw):
        return
    if value is None and not isinstance(bound, BoundInput):
        bound.is_null = bound.field.tells_null
    elif isinstance(bound, BoundInput) and not bound.is_secret:
        draft = bound.value()
        is_nothing = value is None and draft is MISSING and bound.field.default is None
        if not is_nothing and not same(draft, value):
            bound.origin = value


def _fixed(field: Fixed, value: JSON | Missing, path: Path) -> Bound | None:
    is_same = isinstance(value, Missing) or same(value, field.value)
    return BoundFixed(field=field, path=path) if is_same else None


def _pair(field: Pair, value: JSON | Missing, path: Path) -> Bound:
    return BoundPair(field=field, path=path, part=bind_value(field.value, value, path))


# Fields with one text.


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
    """Whether the field's input shows every character of this text and returns it unchanged."""
    match field:
        case Raw() | Text(input="password"):
            return True
        case Text():
            return values.is_visible(raw)
        case _:
            return values.is_one_line(raw)


# Fields with two inputs.


def _compound(field: Either | Duration, value: JSON | Missing, path: Path) -> Bound | None:
    held = texts_of(field, value)
    if held is None or not _is_shown_so(field, held[0]):
        return None
    return filled(field, path, held)


def _is_shown_so(field: Either | Duration, raw: str) -> bool:
    test = values.is_one_line if isinstance(field, Duration) else values.is_visible
    return test(raw)


def filled(field: Either | Duration, path: Path, held: tuple[str, str]) -> BoundInput:
    """Return a field with two inputs that has these texts."""
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


# Fields with any of the options.


def _many(field: Many, value: JSON | Missing, path: Path) -> Bound | None:
    order = order_of(field, value)
    if order is None:
        return None
    return BoundMany(
        field=field,
        path=path,
        raws=names_of(field, order),
        start=names_of(field, order_of(field, field.default) or ()),
        is_given=isinstance(value, list),
        order=order,
    )


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


def _row(field: FixedList, value: JSON | Missing, path: Path) -> Bound | None:
    is_given = isinstance(value, list)
    if value is not None and not isinstance(value, Missing | list):
        return None
    if isinstance(value, list) and len(value) != len(field.fields):
        return None
    found = value if isinstance(value, list) else [MISSING for _ in field.fields]
    parts = [bind_value(part, found[n], (*path, n)) for n, part in enumerate(field.fields)]
    return BoundFixedList(field=field, path=path, parts=parts, is_given=is_given)


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
    """Return a list with a few rows to begin with, if none was given."""
    field = bound.field
    while not bound.is_given and len(bound.rows) < max(field.min_items, int(field.required)):
        add_row(bound)
    return bound


#: How each kind of field is bound; those with one text are not listed.
BINDERS: dict[type[Field], Callable[[Any, JSON | Missing, Path], Bound | None]] = {
    Fixed: _fixed,
    Group: _group,
    OneOf: _one_of,
    Pair: _pair,
    Pairs: _pairs,
    FixedList: _row,
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
    """Remove a row; the rows after it move up."""
    if index >= len(bound.rows):
        return
    left = bound.rows[:index] + bound.rows[index + 1 :]
    bound.rows = [row.moved((*bound.path, place)) for place, row in enumerate(left)]
    bound.kept -= index < bound.kept


def tidied(bound: Bound) -> Bound:
    """Return the list without empty rows, so that row numbers match the items of the value."""
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
