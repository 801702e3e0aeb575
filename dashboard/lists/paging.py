"""Pages of a list by its numeric key: a page costs the same however far back it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Generic, TypeVar
from urllib.parse import urlencode

from django.db.models import Model, QuerySet

PAGE: Final = 50
#: The digits of the largest key, and of the largest number, that every database can compare.
KEY_DIGITS: Final = 18
SMALL_DIGITS: Final = 9

M = TypeVar("M", bound=Model)


@dataclass(frozen=True)
class Cursor:
    """Which page of a list is wanted: the newest, or the one before or after a key."""

    before: int | None = None
    after: int | None = None

    @classmethod
    def read(cls, query: Mapping[str, str]) -> Cursor:
        """Read an address; values that make no sense are left out."""
        return cls(number(query.get("before", "")), number(query.get("after", "")))


@dataclass(frozen=True)
class ListPage(Generic[M]):
    """Some rows of a list, newest first, and the queries of the links to the rows around them."""

    rows: list[M] = field(default_factory=list)
    newer: str = ""
    older: str = ""


def page_of(
    rows: QuerySet[M], cursor: Cursor, kept: Mapping[str, str] | None = None
) -> ListPage[M]:
    """Return one page, newest first; `kept` is the part of the address that its links keep."""
    if cursor.after is not None:
        found = list(rows.filter(pk__gt=cursor.after).order_by("pk")[: PAGE + 1])
        has_newer, has_older = len(found) > PAGE, True
        found = found[:PAGE][::-1]
    else:
        older = rows if cursor.before is None else rows.filter(pk__lt=cursor.before)
        found = list(older.order_by("-pk")[: PAGE + 1])
        has_newer, has_older = cursor.before is not None, len(found) > PAGE
        found = found[:PAGE]
    if not found:
        return ListPage()
    return ListPage(
        found,
        query_of({**(kept or {}), "after": found[0].pk}) if has_newer else "",
        query_of({**(kept or {}), "before": found[-1].pk}) if has_older else "",
    )


def query_of(values: Mapping[str, object]) -> str:
    """Return a query of the values that are not empty."""
    return "?" + urlencode({key: value for key, value in values.items() if value})


def number(text: str, most_digits: int = KEY_DIGITS) -> int | None:
    """Return the whole number in an address or from a browser; None if it is not one."""
    is_number = text.isascii() and text.isdigit() and len(text) <= most_digits
    return int(text) if is_number else None
