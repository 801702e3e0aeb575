"""Statements that are written once, for what open pages ask again and again.

Django writes the SQL of a query set anew each time, which takes longer than the database does with
it. Here it is written for values that stand for others, which are put in their places later.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.db import connection
from django.db.models import QuerySet, UUIDField

#: Stands for the key of the run that is asked for.
RUN: Final = uuid.UUID("5197a1b0-c5ed-4000-8000-000000000001")


@dataclass(frozen=True)
class Statement:
    """A statement with the values that never change, and the places of those that do."""

    sql: str
    values: tuple[Any, ...]
    places: Mapping[int, object]

    def given(self, values: Mapping[Any, object]) -> list[Any]:
        """Return its parameters, with these values instead of those that stood for them."""
        found = list(self.values)
        for place, mark in self.places.items():
            found[place] = values[mark]
        return found


def written(rows: QuerySet[Any], marks: Sequence[object]) -> Statement:
    """Return the statement of a query set; each of `marks`, as a parameter, is a place."""
    sql, values = rows.query.sql_with_params()
    known = {prepared(mark): mark for mark in marks}
    places = {at: known[value] for at, value in enumerate(values) if value in known}
    return Statement(sql, tuple(values), places)


def prepared(value: object) -> object:
    """Return a value as the database takes it."""
    if isinstance(value, uuid.UUID):
        return UUIDField().get_db_prep_value(value, connection)
    return value
