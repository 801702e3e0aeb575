"""Binds what was posted to the fields of a form."""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, Protocol

from workflows_app import languages
from workflows_app.languages import gettext_lazy

from . import documents, values
from .binding import LINES, bind_value, filled
from .bound import FEW_ROWS, MOST_ROWS, Bound, BoundInput
from .compound import BoundFixedList, BoundPair, BoundPairs
from .fields import (
    JSON,
    Duration,
    Either,
    Field,
    Fixed,
    FixedList,
    Group,
    Many,
    OneOf,
    Pair,
    Pairs,
    Rows,
    Switch,
    Text,
)
from .groups import BoundGroup, BoundOneOf, BoundRows
from .inputs import BoundFixed, BoundMany, BoundRaw, BoundText
from .options import option_name
from .paths import Path, name_of
from .raw import COUNT, order_of, raw_of

TOO_MANY: Final = gettext_lazy(
    "Only the first {most} rows of {count} could be taken. Put the whole list into the JSON tab."
)
UNREADABLE: Final = gettext_lazy(
    "The keys that have no field of their own could not be read, so they would "
    "be lost. Load the page again."
)


class Posted(Protocol):
    """The part of Django's `QueryDict` that is needed here."""

    def __contains__(self, key: object, /) -> bool: ...
    def __iter__(self) -> Iterator[str]: ...
    def get(self, key: str, /) -> str | list[object] | None: ...
    def getlist(self, key: str, /) -> list[str]: ...


def bind_posted(field: Field, data: Posted, uploads: Mapping[str, str], path: Path = ()) -> Bound:
    """Return the field with what was posted for it."""
    is_json = not isinstance(field, Pair)  # the value, at the same path, may be JSON
    if is_json and (raw := _text(data, name_of(path, "json"))) is not None:
        return BoundRaw(field=field, path=path, raw=raw)
    bound = POSTED.get(type(field), _posted_line)(field, data, uploads, path)
    bound.is_null = field.nullable and bound.null_name in data
    if isinstance(bound, BoundInput) and (given := _text(data, bound.origin_name)) is not None:
        _keep_origin(bound, given)
    return bound


def _keep_origin(bound: BoundInput, text: str) -> None:
    """Keep the value that the field was given if its inputs were left as they show it."""
    try:
        given = json.loads(text)
    except (ValueError, RecursionError):
        return
    shown = bind_value(bound.field, given, bound.path)
    if type(shown) is type(bound) and shown.inputs == bound.inputs:
        bound.origin = given


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
    return filled(field, path, (raw, mark))


def _posted_line(field: Field, data: Posted, uploads: Mapping[str, str], path: Path) -> Bound:
    bound = LINES.get(type(field), BoundRaw)(field=field, path=path)
    bound.start = raw_of(field, field.default) or ""
    if isinstance(bound, BoundText):
        bound.is_blank, bound.starts_blank = bound.blank_name in data, field.default == ""
    bound.raw = uploads.get(name_of(path, "file")) or _text(data, bound.name) or ""
    if isinstance(field, Text):
        bound.raw = values.with_plain_lines(bound.raw)
        if field.input != "password" and not values.is_visible(bound.raw):
            return BoundRaw(field=field, path=path, raw=documents.dump(bound.raw))
    if isinstance(field, Switch) and field.is_checkbox:
        bound.raw = "true" if bound.raw else "false"
    return bound


def _posted_many(field: Many, data: Posted, _files: Mapping[str, str], path: Path) -> Bound:
    given = _text(data, name_of(path, "given"))
    places = [int(part) for part in (given or "").split(",") if COUNT.fullmatch(part)]
    known = dict.fromkeys(number for number in places if number < len(field.options))
    sent = set(data.getlist(name_of(path)))
    names = [option_name(option) for option in field.options]
    start = order_of(field, field.default) or ()
    return BoundMany(
        field=field,
        path=path,
        raws=[name for name in names if name in sent],
        start=[names[number] for number in sorted(start)],
        is_given=given is not None,
        order=tuple(known),
    )


def _posted_group(field: Group, data: Posted, uploads: Mapping[str, str], path: Path) -> Bound:
    bound = BoundGroup(
        field=field,
        path=path,
        parts=[bind_posted(part, data, uploads, (*path, part.key)) for part in field.fields],
        is_given=name_of(path, "given") in data,
    )
    try:
        bound.extra = _extra(_text(data, name_of(path, "extra")))
    except (ValueError, RecursionError):
        bound.errors.append(str(UNREADABLE))
    return bound


def _extra(text: str | None) -> dict[str, JSON]:
    found = json.loads(text or "{}")
    if not isinstance(found, dict):
        raise documents.NotJson(UNREADABLE)
    return found


def _posted_row(field: FixedList, data: Posted, uploads: Mapping[str, str], path: Path) -> Bound:
    parts = [bind_posted(part, data, uploads, (*path, n)) for n, part in enumerate(field.fields)]
    return BoundFixedList(
        field=field, path=path, parts=parts, is_given=name_of(path, "given") in data
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
    count = _count(data, name_of(path, "rows"))
    if count > FEW_ROWS:  # the number of inputs counts, whatever number was sent
        count = min(count, max(FEW_ROWS, _posted_count(data, name_of(path))))
    places = range(min(count, MOST_ROWS))
    rows = [bind_posted(field.item, data, uploads, (*path, index)) for index in places]
    is_given = name_of(path, "given") in data
    bound: BoundRows
    if isinstance(field, Pairs):
        pairs = [row for row in rows if isinstance(row, BoundPair)]
        bound = BoundPairs(field=field, path=path, rows=pairs, is_given=is_given)
    else:
        kept = min(_count(data, name_of(path, "items")), len(rows))
        bound = BoundRows(field=field, path=path, rows=rows, is_given=is_given, kept=kept)
    if count > MOST_ROWS:
        bound.errors.append(
            TOO_MANY.format(most=MOST_ROWS, count=languages.number(count, is_grouped=True))
        )
    return bound


def _count(data: Posted, name: str) -> int:
    text = _text(data, name) or ""
    return int(text) if COUNT.fullmatch(text) else 0


def _posted_count(data: Posted, name: str) -> int:
    """Return how many rows have an input: one more than the last index in their names."""
    prefix = f"{name}."
    places = (key.removeprefix(prefix) for key in data if key.startswith(prefix))
    numbers = (place.partition(".")[0].partition(":")[0] for place in places)
    return max((int(number) + 1 for number in numbers if COUNT.fullmatch(number)), default=0)


def _text(data: Posted, name: str) -> str | None:
    value = data.get(name)
    return value if isinstance(value, str) else None


#: How each kind of field is bound; those with one text are not listed.
POSTED: dict[type[Field], Callable[[Any, Posted, Mapping[str, str], Path], Bound]] = {
    Fixed: _posted_fixed,
    Group: _posted_group,
    OneOf: _posted_one_of,
    Pair: _posted_pair,
    Pairs: _posted_rows,
    FixedList: _posted_row,
    Rows: _posted_rows,
    Either: _posted_compound,
    Duration: _posted_compound,
    Many: _posted_many,
}
