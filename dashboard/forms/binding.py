"""Put values, or what was posted, to the fields of a form."""

import json
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any, Protocol

from dashboard.forms import durations, values
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
from dashboard.forms.compound import BoundDuration, BoundEither, BoundPair, BoundPairs, BoundRow
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
    return BINDERS.get(type(field), _line)(field, value, path)


def _fixed(field: Fixed, value: JSON | Missing, path: Path) -> Bound | None:
    same = isinstance(value, Missing) or value == field.value
    return BoundFixed(field=field, path=path) if same else None


def _pair(field: Pair, value: JSON | Missing, path: Path) -> Bound:
    return BoundPair(field=field, path=path, part=bind_value(field.value, value, path))


def _line(field: Field, value: JSON | Missing, path: Path) -> Bound | None:
    raw = _raw_of(field, value)
    if raw is None:
        return None
    start = _raw_of(field, field.default) or ""
    bound = LINES.get(type(field), BoundRaw)(field=field, path=path, raw=raw, start=start)
    if isinstance(bound, BoundText):
        bound.is_blank, bound.starts_blank = value == "", field.default == ""
    return bound


def _raw_of(field: Field, value: JSON | Missing) -> str | None:
    """Return the text that a one-text field shows for a value; None: it cannot show it."""
    if value is None and isinstance(field, Raw) and not field.is_optional:
        return "null"
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


def _row(field: Row, value: JSON | Missing, path: Path) -> Bound | None:
    items = [] if value is None or isinstance(value, Missing) else value
    if not isinstance(items, list) or (items and len(items) != len(field.fields)):
        return None
    places = enumerate(field.fields)
    found = [items[n] if items else MISSING for n, _ in enumerate(field.fields)]
    parts = [bind_value(part, found[n], (*path, n)) for n, part in places]
    return BoundRow(field=field, path=path, parts=parts, is_given=bool(items))


def _posted_row(field: Row, data: Posted, uploads: Mapping[str, str], path: Path) -> Bound:
    parts = [bind_posted(part, data, uploads, (*path, n)) for n, part in enumerate(field.fields)]
    return BoundRow(field=field, path=path, parts=parts, is_given=name_of(path, "given") in data)


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
    bound = BoundRows(field=field, path=path, rows=rows, is_given=isinstance(value, list))
    while len(bound.rows) < max(field.min_items, 1 if field.required else 0):
        add_row(bound)
    return bound


def _pairs(field: Pairs, value: JSON | Missing, path: Path) -> Bound | None:
    entries = {} if value is None or isinstance(value, Missing) else value
    if not isinstance(entries, dict) or len(entries) > MAX_ROWS or "" in entries:
        return None
    rows = []
    for index, (key, inner) in enumerate(entries.items()):
        place = (*path, index)
        part = bind_value(field.item.value, inner, place)
        rows.append(BoundPair(field=field.item, path=place, key=key, part=part))
    bound = BoundPairs(field=field, path=path, rows=rows, is_given=isinstance(value, dict))
    while len(bound.rows) < max(field.min_items, 1 if field.required else 0):
        add_row(bound)
    return bound


def _compound(field: Either | Duration, value: JSON | Missing, path: Path) -> Bound | None:
    start = _two_of(field, field.default)
    held = _two_of(field, value)
    if held is None:
        return None
    return _filled(field, path, held, start)


def _filled(
    field: Either | Duration, path: Path, held: tuple[str, str], start: tuple[str, str] | None
) -> Bound:
    """Return a field of two inputs that holds these texts, and began with those."""
    start_raw, start_mark = start or ("", "")
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


def _two_of(field: Either | Duration, value: JSON | Missing) -> tuple[str, str] | None:
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
    return "" if isinstance(kind, Fixed) else str(_raw_of(kind, value)), str(number)


def _is_of_kind(kind: Field, value: JSON) -> bool:
    match kind:
        case Fixed(value=fixed):
            return _same(fixed, value)
        case Number():
            return values.is_number_of(value, kind)
        case Text():
            return isinstance(value, str) and values.is_of_input(value, kind)
        case _:
            return False


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
    is_json = not isinstance(field, Pair)  # whose value, at the same path, may be JSON
    if is_json and (raw := _text(data, name_of(path, "json"))) is not None:
        return BoundRaw(field=field, path=path, raw=raw)
    return POSTED.get(type(field), _posted_leaf)(field, data, uploads, path)


def _posted_fixed(field: Fixed, _data: Posted, _files: Mapping[str, str], path: Path) -> Bound:
    return BoundFixed(field=field, path=path)


def _posted_pair(field: Pair, data: Posted, uploads: Mapping[str, str], path: Path) -> Bound:
    key = _text(data, name_of(path, "key")) or ""
    part = bind_posted(field.value, data, uploads, path)
    return BoundPair(field=field, path=path, key=key, part=part)


def _posted_compound(
    field: Either | Duration, data: Posted, _files: Mapping[str, str], path: Path
) -> Bound:
    raw, mark = (_text(data, name_of(path, m)) or "" for m in ("", field.mark))
    return _filled(field, path, (raw, mark), _two_of(field, field.default))


def _posted_leaf(field: Field, data: Posted, uploads: Mapping[str, str], path: Path) -> Bound:
    if isinstance(field, Many):
        start = _chosen(field, field.default) or []
        return BoundMany(field=field, path=path, raws=data.getlist(name_of(path)), start=start)
    bound = LINES.get(type(field), BoundRaw)(field=field, path=path)
    bound.start = _raw_of(field, field.default) or ""
    if isinstance(bound, BoundText):
        bound.is_blank, bound.starts_blank = name_of(path, "blank") in data, field.default == ""
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
    is_given = name_of(path, "given") in data
    if isinstance(field, Pairs):
        pairs = [row for row in rows if isinstance(row, BoundPair)]
        return BoundPairs(field=field, path=path, rows=pairs, is_given=is_given)
    return BoundRows(field=field, path=path, rows=rows, is_given=is_given)


def _extra(text: str | None) -> dict[str, JSON]:
    with suppress(values.NotJson):
        found = values.load(text or "{}")
        if isinstance(found, dict):
            return found
    return {}


def _text(data: Posted, name: str) -> str | None:
    value = data.get(name)
    return value if isinstance(value, str) else None


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
POSTED: dict[type[Field], Callable[[Any, Posted, Mapping[str, str], Path], Bound]] = {
    Fixed: _posted_fixed,
    Group: _posted_group,
    OneOf: _posted_one_of,
    Pair: _posted_pair,
    Pairs: _posted_rows,
    Row: _posted_row,
    Rows: _posted_rows,
    Either: _posted_compound,
    Duration: _posted_compound,
}


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
        case BoundPair():
            return replace(bound, part=tidied(bound.part))
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
