"""Checks that JSON loses nothing unnoticed: keys, long numbers, depth, secrets, and what a type
reads back.

Raises ValueError with the sentence for people; `schemas` turns it into a library error.
"""

import dataclasses
import json
import math
import re
import sys
from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Any, Final

import orjson
from pydantic import BaseModel, Secret, SecretBytes, SecretStr
from pydantic_core import to_json

from workflows_app.jsontext import MASK, SECRET, SECRET_JSON, Hidden, clean_key, clean_text, loads

#: Deeper values are refused, because their readers have a limit of 200 levels.
MOST_DEPTH: Final = 180
#: Python does not read numbers with more digits.
MOST_DIGITS: Final = 4300
#: Keys that mark a secret in stored values; values of users may not have them.
RESERVED: Final = (SECRET, SECRET_JSON)

_SECRETS: Final = (SecretStr, SecretBytes, Secret)
_RESERVED_BEGIN: Final = SECRET.encode()
_RESERVED_KEY: Final = re.compile(
    rb'(?<!\\)"(%s)":' % b"|".join(re.escape(key.encode()) for key in RESERVED)
)


# Keys.


def check_keys(text: bytes) -> None:
    """Refuse an object with the same key twice, because two different keys became one."""
    try:
        is_same = len(orjson.dumps(orjson.loads(text))) == len(text)
    except ValueError:
        is_same = False
    if not is_same:
        json.loads(text, object_pairs_hook=_without_doubles)


