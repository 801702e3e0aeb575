"""Places: dotted paths into values, such as `items.0.price`."""

from collections.abc import Mapping
from typing import Any

from workflows_app import errors
from workflows_app.definition.schemas import MISSING

Place = tuple[str, ...]


def read(path: object, what: str) -> Place:
    """Return the parts of a path; `.` is the whole value. Raises InvalidStep for anything else."""
    if path == ".":
        return ()
    if not isinstance(path, str) or not all(parts := path.split(".")):
        raise errors.InvalidStep(
            f"{what} was given the path {path!r}; a path is text of names and numbers with dots "
            "between them, such as 'items.0.price', or '.' for the whole value."
        )
    return tuple(parts)


def show(place: Place) -> str:
    """Return a place as it was written."""
    return ".".join(place) or "."


def walk(value: Any, place: Place) -> Any:
    """Follow a place into dicts, and into lists by number; return MISSING if it leads nowhere."""
    for part in place:
        if isinstance(value, Mapping) and part in value:
            value = value[part]
        elif isinstance(value, (list, tuple)) and _is_index(part) and int(part) < len(value):
            value = value[int(part)]
        else:
            return MISSING
    return value


def _is_index(part: str) -> bool:
    return part.isascii() and part.isdigit()
