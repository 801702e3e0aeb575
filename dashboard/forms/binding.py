"""Put values, or what was posted, to the fields of a form."""

import json
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Protocol

from dashboard.forms import values
from dashboard.forms.bound import (
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
    option_name,
)
from dashboard.forms.fields import (
    JSON,
    MISSING,
    Choice,
    Field,
    Fixed,
    Group,
    Many,
    Missing,
    Number,
    OneOf,
    Rows,
    Switch,
    Text,
)
from dashboard.forms.paths import Path, name_of

#: Longer lists are edited as JSON: nobody reads that many rows, and a browser posts each field.
MAX_ROWS = 50

#: How many rows a page says it had.
COUNT = re.compile("[0-9]{1,6}")

LINES: dict[type[Field], type[Line]] = {
    Text: BoundText,
    Number: BoundNumber,
    Switch: BoundSwitch,
    Choice: BoundChoice,
}


class Posted(Protocol):
    """The part of Django's `QueryDict` that is needed here."""

    def __contains__(self, key: object, /) -> bool: ...
    def get(self, key: str, /) -> str | list[object] | None: ...
    def getlist(self, key: str, /) -> list[str]: ...


# From a value.


def bind_value(field: Field, value: JSON | Missing = MISSING, path: Path = ()) -> Bound:
    """Return the field holding `value`; what does not fit its inputs is shown as JSON text."""
    start = field.default if isinstance(value, Missing) else value
    bound = _bound_to(field, start, path)
    if bound is None:
        return BoundRaw(field=field, path=path, raw=values.dump(start))
    if isinstance(bound, BoundGroup) and isinstance(value, dict):
        bound.is_given = True
    return bound


def _bound_to(field: Field, value: JSON | Missing, path: Path) -> Bound | None:
    match field:
        case Fixed():
            same = isinstance(value, Missing) or value == field.value
            return BoundFixed(field=field, path=path) if same else None
        case Group():
            return _group(field, value, path)
        case OneOf():
            return _one_of(field, value, path)
        case Rows():
            return _rows(field, value, path)
        case Many():
            return _many(field, value, path)
        case _:
            return _line(field, value, path)


def _line(field: Field, value: JSON | Missing, path: Path) -> Bound | None:
    raw = _raw_of(field, value)
    if raw is None:
        return None
    start = _raw_of(field, field.default) or ""
    return LINES.get(type(field), BoundRaw)(field=field, path=path, raw=raw, start=start)


def _raw_of(field: Field, value: JSON | Missing) -> str | None:
    """Return the text that a one-text field shows for a value; None: it cannot show it."""
    if value is None or isinstance(value, Missing):
        return ""
    match field:
        case Choice():
            return _raw_choice(field, value)
        case Text():
            return values.shown(value, field) if isinstance(value, str) else None
        case Switch() | Number():
            return _raw_plain(field, value)
        case _:
            return values.dump(value)


def _raw_choice(field: Choice, value: JSON) -> str | None:
    known = next((option for option in field.options if _same(option.value, value)), None)
    if known:
        return option_name(known)
    return value if isinstance(value, str) else None


def _raw_plain(field: Switch | Number, value: JSON) -> str | None:
    """Return a truth value or a number as text; a string stays, whatever it says."""
    if isinstance(value, str):
        return value
    is_truth = isinstance(value, bool)
    fits = is_truth if isinstance(field, Switch) else isinstance(value, int | float)
    return json.dumps(value) if fits and is_truth == isinstance(field, Switch) else None


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


def _one_of(field: OneOf, value: JSON | Missing, path: Path) -> Bound | None:
    if value is None or isinstance(value, Missing):
        return BoundOneOf(field=field, path=path)
    fitting = (n for n, shape in enumerate(field.shapes) if _suits(shape, value))
    number = next(fitting, None)
    if number is None:
        return None
    part = bind_value(field.shapes[number], value, path)
    return BoundOneOf(field=field, path=path, chosen=number, was=number, part=part)


def _suits(field: Field, value: JSON | Missing) -> bool:
    """Return whether a value is of this shape: its keys are there, and its constants the same."""
    match field:
        case Fixed():
            return isinstance(value, Missing) or _same(field.value, value)
        case Group():
            keys = {part.key for part in field.fields if part.required}
            if not isinstance(value, dict) or not keys <= value.keys():
                return False
            return all(_suits(part, value.get(part.key, MISSING)) for part in field.fields)
        case _:
            return True


def _rows(field: Rows, value: JSON | Missing, path: Path) -> Bound | None:
    items = [] if value is None or isinstance(value, Missing) else value
    if not isinstance(items, list) or len(items) > MAX_ROWS:
        return None
    rows = [bind_value(field.item, item, (*path, index)) for index, item in enumerate(items)]
    bound = BoundRows(field=field, path=path, rows=rows)
    while len(bound.rows) < max(field.min_items, 1 if field.required else 0):
        add_row(bound)
    return bound