def _without_doubles(pairs: list[tuple[Any, Any]]) -> dict[Any, Any]:
    found: dict[Any, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(
                f"two keys of one object are written as {key!r}, which is text in JSON; use "
                "text keys, or a list of pairs"
            )
        found[key] = value
    return found


def clean_keys(value: Any) -> Any:
    """Return a value whose keys any encoding can hold; models are copied."""
    if type(value) is dict:
        pairs = ((clean_key(key), clean_keys(item)) for key, item in value.items())
        return _without_doubles(list(pairs))
    if type(value) in {list, tuple}:
        return type(value)(clean_keys(item) for item in value)
    if isinstance(value, BaseModel):
        return value.model_copy(update={n: clean_keys(part) for n, part in _fields(value).items()})
    return value


def with_keys(value: Any, written: Any) -> Any:
    """Return the `written` form of a plain value with its original keys, even those that no
    encoding takes.
    """
    if isinstance(value, dict) and isinstance(written, dict):
        pairs = [
            (clean_key(old) if isinstance(old, str) else key, with_keys(item, part))
            for (old, item), (key, part) in zip(value.items(), written.items(), strict=True)
        ]
        return _without_doubles(pairs)
    if isinstance(value, (list, tuple)) and isinstance(written, list):
        return [with_keys(*pair) for pair in zip(value, written, strict=True)]
    return written


# Numbers and depth.


def check_numbers(text: bytes) -> None:
    """Refuse a number that could be written but not read."""
    if len(text) > MOST_DIGITS and _has_long_number(text):
        raise ValueError(
            f"a number has more than {MOST_DIGITS:,} digits, which Python does not read; write it "
            "as text"
        )


def check_depth(text: bytes) -> None:
    """Refuse a value that is too deep."""
    if text.count(b"[") + text.count(b"{") > MOST_DEPTH and _depth(text) > MOST_DEPTH:
        raise ValueError(f"it is nested more than {MOST_DEPTH} levels deep; make it flatter")


def _has_long_number(text: bytes) -> bool:
    # A number of this length has a digit at one of these positions.
    places = [at for at in range(0, len(text), MOST_DIGITS) if 48 <= text[at] <= 57]  # noqa: PLR2004
    if not any(_digits_around(text, at) > MOST_DIGITS for at in places):
        return False
    limit = sys.get_int_max_str_digits() or math.inf
    lengths: list[int] = []
    json.loads(text, parse_int=lambda digits: lengths.append(len(digits.lstrip("-"))))
    return max(lengths, default=0) > min(limit, MOST_DIGITS)


def _digits_around(text: bytes, at: int) -> int:
    window = text[max(0, at - MOST_DIGITS) : at + MOST_DIGITS + 1]
    middle = min(at, MOST_DIGITS)
    before = len(window[:middle]) - len(window[:middle].rstrip(b"0123456789"))
    after = len(window[middle:]) - len(window[middle:].lstrip(b"0123456789"))
    return before + after


def _depth(text: bytes) -> int:
    """Return the depth of a value, counted to a little more than is allowed."""
    level = [loads(text)]
    for depth in range(MOST_DEPTH + 2):
        if not level:
            return depth - 1
        level = [inner for value in level for inner in _inside(value)]
    return MOST_DEPTH + 1


def _inside(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def refuse_lost_numbers(value: object, text: bytes) -> None:
    """Refuse NaN and infinity, which Pydantic writes as null."""
    for place, number in _lost_numbers(value, loads(text), ""):
        at = f" at {place!r}" if place else ""
        raise ValueError(f"JSON has no number for {number}{at}; write None or text instead")


def _lost_numbers(value: object, written: object, place: str) -> Iterable[tuple[str, float]]:
    """Yield each NaN or infinity in `value` that is not a number in its `written` form."""
    if isinstance(value, float) and not math.isfinite(value):
        if not isinstance(written, str):  # a model may say that it writes them as text
            yield place, value
    elif isinstance(value, dict) and isinstance(written, dict):
        for (key, part), (old, item) in zip(written.items(), value.items(), strict=False):
            if (number := _lost_key(old, key)) is not None:
                yield f"{place}.{key}".lstrip("."), number
            yield from _lost_numbers(item, part, f"{place}.{key}".lstrip("."))
    elif isinstance(value, (list, tuple, set, frozenset)) and isinstance(written, list):
        for index, (item, part) in enumerate(zip(value, written, strict=False)):
            yield from _lost_numbers(item, part, f"{place}.{index}".lstrip("."))


def _lost_key(key: object, written: str) -> float | None:
    """Return the NaN or infinity that is a key without a type, which Pydantic writes as `None`."""
    parts = key if isinstance(key, tuple) else (key,)
    lost = (part for part in parts if isinstance(part, float) and not math.isfinite(part))
    return next(lost, None) if "None" in written else None


# Secrets.


def with_secrets(value: Any, written: Any) -> Any:
    """Return the `written` form of a plain value with its secrets instead of asterisks."""
    if isinstance(value, _SECRETS):
        return _secret(value.get_secret_value())
    if isinstance(value, Hidden):
        return {value.key: value.secret}
    if isinstance(value, dict) and isinstance(written, dict):
        if any(isinstance(key, _SECRETS) for key in value):
            raise ValueError("a secret cannot be a key; use a list of pairs")
        pairs = zip(written.items(), value.values(), strict=True)
        return {key: with_secrets(item, part) for (key, part), item in pairs}
    if isinstance(value, (list, tuple)) and isinstance(written, list):
        return [with_secrets(*pair) for pair in zip(value, written, strict=True)]
    if isinstance(value, (set, frozenset)) and any(isinstance(item, _SECRETS) for item in value):
        raise ValueError("a set of secrets has no order in which to keep them; use a list")
    return written


def _secret(value: Any) -> dict[str, str]:
    if isinstance(value, str):
        return {SECRET: value}
    if isinstance(value, bytes):
        return {SECRET: value.decode()}
    return {SECRET_JSON: to_json(value).decode()}


def check_reserved(text: bytes) -> None:
    """Refuse a key that marks a secret where there is none, because it would be read as one."""
    if _RESERVED_BEGIN in text and (found := _RESERVED_KEY.search(text)):
        raise ValueError(
            f"the key {found[1].decode()!r} is reserved for secrets; choose another, or give a "
            "SecretStr"
        )


def may_hide(text: bytes) -> bool:
    """Return whether the text has asterisks like those of a masked secret."""
    return MASK.encode() in text


# What was read.


def difference(value: Any, read: Any, place: str = "", *, is_open: bool = False) -> str:
    """Return in words where `read` differs from what was written; empty if it is the same.

    A subclass may be read as the declared type. `is_open`: a part of the type takes anything, so
    its values are read as plain JSON values.
    """
    at = f" at {place!r}" if place else ""
    if isinstance(value, BaseModel) or dataclasses.is_dataclass(value):
        return _difference_of_fields(value, read, place, is_open=is_open)
    if isinstance(value, Mapping) and isinstance(read, Mapping):
        return _difference_of_keys(value, read, place, is_open=is_open)
    if isinstance(value, (list, tuple)) and isinstance(read, (list, tuple)):
        if len(value) != len(read) or (type(value) is not type(read) and not is_open):
            return f"the {type(value).__name__}{at} is read as another {type(read).__name__}"
        parts = enumerate(zip(value, read, strict=True))
        found = (
            difference(*pair, f"{place}.{index}".lstrip("."), is_open=is_open)
            for index, pair in parts
        )
        return next(filter(None, found), "")
    # An open part reads plain JSON values, so only a value of the same type can be a different one.
    if (is_open and type(value) is not type(read)) or _is_same(value, read):
        return ""
    return (
        f"the {type(value).__name__} {_short(value)}{at} is read as the {type(read).__name__} "
        f"{_short(read)}"
    )


def _is_same(value: Any, read: Any) -> bool:
    if isinstance(value, Enum) or isinstance(read, Enum):
        return value is read
    if isinstance(value, str) and isinstance(read, str):
        value = clean_text(value)
    if type(value) is not type(read) and (
        isinstance(value, bool) or not isinstance(value, type(read))
    ):
        return False
    if getattr(type(value), "__eq__", None) is object.__eq__:
        return True  # nothing defines when two of them are equal
    try:
        return bool(value == read) or bool(value != value and read != read)  # noqa: PLR0124 - NaN
    except Exception:  # noqa: BLE001 - arrays and user types may refuse to compare
        return True


def _difference_of_fields(value: Any, read: Any, place: str, *, is_open: bool) -> str:
    at = f" at {place!r}" if place else ""
    kind = type(value).__name__
    if not isinstance(value, type(read)) or isinstance(read, dict):
        if is_open and isinstance(read, dict):
            return ""
        return f"the {kind}{at} is read as a {type(read).__name__}"
    is_kept = hasattr(type(value), "__pydantic_serializer__")
    if type(value) is not type(read) and not is_kept:
        return f"the {kind}{at} is written as the {type(read).__name__} that is declared"
    before, after = _fields(value), _fields(read)
    for name, part in after.items():
        inner = f"{place}.{name}".lstrip(".")
        if name not in before:
            return f"{inner!r} is read, and was not there"
        if found := difference(before[name], part, inner, is_open=is_open):
            return found
    lost = sorted(before.keys() - after.keys()) if type(value) is type(read) else []
    return f"{lost[0]!r}{at} is not read" if lost else ""


def _fields(value: Any) -> dict[str, Any]:
    if isinstance(value, BaseModel):
        return {**{n: getattr(value, n) for n in type(value).model_fields},
                **(value.model_extra or {})}  # fmt: skip
    return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)
            if hasattr(value, field.name)}  # fmt: skip


def _difference_of_keys(value: Any, read: Any, place: str, *, is_open: bool) -> str:
    at = f" at {place!r}" if place else ""
    if len(value) != len(read):
        return f"of the {len(value)} keys{at} {len(read)} are read"
    if all(isinstance(key, str) and key in read for key in value):
        read = {key: read[key] for key in value}  # a typed dict is written in its own order
    for (key, item), (again, part) in zip(value.items(), read.items(), strict=True):
        if not is_open and not _is_same(key, again):
            return (
                f"the key {_short(key)}{at}, of type {type(key).__name__}, is read as "
                f"{_short(again)}"
            )
        if found := difference(item, part, f"{place}.{again}".lstrip("."), is_open=is_open):
            return found
    return ""


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:59]}…"  # noqa: PLR2004 - a part of a sentence
