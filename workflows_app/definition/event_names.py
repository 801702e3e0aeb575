"""Names and keys of events from outside: which values they can be."""

from __future__ import annotations

import numbers
from typing import Any, Final

from workflows_app import errors
from workflows_app.jsontext import clean_text

#: The most characters of a name and of a key.
MOST: Final = 255


def check(value: Any, of: str, refusal: type[errors.WorkflowError] = errors.InvalidInput) -> str:
    """Return the name of an event; raise `refusal` if it is none. `of` says who was given it."""
    if isinstance(value, str) and value.strip() and "/" not in value and _fits(value):
        return str.__str__(value)
    raise refusal(
        f"{of} was given the event name {errors.shown(value)}; the name of an event is text of 1 "
        f"to {MOST} characters without '/' or control characters."
    )


def check_key(
    value: Any, of: str, refusal: type[errors.WorkflowError] = errors.InvalidInput
) -> str:
    """Return the key of an event as text; None is the empty text. Raises `refusal`."""
    if value is None:
        return ""
    is_plain = isinstance(value, (str, numbers.Integral)) or hasattr(value, "hex")
    if is_plain and not isinstance(value, (bool, float, bytes)) and _fits(str(value)):
        return str(value)
    raise refusal(
        f"{of} was given the key {errors.shown(value)}; the key of an event is text of up to "
        f"{MOST} characters, a whole number or a UUID."
    )


def _fits(text: str) -> bool:
    return len(text) <= MOST and text.isprintable() and clean_text(text) == text
