"""Lists: pages by key, so that a page costs the same however far back it is.

A page stays right while rows come and go: it begins after the last row of the page before.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from django.db.models import Model, Q, QuerySet

from workflows_app.api.entry import cursors, inputs
from workflows_app.api.entry.answers import Answer
from workflows_app.api.entry.doorway import Call

#: Rows that are counted; of more than these the total is not told.
MOST_COUNTED: Final = 10_000

M = TypeVar("M", bound=Model)


@dataclass(frozen=True)
class Order:
    """By which columns a list goes, the last of which tells all rows apart."""

    columns: tuple[str, ...]
    is_newest_first: bool = True

    @property
    def names(self) -> list[str]:
        """The columns as `order_by` takes them."""
        return [f"-{name}" if self.is_newest_first else name for name in self.columns]

    def after(self, last: Sequence[Any]) -> Q:
        """Return which rows come after one with these values."""
        beyond = "lt" if self.is_newest_first else "gt"
        found, same = Q(), Q()
        for name, value in zip(self.columns, last, strict=True):
            found |= same & Q(**{f"{name}__{beyond}": value})
            same &= Q(**{name: value})
        return found

    def place_of(self, row: Any) -> list[Any]:
        """Return the values of a row in these columns, as a cursor keeps them."""
        return [_plain(getattr(row, name)) for name in self.columns]


def _plain(value: Any) -> Any:
    if hasattr(value, "isoformat"):
        return value.isoformat()
    return value if isinstance(value, (int, str)) else str(value)


def continued(call: Call) -> Sequence[Any] | None:
    """Let the query be what its cursor says; return the place after which the page begins.

    Raises InvalidCursor, also where the query beside the cursor asks for other rows.
    """
    query = call.query
    if query.cursor is None:
        return None
    place = cursors.read(call.request.path, query.cursor)
    asked = inputs.as_filters(query)
    if any(place.filters.get(name) != value for name, value in asked.items()):
        raise cursors.invalid()
    given = {**query.model_dump(), **place.filters}
    call.query = type(query).model_validate(given)
    last: Sequence[Any] = place.last
    return last


def page(
    call: Call,
    rows: Callable[[], QuerySet[M]],
    order: Callable[[], Order],
    shown: Callable[[Sequence[M]], list[Any]],
) -> Answer:
    """Return one page of a list.

    `rows` and `order` are asked once the query is known; `shown` makes JSON of a page of rows.
    """
    last = continued(call)
    wanted, by = rows(), order()
    total = wanted.order_by().values("pk")[: MOST_COUNTED + 1].count()
    limit = call.query.limit
    ordered = wanted.order_by(*by.names)
    if last is not None:
        ordered = _after(ordered, by, last)
    found = list(ordered[: limit + 1])
    more = None
    if len(found) > limit:
        found = found[:limit]
        filters = inputs.as_filters(call.query)
        more = cursors.write(call.request.path, filters, by.place_of(found[-1]))
    return Answer(body(shown(found), more, total if total <= MOST_COUNTED else None))


def _after(rows: QuerySet[M], by: Order, last: Sequence[Any]) -> QuerySet[M]:
    try:
        return rows.filter(by.after(last))
    except (ValueError, TypeError):
        raise cursors.invalid() from None


def body(items: list[Any], next_cursor: str | None, total: int | None) -> Mapping[str, Any]:
    """Return the shape of every list."""
    return {"items": items, "next_cursor": next_cursor, "total": total}


def of_few(call: Call, items: Sequence[Any]) -> Answer:
    """Return a page of a list that is known whole."""
    last = continued(call)
    first = int(last[0]) if last else 0
    limit = call.query.limit
    end = first + limit
    more = None
    if end < len(items):
        more = cursors.write(call.request.path, inputs.as_filters(call.query), [end])
    return Answer(body(list(items[first:end]), more, len(items)))
