"""Statements that are written once, for what open pages ask again and again.

Django writes the SQL of a query set anew each time, which takes longer than the database does with
it. Here it is written for values that stand for others, which are put in their places later.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Generic, TypeVar

from django.db import connection
from django.db.models import DateTimeField, Model, QuerySet, UUIDField
from django.db.models import query as django_query

#: Stands for the key of the run that is asked for.
RUN: Final = uuid.UUID("5197a1b0-c5ed-4000-8000-000000000001")
#: Stands for the public id of that run.
ID: Final = "5197a1b0-the-run"

#: Stands for a moment.
SINCE: Final = datetime(1971, 3, 5, 7, 11, 13, tzinfo=UTC)

M = TypeVar("M", bound=Model)


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


class Listing:
    """A query set of values, written once, and how what it reads becomes those values."""

    def __init__(self, rows: QuerySet[Any, Any], marks: Sequence[object]) -> None:
        """Each of `marks`, as a parameter of the query set, is a place for a value."""
        self.compiler: Any = rows.query.get_compiler(rows.db)
        sql, params = self.compiler.as_sql()
        self._statement = _statement(sql, params, marks)
        told = [each[0] for each in self.compiler.select]
        self._converters = list(self.compiler.get_converters(told).items())

    def read(self, values: Mapping[Any, object]) -> list[list[Any]]:
        """Return the rows of values; one query."""
        with connection.cursor() as cursor:
            cursor.execute(self._statement.sql, self._statement.given(values))
            rows = [list(row) for row in cursor.fetchall()]
        for place, (converters, expression) in self._converters:
            for convert in converters:
                for row in rows:
                    row[place] = convert(row[place], expression, connection)
        return rows


class Reading(Generic[M]):
    """A query set of rows, written once, and how what it reads becomes those rows.

    They are as the query set itself would give them: with what is deferred, annotated and joined.
    """

    def __init__(self, rows: QuerySet[M], marks: Sequence[object]) -> None:
        """Each of `marks`, as a parameter of the query set, is a place for a value."""
        # As Django's own `ModelIterable` does it, for every row set anew.
        self._listing = Listing(rows, marks)
        compiler = self._listing.compiler
        told, select = compiler.klass_info, compiler.select
        self._model: type[M] = told["model"]
        fields = told["select_fields"]
        self._first, self._end = fields[0], fields[-1] + 1
        self._names = [each[0].target.attname for each in select[self._first : self._end]]
        populators: Any = django_query.get_related_populators
        self._joined = populators(told, select, rows.db)
        self._annotated = list((compiler.annotation_col_map or {}).items())

    def read(self, values: Mapping[Any, object]) -> list[M]:
        """Return the rows for these values; one query."""
        return [self._built(row) for row in self._listing.read(values)]

    def _built(self, row: list[Any]) -> M:
        made = self._model.from_db(connection.alias, self._names, row[self._first : self._end])
        for joined in self._joined:
            joined.populate(row, made)
        for name, place in self._annotated:
            setattr(made, name, row[place])
        return made


def written(rows: QuerySet[Any], marks: Sequence[object]) -> Statement:
    """Return the statement of a query set; each of `marks`, as a parameter, is a place."""
    return _statement(*rows.query.sql_with_params(), marks)


def _statement(sql: str, values: Sequence[Any], marks: Sequence[object]) -> Statement:
    known = {prepared(mark): mark for mark in marks}
    places = {at: known[value] for at, value in enumerate(values) if value in known}
    return Statement(sql, tuple(values), places)


def prepared(value: object) -> object:
    """Return a value as the database takes it."""
    if isinstance(value, uuid.UUID):
        return UUIDField().get_db_prep_value(value, connection)
    if isinstance(value, datetime):
        return DateTimeField().get_db_prep_value(value, connection)
    return value
