"""Checks of options that steps and workflows share; each names what it refuses."""

import math
import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from workflows_app import errors
from workflows_app.definition import exhausted, functions
from workflows_app.definition.schemas import ANY
from workflows_app.jsontext import clean_text, loads

#: What message brokers accept as the name of a queue.
_QUEUE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9._-]{0,99}")


def whole_number(value: Any, name: str, what: str) -> int:
    """Return a whole number, 0 or more. Raises InvalidStep for anything else."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise _wrong(value, name, what, "a whole number, 0 or more")
    return int(value)


def seconds(value: Any, name: str, what: str) -> float:
    """Return a number of seconds, 0 or more. Raises InvalidStep for anything else."""
    if not _is_finite(value) or value < 0:
        raise _wrong(value, name, what, "a number of seconds, 0 or more")
    return float(value)


def duration(value: Any, name: str, what: str) -> float:
    """Return a timedelta or a number as seconds, 0 or more. Raises InvalidStep otherwise."""
    return seconds(value.total_seconds() if isinstance(value, timedelta) else value, name, what)


def moment(value: Any, name: str, what: str) -> datetime:
    """Return a datetime with a time zone. Raises InvalidStep for anything else."""
    if not isinstance(value, datetime) or value.utcoffset() is None:
        raise _wrong(value, name, what, "a datetime with a time zone")
    return value


def factor(value: Any, name: str, what: str) -> float:
    """Return a number, 0 or more. Raises InvalidStep for anything else."""
    if not _is_finite(value) or value < 0:
        raise _wrong(value, name, what, "a number, 0 or more")
    return float(value)


def timeout(value: Any, name: str, what: str) -> float:
    """Return a number of seconds above 0. Raises InvalidStep for anything else."""
    if not _is_finite(value) or value <= 0:
        raise _wrong(value, name, what, "a number of seconds above 0; leave it out for no limit")
    return float(value)


def flag(value: Any, name: str, what: str) -> bool:
    """Return True or False. Raises InvalidStep for anything else."""
    if not isinstance(value, bool):
        raise _wrong(value, name, what, "True or False")
    return value


def text(value: Any, name: str, what: str) -> str:
    """Return text. Raises InvalidStep for anything else."""
    if not isinstance(value, str):
        raise _wrong(value, name, what, "text")
    return clean_text(str(value))


def queue(value: Any, name: str, what: str) -> str:
    """Return the name of a queue. Raises InvalidStep if it cannot be one."""
    if not isinstance(value, str) or not _QUEUE.fullmatch(value):
        rule = "up to 100 letters, digits, '_', '-' and '.', beginning with a letter or '_'"
        raise _wrong(value, name, what, rule)
    return str(value)


def permission(value: Any, name: str, what: str) -> str | None:
    """Return `app.codename`, `group:<name>` or None. Raises InvalidStep for anything else."""
    if value is None:
        return None
    if not isinstance(value, str) or not value.removeprefix("group:").strip():
        raise _wrong(value, name, what, "a Django permission such as 'app.codename', or 'group:x'")
    return str(value)


def metadata(value: Any, name: str, what: str) -> dict[str, Any]:
    """Return a copy of a JSON mapping. Raises InvalidStep for anything else."""
    if isinstance(value, Mapping) and all(isinstance(key, str) for key in value):
        try:
            # Through text, so that it is a copy and shows what JSON makes of it.
            copy: dict[str, Any] = loads(ANY.dump(dict(value)))
        except (ValueError, errors.SerializationError) as error:
            raise _wrong(value, name, what, "a mapping that JSON can hold") from error
        return copy
    raise _wrong(value, name, what, "a mapping with text as keys")


def hook(value: Any, name: str, what: str) -> Any:
    """Return a hook function or None. Raises InvalidStep for what cannot be called."""
    if value is not None:
        functions.function(value, f"{name} of {what}")
    return value


def one_of(value: Any, name: str, what: str, allowed: tuple[str, ...]) -> Any:
    """Return one of the allowed values. Raises InvalidStep for anything else."""
    if value not in allowed:
        raise _wrong(value, name, what, " or ".join(repr(each) for each in allowed))
    return value


def on_exhausted(value: Any, name: str, what: str) -> Any:
    """Return what happens when attempts are used up. Raises InvalidStep for anything else."""
    return one_of(value, name, what, exhausted.CHOICES)


def _is_finite(value: Any) -> bool:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    try:
        return is_number and math.isfinite(value)
    except OverflowError:  # a whole number that no float holds
        return False


def _wrong(value: Any, name: str, what: str, rule: str) -> errors.InvalidStep:
    return errors.InvalidStep(f"{what} has {name}={errors.shown(value)}; {name} is {rule}.")
