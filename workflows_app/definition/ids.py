"""Ids: which texts are allowed, and how an id reads as a title."""

import re
from typing import Any, Final

from workflows_app import errors

_ALLOWED: Final = re.compile(r"[A-Za-z0-9_-]+")
#: A workflow that a task of Django is, by the path of its function.
_TASK: Final = re.compile(r"task:[A-Za-z_][A-Za-z0-9_.]*")
_LONGEST: Final = 255
_OF_STEPS: Final = frozenset({"input"})
#: Words that are reserved for each kind of id. A workflow can be a step, so both rules apply to it.
_RESERVED: Final = {
    "step": _OF_STEPS,
    "entry": _OF_STEPS,
    "workflow": _OF_STEPS | {"run-counts", "events"},
}


def check_id(value: Any, what: str) -> str:
    """Return the id of a step, an entry or a workflow (`what`) as plain text.

    Raises InvalidId.
    """
    is_task = what == "workflow" and isinstance(value, str) and _TASK.fullmatch(value)
    if not isinstance(value, str) or not (is_task or _ALLOWED.fullmatch(value)):
        raise errors.InvalidId(
            f"The {what} id {value!r} is not allowed: an id is text of letters, digits, '_' and "
            f"'-' (a dot separates the parts of a path). Give one with id='...'{_hint(value)}"
        )
    if value in _RESERVED[what]:
        raise errors.InvalidId(
            f"The {what} id {str(value)!r} is reserved: it has a meaning of its own in paths and "
            "addresses. Give another with id=..."
        )
    if len(value) > _LONGEST:
        raise errors.InvalidId(
            f"The {what} id {value[:40]!r}... has {len(value)} characters; an id has at most "
            f"{_LONGEST}. Give a shorter one with id=..."
        )
    return str.__str__(value)


def readable(id_: str) -> str:
    """Return an id as a title: `order-sync` reads `Order sync`."""
    words = " ".join(re.split(r"[-_]+", id_)).strip() or id_
    return words[0].upper() + words[1:]


def _hint(value: Any) -> str:
    return "; a lambda has no name of its own." if value == "<lambda>" else "."
