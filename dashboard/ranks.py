"""Which of some sorted lengths is "half within" and "95 % within": everywhere the same one."""

from typing import Any, overload

from django.db.models.expressions import Combinable


@overload
def nearest(of: int, percent: int) -> int: ...
@overload
def nearest(of: Combinable, percent: int) -> Combinable: ...
def nearest(of: Any, percent: int) -> Any:
    """Return the rank, from 1, at or below which so many of a hundred of `of` values are.

    The nearest rank, the first of Hyndman and Fan's definitions: a value that was seen, never one
    between two. `of` is a number, or whole numbers in a query, where a division drops what is left.
    """
    whole = of * percent + 99
    return whole // 100 if isinstance(of, int) else whole / 100
