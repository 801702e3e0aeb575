"""Checks of what verbs get by keyword: unknown names and wrong types are refused first."""

from __future__ import annotations

import math
import re
import uuid
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from workflows_app import errors
from workflows_app.jsontext import clean_text

#: The largest whole number that fits a column in every database.
MOST: Final = 2**31 - 1
#: The first and the last moment that Python can hold.
_FIRST: Final = datetime.min.replace(tzinfo=UTC)
_LAST: Final = datetime.max.replace(tzinfo=UTC)
#: Most bits of a whole number that Python writes as text.
_MOST_BITS: Final = 10_000


#: How people write a time span.
SPANS: Final = "90d, 12h, 30m or 45s"
_SPAN: Final = re.compile(r"([0-9]{1,9})([dhms])")
_UNITS: Final = {"d": "days", "h": "hours", "m": "minutes", "s": "seconds"}


def check(verb: str, options: Mapping[str, Any], known: Collection[str]) -> None:
    """Refuse options that a verb does not have, and values of the wrong type.

    Raises InvalidInput, InvalidRequestContext.
    """
    for name, value in options.items():
        if name not in known:
            raise errors.InvalidArguments(
                f"{verb}() has no option {name!r}; it has {', '.join(known)}."
            )
        rule = _RULES.get(name)
        if rule is None or value is None:
            continue
        fits, what = rule
        if not fits(value):
            kind = _KINDS.get(name, errors.InvalidInput)
            raise kind(f"{verb}() was given {name}={errors.shown(value)}; {name} is {what}.")


def text(value: Any, name: str, of: str, most: int = 0) -> str | None:
    """Return text, or a number or UUID as text, or None. Raises InvalidInput."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (str, int, uuid.UUID)):
        raise errors.InvalidInput(f"{of} was given {name}={errors.shown(value)}; {name} is text.")
    if isinstance(value, int) and value.bit_length() > _MOST_BITS:
        raise errors.InvalidInput(f"{of} was given a {name} of too many digits; it is text.")
    if most and len(str(value)) > most:
        raise errors.InvalidInput(
            f"{of} was given a {name} of {len(str(value))} characters; it has at most {most}."
        )
    if "\0" in str(value) or clean_text(str(value)) != str(value):
        raise errors.InvalidInput(
            f"{of} was given {name}={errors.shown(value)}; {name} must not have a NUL or "
            "half of a character pair."
        )
    return str(value)


def whole_number(value: Any, name: str, of: str, least: int = 0) -> int:
    """Return a whole number that is `least` or more. Raises InvalidInput.

    A number too large for a database becomes the largest that leaves room for one more, because a
    page reads one row more than it shows.
    """
    if not _is_count(value) or value < least:
        raise errors.InvalidInput(
            f"{of} was given {name}={errors.shown(value)}; {name} is a whole number, {least} or "
            "more."
        )
    return min(int(value), MOST - 1)


def moment(value: Any, name: str, of: str) -> datetime | None:
    """Return a datetime with a time zone, or None. Raises InvalidInput.

    A moment outside the range of UTC becomes its first or its last moment.
    """
    if value is None:
        return None
    if isinstance(value, datetime) and value.utcoffset() is not None:
        try:
            value.astimezone(UTC)
        except OverflowError:
            return _FIRST if value.year == _FIRST.year else _LAST
        return value
    raise errors.InvalidInput(
        f"{of} was given {name}={errors.shown(value)}; {name} is a datetime with a time zone, such "
        "as django.utils.timezone.now()."
    )


def span(text: str) -> timedelta | None:
    """Return `90d`, `12h`, `30m` or `45s` as a time span; None for anything else."""
    found = _SPAN.fullmatch(text.strip())
    return None if found is None else timedelta(**{_UNITS[found[2]]: int(found[1])})


def one_of(value: Any, name: str, of: str, allowed: Collection[str]) -> str | None:
    """Return one of the allowed texts, or None. Raises InvalidInput."""
    if value is None or (isinstance(value, str) and value in allowed):
        return value
    raise errors.InvalidInput(
        f"{of} was given {name}={errors.shown(value)}; {name} is one of {', '.join(allowed)}."
    )


def _is_mapping(value: Any) -> bool:
    return isinstance(value, Mapping)


def _is_flag(value: Any) -> bool:
    return isinstance(value, bool)


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_time(value: Any) -> bool:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    try:
        return is_number and not math.isnan(value) and value >= 0
    except OverflowError:  # a whole number that no float holds
        return False


def _is_column_count(value: Any) -> bool:
    return _is_count(value) and value <= MOST


def _is_id(value: Any) -> bool:
    return isinstance(value, (str, uuid.UUID))


_MAPPING: Final = (_is_mapping, "a mapping of names to values")
_FLAG: Final = (_is_flag, "True or False")
_TEXT: Final = (_is_text, "text")
_COUNT: Final = (_is_count, "a whole number, 0 or more")

_RULES: Final[Mapping[str, tuple[Callable[[Any], bool], str]]] = {
    "request_context": _MAPPING,
    "tracing_options": _MAPPING,
    "output_options": _MAPPING,
    "initial_state": _MAPPING,
    "context": _MAPPING,
    "nested_steps_context": _MAPPING,
    "wait": _FLAG,
    "per_step": _FLAG,
    "close_on_suspend": _FLAG,
    "timeout": (_is_time, "a number of seconds, 0 or more"),
    "door": _TEXT,
    "reason": _TEXT,
    "note": _TEXT,
    "label": _TEXT,
    "plan": (_is_text, "the token of plan_time_travel()"),
    "suspension": (_is_id, "the id of a question, as suspended_steps() has it"),
    "foreach_index": _COUNT,
    "retry_count": (_is_column_count, f"a whole number from 0 to {MOST:,}"),
}
_KINDS: Final[Mapping[str, type[errors.WorkflowError]]] = {
    "request_context": errors.InvalidRequestContext,
}
