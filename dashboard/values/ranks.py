"""Which of some sorted lengths means "half within" and "95 % within": the same one everywhere."""

from typing import Any, overload

from django.db.models.expressions import Combinable


@overload
def nearest(of: int, percent: int) -> int: ...
@overload
def nearest(of: Combinable, percent: int) -> Combinable: ...
def nearest(of: Any, percent: int) -> Any:
    """Return the rank, from 1, of the least of `of` sorted values that `percent` % do not exceed.

    This is the nearest rank, the first of Hyndman and Fan's definitions: always a value that
    occurred, never one between two. `of` is a number, or an integer expression in a query, where a
    division drops the remainder.
    """
    whole = of * percent + 99
    return whole // 100 if isinstance(of, int) else whole / 100
