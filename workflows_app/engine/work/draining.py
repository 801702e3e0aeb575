"""Runs generators in a step's values to their end while the attempt may be interrupted.

Their code belongs to the step: it may suspend, fail or take too long. If the code that writes JSON
ran it, that would happen outside of the attempt.
"""

import copy
import dataclasses
from collections.abc import Iterable, Iterator
from typing import Any, Final

import orjson
from pydantic import BaseModel

from workflows_app.definition.faithful import MOST_DEPTH

#: Types that hold nothing.
_SINGLE: Final = frozenset({type(None), str, int, float, bool})
_CONTAINERS: Final = frozenset({dict, list, tuple})


def drained(value: Any, *, is_open: bool = True) -> Any:
    """Return a value with each iterator in it replaced by a list; itself if there is none.

    `is_open`: models and dataclasses in it may hold iterators, too.
    """
    kind = type(value)
    if kind in _SINGLE or (not is_open and isinstance(value, BaseModel)):
        return value
    if kind in _CONTAINERS:
        try:  # plain JSON values hold no iterators, and this check is quick
            orjson.dumps(value, option=orjson.OPT_PASSTHROUGH_SUBCLASS)
        except TypeError:
            pass
        else:
            return value
    return _drained(value, is_open, 0)


def _drained(value: Any, is_open: bool, depth: int) -> Any:  # noqa: FBT001 - of one module
    if type(value) in _SINGLE or depth > MOST_DEPTH:
        return value
    if isinstance(value, Iterator):
        # Item by item, because a loop in C could not be interrupted.
        return [_drained(each, is_open, depth + 1) for each in value]
    if isinstance(value, dict):
        changed = _changed(value.items(), is_open, depth)
        return type(value)({**value, **changed}) if changed else value
    if isinstance(value, (list, tuple)):
        changed = _changed(enumerate(value), is_open, depth)
        return _with_items(value, changed) if changed else value
    return _drained_object(value, depth) if is_open else value


def _drained_object(value: Any, depth: int) -> Any:
    if isinstance(value, BaseModel):
        pairs = [*value.__dict__.items(), *(value.model_extra or {}).items()]
        changed = _changed(pairs, True, depth)  # noqa: FBT003 - of one module
        return value.model_copy(update=changed) if changed else value
    if not dataclasses.is_dataclass(value) or isinstance(value, type):
        return value
    names = [each.name for each in dataclasses.fields(value) if hasattr(value, each.name)]
    changed = _changed([(name, getattr(value, name)) for name in names], True, depth)  # noqa: FBT003
    if changed:
        value = copy.copy(value)
        for name, part in changed.items():
            object.__setattr__(value, name, part)  # it may be frozen
    return value


def _changed(pairs: Iterable[tuple[Any, Any]], is_open: bool, depth: int) -> dict[Any, Any]:  # noqa: FBT001
    """Return the parts that were replaced."""
    found = ((key, part, _drained(part, is_open, depth + 1)) for key, part in pairs)
    return {key: now for key, part, now in found if now is not part}


def _with_items(value: Any, changed: dict[int, Any]) -> Any:
    items = [changed.get(index, part) for index, part in enumerate(value)]
    return value._make(items) if hasattr(value, "_make") else type(value)(items)
