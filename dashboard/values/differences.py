"""What differs between two JSON values, field by field. Pure but for its words: no database.

The output does not grow with the values: changes beyond a limit are only counted, texts are cut to
where they begin to differ, and very deep or very long parts are compared as a whole or by index.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from enum import StrEnum
from itertools import islice
from typing import Final

from django.utils.translation import gettext, ngettext

from workflows_app import languages

from ..forms.fields import JSON, MISSING, Missing

#: How many changes of one value are shown.
MOST_CHANGES: Final = 40
#: How many characters of an old or new value are shown.
MOST_TEXT: Final = 240
#: How many characters before the first difference of two long texts are shown.
LEAD: Final = 40
#: Parts that are deeper than this are compared as a whole.
MOST_DEPTH: Final = 40
#: Inserted items are looked for up to this many pairs of items; longer lists are compared by index.
MOST_PAIRS: Final = 40_000

_PLAIN_KEY: Final = re.compile(r"[^\W\d][\w-]*")


class Kind(StrEnum):
    """What happened to a field."""

    CHANGED = "changed"
    ADDED = "added"
    REMOVED = "removed"


@dataclass(frozen=True)
class Change:
    """One field that differs. `old` and `new` are JSON text, cut; empty if there is no value."""

    path: str
    kind: Kind
    old: str = ""
    new: str = ""
    #: How the kind of the value changed; empty if it did not.
    note: str = ""


@dataclass(frozen=True)
class Differences:
    """The changes that are shown, in the order of the fields, and how many are not shown."""

    changes: tuple[Change, ...] = ()
    left_out: int = 0

    def __bool__(self) -> bool:
        """Whether anything differs."""
        return bool(self.changes)


def between(old: JSON | Missing, new: JSON | Missing, most: int = MOST_CHANGES) -> Differences:
    """Return what differs between two JSON values; `MISSING` means no value, unlike null.

    Numbers are equal by value (1 and 1.0); true is not 1.
    """
    found = _changes(old, new, "", 0)
    shown = tuple(islice(found, most))
    return Differences(shown, sum(1 for _ in found))


def _changes(old: JSON | Missing, new: JSON | Missing, path: str, depth: int) -> Iterator[Change]:
    if isinstance(old, Missing) or isinstance(new, Missing):
        yield from _come_or_gone(old, new, path)
    elif isinstance(old, dict) and isinstance(new, dict) and depth < MOST_DEPTH:
        yield from _in_objects(old, new, path, depth)
    elif isinstance(old, list) and isinstance(new, list) and depth < MOST_DEPTH:
        yield from _in_lists(old, new, path, depth)
    elif kind_of(old) != kind_of(new):
        note = f"{kind_of(old)} → {kind_of(new)}"
        yield Change(path, Kind.CHANGED, as_line(old), as_line(new), note)
    elif old != new:
        yield Change(path, Kind.CHANGED, *_both(old, new))


def _come_or_gone(old: JSON | Missing, new: JSON | Missing, path: str) -> Iterator[Change]:
    if not isinstance(new, Missing):
        yield Change(path, Kind.ADDED, new=as_line(new))
    elif not isinstance(old, Missing):
        yield Change(path, Kind.REMOVED, old=as_line(old))


def _in_objects(
    old: Mapping[str, JSON], new: Mapping[str, JSON], path: str, depth: int
) -> Iterator[Change]:
    for key in {**old, **new}:
        inner = _under(path, key)
        yield from _changes(old.get(key, MISSING), new.get(key, MISSING), inner, depth + 1)


def _in_lists(old: Sequence[JSON], new: Sequence[JSON], path: str, depth: int) -> Iterator[Change]:
    """Yield what differs in two lists; an inserted item does not change those after it."""
    for i1, i2, j1, j2 in _blocks(old, new):
        both = min(i2 - i1, j2 - j1)
        for step in range(both):
            place = f"{path}[{j1 + step}]"
            yield from _changes(old[i1 + step], new[j1 + step], place, depth + 1)
        for gone in range(i1 + both, i2):
            yield Change(f"{path}[{gone}]", Kind.REMOVED, old=as_line(old[gone]))
        for come in range(j1 + both, j2):
            yield Change(f"{path}[{come}]", Kind.ADDED, new=as_line(new[come]))


def _blocks(old: Sequence[JSON], new: Sequence[JSON]) -> list[tuple[int, int, int, int]]:
    """Return the stretches of two lists that are not the same."""
    if len(old) * len(new) > MOST_PAIRS or not (old and new):
        return [(0, len(old), 0, len(new))]
    ours, theirs = [_sorted(item) for item in old], [_sorted(item) for item in new]
    codes = SequenceMatcher(None, ours, theirs, autojunk=False).get_opcodes()
    return [(i1, i2, j1, j2) for tag, i1, i2, j1, j2 in codes if tag != "equal"]


def kind_of(value: JSON) -> str:
    """Return what people call this kind of JSON value."""
    match value:
        case None:
            return "null"
        case bool():
            return gettext("yes or no")
        case int() | float():
            return gettext("number")
        case str():
            return gettext("text")
        case list():
            return gettext("list")
        case _:
            return gettext("object")


def as_line(value: JSON) -> str:
    """Return a value as one line of JSON, cut if it is long."""
    text = _as_json(value)
    if len(text) <= MOST_TEXT:
        return text
    return f"{text[:MOST_TEXT]}… ({_characters(text)})"


def _both(old: JSON, new: JSON) -> tuple[str, str]:
    """Return two values of one kind; of long texts, the part where they begin to differ."""
    is_text = isinstance(old, str) and isinstance(new, str)
    if not is_text or max(len(old), len(new)) <= MOST_TEXT:
        return as_line(old), as_line(new)
    pairs = enumerate(zip(old, new, strict=False))
    first = next((at for at, (one, other) in pairs if one != other), min(len(old), len(new)))
    start = max(first - LEAD, 0)
    return _window(old, start), _window(new, start)


def _window(text: str, start: int) -> str:
    end = start + MOST_TEXT
    before, after = "…" if start else "", "…" if end < len(text) else ""
    return f"{before}{_as_json(text[start:end])}{after} ({_characters(text)})"


def _characters(text: str) -> str:
    words = ngettext("{number} character", "{number} characters", len(text))
    return words.format(number=languages.number(len(text), is_grouped=True))


def _under(path: str, key: str) -> str:
    """Return the path of a key; a key that is not a plain word is quoted."""
    if not _PLAIN_KEY.fullmatch(key):
        return f"{path}[{_as_json(key)}]"
    return f"{path}.{key}" if path else key


def _sorted(value: JSON) -> str:
    return json.dumps(value, sort_keys=True)


def _as_json(value: JSON) -> str:
    """Return JSON that a page can carry: halves of surrogate pairs are escaped."""
    text = json.dumps(value, ensure_ascii=False)
    return text.encode(errors="backslashreplace").decode()
