"""JSON as people read and type it: it is kept exactly, or refused with a sentence."""

import json
import math
import re
from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Any, Final

from django.utils.translation import gettext

from workflows_app import languages
from workflows_app.definition.faithful import MOST_DEPTH, MOST_DIGITS, RESERVED

from .fields import JSON
from .values import HIDDEN

#: Numbers in JSON keep this many digits; the rest would be lost.
EXACT_DIGITS: Final = 17
#: Longer documents are written without indentation, so that they can be posted again.
MOST_INDENTED: Final = 1_000_000
#: Values with more characters of JSON than this are passed on as they are, not edited in a form.
MOST_EDITED: Final = 200_000


class NotJson(ValueError):
    """A text is not JSON; the message says where it stops being JSON."""


def dump(value: JSON) -> str:
    """Return JSON for people: indented, in their own letters, with invisible characters escaped."""
    text = _written(value, 2)
    if len(text) > MOST_INDENTED:
        text = _written(value, None)
    return HIDDEN.sub(_escaped, text)


def hidden_json(value: JSON) -> str:
    """Return JSON that a hidden input can carry: one line of ASCII."""
    return json.dumps(value)


def _written(value: JSON, indent: int | None) -> str:
    try:
        return json.dumps(value, indent=indent, ensure_ascii=False)
    except RecursionError:  # the indenting encoder is written in Python
        return json.dumps(value, ensure_ascii=False)
    except ValueError:  # Python does not write integers of more than 4,300 digits
        return _with_long_numbers(value, indent)


def _with_long_numbers(value: JSON, indent: int | None) -> str:
    places: dict[str, str] = {}
    text = json.dumps(_marked(value, places), indent=indent, ensure_ascii=False)
    for place, digits in places.items():
        text = text.replace(json.dumps(place), digits)
    return text


def _marked(value: JSON, places: dict[str, str]) -> JSON:
    """Return the value with a text in place of each long number, which is noted in `places`."""
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
    """Return whether two JSON values are identical; 1, 1.0, true and "1" are four values."""
    if type(one) is not type(other):
        return False
    if one is None or isinstance(one, str | int):
        return bool(one == other)
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


# Reading.


def load(text: str) -> JSON:
    """Read JSON as it was typed; raises `NotJson`.

    Apart from text that is not JSON, it refuses keys that occur twice or are reserved, and numbers
    that would change.
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
        text = gettext("This is not JSON: {problem} at line {line}, column {column}.")
        raise NotJson(
            text.format(problem=mistake.msg, line=mistake.lineno, column=mistake.colno)
        ) from None
    except RecursionError:
        value = None
        is_deep = True
    else:
        is_deep = _is_deep(value)
    if is_deep:
        raise NotJson(
            gettext(
                "This JSON is nested too deeply to be read: at most {most_depth} levels."
            ).format(most_depth=MOST_DEPTH)
        )
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
            gettext(
                "A number here has {digits} digits; at most {most} can be read. Write it as a "
                "text, in quotes, where the type takes that."
            ).format(
                digits=languages.number(digits, is_grouped=True),
                most=languages.number(MOST_DIGITS, is_grouped=True),
            )
        )
    return int(text)


def _number(text: str) -> float:
    number = float(text)
    said = text if len(text) <= 2 * EXACT_DIGITS else f"{text[: 2 * EXACT_DIGITS]}…"
    if not math.isfinite(number) or (number == 0 and _digits_of(text)):
        problem = gettext("The number {said} is too large. Write it as a text, in quotes.")
        if number == 0:
            problem = gettext("The number {said} is too small. Write it as a text, in quotes.")
        raise NotJson(problem.format(said=said))
    if _digits_of(text) > EXACT_DIGITS and Decimal(text) != Decimal(repr(number)):
        raise NotJson(
            gettext(
                "The number {said} has more digits than JSON keeps: it would "
                "become {number!r}. Write it as a text, in quotes, or write that."
            ).format(said=said, number=number)
        )
    return number


def _digits_of(text: str) -> int:
    figures = re.split("[eE]", text)[0].replace("-", "").replace(".", "")
    return len(figures.strip("0"))


def _no_constant(name: str) -> Any:
    raise NotJson(gettext("This is not JSON: {name} is not a JSON number.").format(name=name))


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        double = next(key for key in keys if keys.count(key) > 1)
        raise NotJson(
            gettext("The key “{double}” occurs twice in one object; keep one of them.").format(
                double=double
            )
        )
    if problem := reserved(found):
        raise NotJson(problem)
    return found


def reserved(keys: Iterable[str]) -> str:
    """Return a sentence about keys that no value may have; empty if there are none."""
    found = next((key for key in keys if key in RESERVED), "")
    return (
        gettext("The key “{found}” is reserved for secrets; choose another.").format(found=found)
        if found
        else ""
    )
