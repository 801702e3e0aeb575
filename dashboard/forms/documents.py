"""JSON as people read and type it: nothing is lost on the way, or it is refused with a sentence."""

import json
import math
import re
from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Any, Final

from dashboard.forms.fields import JSON
from dashboard.forms.values import HIDDEN
from workflows_app.definition.faithful import MOST_DEPTH, MOST_DIGITS, RESERVED

#: A number of JSON is kept to so many digits; more are lost.
EXACT_DIGITS: Final = 17
#: Longer documents are written without indentation, so that they can be posted again.
MOST_INDENTED: Final = 1_000_000


class NotJson(ValueError):
    """A text that is not JSON; the message says where it stops being JSON."""


def dump(value: JSON) -> str:
    """Return JSON for people: indented, in their own letters; what cannot be seen is escaped."""
    text = _written(value, 2)
    if len(text) > MOST_INDENTED:
        text = _written(value, None)
    return HIDDEN.sub(_escaped, text)


def mark(value: JSON) -> str:
    """Return JSON that a hidden input carries as it is: one line of ASCII."""
    return json.dumps(value)


def _written(value: JSON, indent: int | None) -> str:
    try:
        return json.dumps(value, indent=indent, ensure_ascii=False)
    except RecursionError:  # the indenting encoder is the one in Python
        return json.dumps(value, ensure_ascii=False)
    except ValueError:  # Python writes no integer of more than 4,300 digits
        return _with_long_numbers(value, indent)


def _with_long_numbers(value: JSON, indent: int | None) -> str:
    places: dict[str, str] = {}
    text = json.dumps(_marked(value, places), indent=indent, ensure_ascii=False)
    for place, digits in places.items():
        text = text.replace(json.dumps(place), digits)
    return text


def _marked(value: JSON, places: dict[str, str]) -> JSON:
    """Return the value with a text in place of each long number, noted in `places`."""
    if isinstance(value, dict):
        return {key: _marked(inner, places) for key, inner in value.items()}
    if isinstance(value, list):
        return [_marked(inner, places) for inner in value]
    if not isinstance(value, int) or value.bit_length() <= MOST_DIGITS * 3:
        return value
    place = f"number {len(places)} of {id(places)}"
    places[place] = f"{Decimal(value):f}"
    return place


def _escaped(found: re.Match[str]) -> str:
    return f"\\u{ord(found[0]):04x}"


def same(one: JSON, other: JSON) -> bool:
    """Whether two JSON values are one and the same: 1, 1.0, true and "1" are four."""
    if type(one) is not type(other):
        return False
    if one is None or isinstance(one, str | int):
        return bool(one == other)
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


# Reading.


def load(text: str) -> JSON:
    """Read JSON as it was typed; raises `NotJson`.

    Refused besides what is no JSON: keys that stand twice or are reserved, and numbers that would
    become others.
    """
    try:
        value = json.loads(
            text,
            parse_constant=_no_constant,
            parse_int=_whole,
            parse_float=_number,
            object_pairs_hook=_object,
        )
    except json.JSONDecodeError as mistake:
        where = f"line {mistake.lineno}, column {mistake.colno}"
        raise NotJson(f"This is not JSON: {mistake.msg} at {where}.") from None
    except RecursionError:
        value = None
        is_deep = True
    else:
        is_deep = _is_deep(value)
    if is_deep:
        raise NotJson(f"This JSON is nested too deeply to be read: at most {MOST_DEPTH} levels.")
    return value


def _is_deep(value: JSON) -> bool:
    level = [value]
    for _ in range(MOST_DEPTH + 1):
        level = [inner for part in level for inner in _inside(part)]
        if not level:
            return False
    return True


def _inside(value: JSON) -> Iterator[JSON]:
    if isinstance(value, dict):
        yield from value.values()
    elif isinstance(value, list):
        yield from value


def _whole(text: str) -> int:
    digits = len(text.lstrip("-"))
    if digits > MOST_DIGITS:
        raise NotJson(
            f"A number here has {digits:,} digits; at most {MOST_DIGITS:,} can be read. "
            "Write it as a text, in quotes, where the type takes that."
        )
    return int(text)


def _number(text: str) -> float:
    number = float(text)
    said = text if len(text) <= 2 * EXACT_DIGITS else f"{text[: 2 * EXACT_DIGITS]}…"
    if not math.isfinite(number) or (number == 0 and _digits_of(text)):
        what = "small" if number == 0 else "large"
        raise NotJson(f"The number {said} is too {what}. Write it as a text, in quotes.")
    if _digits_of(text) > EXACT_DIGITS and Decimal(text) != Decimal(repr(number)):
        raise NotJson(
            f"The number {said} has more digits than a number of JSON keeps: it would become "
            f"{number!r}. Write it as a text, in quotes, or write that."
        )
    return number


def _digits_of(text: str) -> int:
    figures = re.split("[eE]", text)[0].replace("-", "").replace(".", "")
    return len(figures.strip("0"))


def _no_constant(name: str) -> Any:
    raise NotJson(f"This is not JSON: {name} is not a JSON number.")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        double = next(key for key in keys if keys.count(key) > 1)
        raise NotJson(f"The key “{double}” stands twice in one object; keep one of them.")
    if problem := reserved(found):
        raise NotJson(problem)
    return found


def reserved(keys: Iterable[str]) -> str:
    """Return what to say of keys that no value may have; empty: there are none."""
    found = next((key for key in keys if key in RESERVED), "")
    return f"The key “{found}” is reserved for secrets; choose another." if found else ""