def _many(field: Many, value: JSON | Missing, path: Path) -> Bound | None:
    chosen = _chosen(field, value)
    if chosen is None:
        return None
    return BoundMany(field=field, path=path, raws=chosen, start=_chosen(field, field.default) or [])


def _chosen(field: Many, value: JSON | Missing) -> list[str] | None:
    if value is None or isinstance(value, Missing):
        return []
    if not isinstance(value, list):
        return None
    if not all(any(_same(option.value, item) for option in field.options) for item in value):
        return None
    return [
        option_name(option)
        for option in field.options
        if any(_same(option.value, item) for item in value)
    ]


def _same(one: JSON, other: JSON) -> bool:
    return type(one) is type(other) and bool(one == other)


# From what was posted.


def bind_posted(field: Field, data: Posted, uploads: Mapping[str, str], path: Path = ()) -> Bound:
    """Return the field holding what was posted for it."""
    if (raw := _text(data, name_of(path, "json"))) is not None:
        return BoundRaw(field=field, path=path, raw=raw)
    match field:
        case Fixed():
            return BoundFixed(field=field, path=path)
        case Group():
            return _posted_group(field, data, uploads, path)
        case OneOf():
            return _posted_one_of(field, data, uploads, path)
        case Rows():
            return _posted_rows(field, data, uploads, path)
        case _:
            return _posted_leaf(field, data, uploads, path)


def _posted_leaf(field: Field, data: Posted, uploads: Mapping[str, str], path: Path) -> Bound:
    if isinstance(field, Many):
        start = _chosen(field, field.default) or []
        return BoundMany(field=field, path=path, raws=data.getlist(name_of(path)), start=start)
    bound = LINES.get(type(field), BoundRaw)(field=field, path=path)
    bound.start = _raw_of(field, field.default) or ""
    bound.raw = uploads.get(name_of(path, "file")) or _text(data, name_of(path)) or ""
    if isinstance(field, Switch) and field.is_checkbox:
        bound.raw = "true" if bound.raw else "false"
    return bound


def _posted_group(field: Group, data: Posted, uploads: Mapping[str, str], path: Path) -> Bound:
    return BoundGroup(
        field=field,
        path=path,
        parts=[bind_posted(part, data, uploads, (*path, part.key)) for part in field.fields],
        extra=_extra(_text(data, name_of(path, "extra"))),
        is_given=name_of(path, "given") in data,
    )


def _posted_one_of(field: OneOf, data: Posted, uploads: Mapping[str, str], path: Path) -> Bound:
    bound = BoundOneOf(field=field, path=path)
    bound.chosen, bound.was = (_number(data, name_of(path, m), field) for m in ("shape", "was"))
    if bound.chosen is None:
        return bound
    shape = field.shapes[bound.chosen]
    if bound.was == bound.chosen:
        bound.part = bind_posted(shape, data, uploads, path)
    else:  # nobody has seen its fields yet
        bound.part = bind_value(shape, path=path)
    return bound


def _number(data: Posted, name: str, field: OneOf) -> int | None:
    text = _text(data, name) or ""
    return int(text) if COUNT.fullmatch(text) and int(text) < len(field.shapes) else None


def _posted_rows(field: Rows, data: Posted, uploads: Mapping[str, str], path: Path) -> Bound:
    text = _text(data, name_of(path, "rows")) or ""
    count = min(int(text), MAX_ROWS) if COUNT.fullmatch(text) else 0
    rows = [bind_posted(field.item, data, uploads, (*path, index)) for index in range(count)]
    return BoundRows(field=field, path=path, rows=rows)


def _extra(text: str | None) -> dict[str, JSON]:
    with suppress(values.NotJson):
        found = values.load(text or "{}")
        if isinstance(found, dict):
            return found
    return {}


def _text(data: Posted, name: str) -> str | None:
    value = data.get(name)
    return value if isinstance(value, str) else None


# Rows: adding, removing, tidying.


def add_row(bound: BoundRows) -> Bound:
    """Append an empty row, and return it."""
    row = bind_value(bound.field.item, MISSING, (*bound.path, len(bound.rows)))
    bound.rows.append(row)
    return row


def without_row(bound: BoundRows, index: int) -> list[Bound]:
    """Return the rows but one, each moved to its new place."""
    left = bound.rows[:index] + bound.rows[index + 1 :]
    return [row.moved((*bound.path, place)) for place, row in enumerate(left)]


def tidied(bound: Bound) -> Bound:
    """Return the same without empty rows, so that rows and the value's items have one number."""
    match bound:
        case BoundGroup():
            return replace(bound, parts=[tidied(part) for part in bound.parts])
        case BoundOneOf():
            return replace(bound, part=tidied(bound.part) if bound.part else None)
        case BoundRows():
            rows = [tidied(row) for row in bound.rows if _holds_something(row)]
            moved = [row.moved((*bound.path, place)) for place, row in enumerate(rows)]
            return replace(bound, rows=moved)
        case _:
            return bound


def _holds_something(row: Bound) -> bool:
    if row.is_pristine:
        return False
    try:
        return row.draft() is not MISSING
    except values.NotJson:
        return True
