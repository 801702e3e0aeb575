"""Iterators in declared types: their items are checked and written like those of a list."""

import collections.abc
from collections.abc import Iterable
from typing import Annotated, Any, Final, Union, get_args, get_origin

#: Types that Pydantic does not know.
_ITERATORS: Final = (
    collections.abc.Iterator,
    collections.abc.AsyncIterator,
    collections.abc.AsyncIterable,
    collections.abc.AsyncGenerator,
)


def as_iterable(type_: Any) -> Any:
    """Return a type with iterables instead of iterators; other types unchanged."""
    origin = get_origin(type_)
    items = get_args(type_)
    if type_ in _ITERATORS or origin in _ITERATORS:
        return Iterable[items[0]] if items else Iterable  # type: ignore[valid-type]
    if origin is Annotated:
        return Annotated[(as_iterable(items[0]), *items[1:])]
    parts = tuple(as_iterable(each) for each in items)
    is_other = any(now is not before for now, before in zip(parts, items, strict=True))
    return Union[parts] if is_other and type(None) in items else type_  # noqa: UP007 - made here
