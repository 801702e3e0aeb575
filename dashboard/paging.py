"""Pages of a list by its numeric key: a page costs the same however far back it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Generic, TypeVar
from urllib.parse import urlencode

from django.db.models import Model, QuerySet

PAGE: Final = 50
#: Digits of the largest key, and of the largest small number, that every database can compare.
KEY_DIGITS: Final = 18
SMALL_DIGITS: Final = 9

M = TypeVar("M", bound=Model)


@dataclass(frozen=True)
class Place:
    """Which page of a list is wanted: the newest, or before or after a key."""

    before: int | None = None
    after: int | None = None

    @classmethod
    def read(cls, query: Mapping[str, str]) -> Place:
        """Read an address; what it cannot mean is left out."""
        return cls(number(query.get("before", "")), number(query.get("after", "")))


@dataclass(frozen=True)
class Page(Generic[M]):
    """Some rows of a list, newest first, and the queries of the links to those around them."""

    rows: list[M] = field(default_factory=list)
    newer: str = ""
    older: str = ""


def page_of(rows: QuerySet[M], place: Place, kept: Mapping[str, str] | None = None) -> Page[M]:
    """Return one page, newest first; `kept` is what its links keep of the address."""
    if place.after is not None:
        found = list(rows.filter(pk__gt=place.after).order_by("pk")[: PAGE + 1])
        has_newer, has_older = len(found) > PAGE, True
        found = found[:PAGE][::-1]
    else:
        older = rows if place.before is None else rows.filter(pk__lt=place.before)
        found = list(older.order_by("-pk")[: PAGE + 1])
        has_newer, has_older = place.before is not None, len(found) > PAGE
        found = found[:PAGE]
    if not found:
        return Page()
    return Page(
        found,
        link({**(kept or {}), "after": found[0].pk}) if has_newer else "",
        link({**(kept or {}), "before": found[-1].pk}) if has_older else "",
    )


def link(values: Mapping[str, object]) -> str:
    """Return a query with the values that are not empty."""
    return "?" + urlencode({key: value for key, value in values.items() if value})


def number(text: str, most_digits: int = KEY_DIGITS) -> int | None:
    """Return the whole number that an address or a browser names; None when it is none."""
    is_number = text.isascii() and text.isdigit() and len(text) <= most_digits
    return int(text) if is_number else None
