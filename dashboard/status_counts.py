"""How many runs of a list have which status: exact up to a limit, in one query.

Each status is counted by itself along an index and no further than the limit, so that a million
runs cost as much as some ten thousand.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Final

from django.db import connection

from dashboard.filters import STATUSES, Filters

#: Up to here runs are counted; what is more is said to be.
MOST: Final = 10_000
#: Seconds for which open pages share a count.
LATELY: Final = 2


@dataclass(frozen=True)
class Chip:
    """One status to choose: its name (empty: all of them), its link, and its count in figures."""

    name: str
    link: str
    count: str
    has_any: bool


def chips_of(filters: Filters, *, is_again: bool = False) -> list[Chip]:
    """Return the statuses to choose from in a list, those with nothing in them among them.

    `is_again`: for a page that is open and asks what changed; it may be told what others were told
    up to two seconds ago. What a search finds is not counted: no index holds it by status.
    """
    if filters.search:
        return [Chip(name, filters.link(status=name), "", has_any=True) for name in ("", *STATUSES)]
    if is_again:
        wanted = Filters(
            workflow=filters.workflow,
            window=filters.window,
            since=filters.since,
            until=filters.until,
        )
        found = _lately(wanted, int(time.monotonic() // LATELY))
    else:
        found = counted(filters)
    is_capped = any(number > MOST for number in found.values())
    total = sum(min(number, MOST) for number in found.values())
    every = MOST + 1 if is_capped else total
    return [_chip(filters, "", every)] + [
        _chip(filters, status, found[status.value]) for status in STATUSES
    ]


def _chip(filters: Filters, status: str, number: int) -> Chip:
    said = f"{MOST // 1000}k+" if number > MOST else f"{number:,}"
    return Chip(status, filters.link(status=status), said, number > 0)


@lru_cache(maxsize=64)
def _lately(filters: Filters, _moment: int) -> Mapping[str, int]:
    return counted(filters)


def counted(filters: Filters) -> Mapping[str, int]:
    """Return how many runs match but for the status, by status; one more than the limit: more."""
    parts: list[str] = []
    values: list[Any] = []
    for status in STATUSES:
        rows = replace(filters, status=status.value).wanted().order_by().values("pk")
        sql, given = rows[: MOST + 1].query.sql_with_params()
        parts.append(f"(SELECT COUNT(*) FROM ({sql}) AS counted)")  # noqa: S608 - Django's own text
        values += given
    with connection.cursor() as cursor:
        cursor.execute("SELECT " + ", ".join(parts), values)
        numbers = cursor.fetchone()
    return {status.value: number for status, number in zip(STATUSES, numbers, strict=True)}
