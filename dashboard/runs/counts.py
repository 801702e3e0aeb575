"""How many runs of a list have which status: exact up to a limit, in one query.

Each status is counted separately along an index and only up to the limit, so that a million runs
cost as much as some ten thousand.
"""

from __future__ import annotations

import time
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Final

from workflows_app.models.sqltext import connection_here

from ..lists.filters import STATUSES, RunFilters
from ..values import sight

#: Runs are counted up to here; if there are more, the page says so.
MOST: Final = 10_000
#: For how many seconds open pages share a count.
LATELY: Final = 2


@dataclass(frozen=True)
class Chip:
    """One status to choose: its name (empty for all), its link, and its count in figures."""

    name: str
    link: str
    count: str
    has_any: bool


def chips_of(filters: RunFilters, *, is_again: bool = False) -> list[Chip]:
    """Return the statuses to choose from in a list, including those without runs.

    `is_again` is for an open page that asks for changes; it may get counts that are up to two
    seconds old. The results of a search are not counted, because no index has them by status.
    """
    if filters.search:
        return [Chip(name, filters.link(status=name), "", has_any=True) for name in ("", *STATUSES)]
    if is_again:
        wanted = RunFilters(
            workflow=filters.workflow,
            window=filters.window,
            since=filters.since,
            until=filters.until,
        )
        found = _lately(wanted, sight.key(), int(time.monotonic() // LATELY))
    else:
        found = counted(filters)
    is_capped = any(number > MOST for number in found.values())
    total = sum(min(number, MOST) for number in found.values())
    every = MOST + 1 if is_capped else total
    return [_chip(filters, "", every)] + [
        _chip(filters, status, found[status.value]) for status in STATUSES
    ]


def _chip(filters: RunFilters, status: str, number: int) -> Chip:
    said = f"{MOST // 1000}k+" if number > MOST else f"{number:,}"
    return Chip(status, filters.link(status=status), said, number > 0)


@lru_cache(maxsize=64)
def _lately(filters: RunFilters, _who: Hashable, _moment: int) -> Mapping[str, int]:
    return counted(filters)


def counted(filters: RunFilters) -> Mapping[str, int]:
    """Return how many runs match the other filters, by status; one above the limit means more."""
    parts: list[str] = []
    values: list[Any] = []
    for status in STATUSES:
        rows = replace(filters, status=status.value).wanted().order_by().values("pk")
        sql, given = rows[: MOST + 1].query.sql_with_params()
        parts.append(f"(SELECT COUNT(*) FROM ({sql}) AS counted)")  # noqa: S608 - Django's own text
        values += given
    with connection_here().cursor() as cursor:
        cursor.execute("SELECT " + ", ".join(parts), values)
        numbers = cursor.fetchone()
    return {status.value: number for status, number in zip(STATUSES, numbers, strict=True)}
