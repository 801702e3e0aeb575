"""Single-row statements of the hot path: SQL that is written once, values converted but once.

The ORM writes the same SQL anew for every call, which costs more than the database takes to run
it. Only what a step needs between queued and recorded stands here; all else is the ORM. On
PostgreSQL the statements are prepared on the server, and all that one change of a run writes goes
in one of them, guarded by the run's revision (`together`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from weakref import WeakSet

import psycopg
from django.db import connection, models
from psycopg.types.numeric import Int8Dumper

from workflows_app.models.fields import JSONText

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

Converter = Callable[[Any, Any, Any], Any]
Preparer = Callable[[Any], Any]

#: Connections to PostgreSQL that were made ready for prepared statements.
_met: Final[WeakSet[Any]] = WeakSet()

#: Columns whose Python values psycopg takes as they are.
_PLAIN: Final = (
    models.BooleanField,
    models.CharField,
    models.DateTimeField,
    models.IntegerField,
    models.UUIDField,
)


class Reader:
    """Reads rows of one model, or of two that are joined, by one column, some columns deferred."""

    def __init__(
        self, model: Any, by: str, *, leaving: Sequence[str] = (), and_where: str = ""
    ) -> None:
        self._model = model
        self._by = by
        self._leaving = frozenset(leaving)
        self._and_where = and_where

    def get(self, *values: Any, lock: bool = False) -> Any:
        """Return the row, or raise the model's `DoesNotExist`."""
        row = self.find(*values, lock=lock)
        if row is None:
            raise self._model.DoesNotExist(f"No {self._model.__name__} with {self._by} {values[0]}")
        return row

    def find(self, *values: Any, lock: bool = False) -> Any:
        """Return the row, or None."""
        vendor = connection.vendor
        sql, columns = _select(self._model, self._by, self._leaving, self._and_where, vendor)
        if lock and connection.features.has_select_for_no_key_update:
            sql += " FOR NO KEY UPDATE"
        by = _prepared(self._model, self._by, vendor)(values[0])
        with _cursor() as cursor:
            cursor.execute(sql, [by, *values[1:]])
            row = cursor.fetchone()
        return None if row is None else _built(self._model, columns, row)


class JoinedReader:
    """Reads a row and the one that its foreign key names, in one statement, without locks."""

    def __init__(
        self, model: Any, via: str, *, leaving: Sequence[str], leaving_there: Sequence[str]
    ) -> None:
        self._model = model
        self._via = via
        self._leaving = frozenset(leaving)
        self._leaving_there = frozenset(leaving_there)

    def find(self, pk: Any) -> tuple[Any, Any] | None:
        """Return the row with this key, and the other one; None when there is none."""
        there = _field(self._model, self._via).related_model
        vendor = connection.vendor
        sql, here_columns, there_columns = _select_joined(
            self._model, self._via, self._leaving, self._leaving_there, vendor
        )
        with _cursor() as cursor:
            cursor.execute(sql, [_prepared(self._model, "pk", vendor)(pk)])
            row = cursor.fetchone()
        if row is None:
            return None
        middle = len(here_columns.names)
        return (
            _built(self._model, here_columns, row[:middle]),
            _built(there, there_columns, row[middle:]),
        )


class Columns(NamedTuple):
    """Which attributes a statement reads, and how each value becomes Python's; None: it is."""

    names: list[str]
    converters: list[Sequence[Converter] | None]


def update(
    model: type[models.Model],
    pk: Any,
    fields: Mapping[str, Any],
    *,
    and_where: str = "",
    and_values: Sequence[Any] = (),
) -> int:
    """Write some columns of one row; return whether a row was there to be written (1 or 0)."""
    vendor = connection.vendor
    names = tuple(fields)
    sql = _update(model, names, and_where, vendor)
    values = [_prepared(model, name, vendor)(value) for name, value in fields.items()]
    with _cursor() as cursor:
        cursor.execute(sql, [*values, _prepared(model, "pk", vendor)(pk), *and_values])
        count: int = cursor.rowcount
    return count


def insert(row: models.Model, *, or_nothing: bool = False) -> bool:
    """Insert a new row, and set its key if the database makes it.

    Return whether that was done: with `or_nothing` a row that is there already, by any of its
    unique columns, is left as it is.
    """
    model = type(row)
    vendor = connection.vendor
    sql, names = _insert(model, or_nothing, vendor)
    values = [_prepared(model, name, vendor)(getattr(row, name)) for name in names]
    with _cursor() as cursor:
        cursor.execute(sql, values)
        found = cursor.fetchone()
    if found is None:
        return False
    if row.pk is None:
        (row.pk,) = found
    adopted(row)
    return True


def adopted(row: models.Model) -> None:
    """Let Django know that a row stands in the database now."""
    row._state.adding = False
    row._state.db = connection.alias


class Written(NamedTuple):
    """What is to be written to one model, in one change."""

    model: type[models.Model]
    updates: Mapping[Any, Mapping[str, Any]]
    inserts: Sequence[models.Model]


def together(
    first: tuple[models.Model, Mapping[str, Any]],
    guard: tuple[str, Any] | None,
    others: Sequence[Written],
) -> bool:
    """Update the row `first`, and with it update and insert others; return whether it was done.

    `guard` is a column and the value that it must still have; if it has not, nothing is written.
    On PostgreSQL this is one statement; elsewhere the caller has opened a transaction, and undoes
    it when nothing was done.
    """
    row, fields = first
    if connection.vendor == "postgresql":
        return _in_one_statement(row, fields, guard, others)
    where, values = ("", []) if guard is None else (f"AND {_quoted(guard[0])} = %s", [guard[1]])
    if not update(type(row), row.pk, fields, and_where=where, and_values=values):
        return False
    apart(others)
    return True


def apart(others: Sequence[Written]) -> None:
    """Update and insert rows, one statement each, inside a transaction that the caller opened."""
    for each in others:
        for new in each.inserts:
            insert(new)
        for pk, changed in each.updates.items():
            update(each.model, pk, changed)


def _in_one_statement(
    row: models.Model,
    fields: Mapping[str, Any],
    guard: tuple[str, Any] | None,
    others: Sequence[Written],
) -> bool:
    model = type(row)
    shape: list[tuple[type[models.Model], tuple[tuple[str, ...], ...], int]] = []
    values = [_prepared(model, name, "postgresql")(value) for name, value in fields.items()]
    values.append(row.pk)
    if guard is not None:
        values.append(guard[1])
    for each in others:
        names = tuple(tuple(changed) for changed in each.updates.values())
        shape.append((each.model, names, len(each.inserts)))
        for pk, changed in each.updates.items():
            values += [
                _prepared(each.model, name, "postgresql")(value) for name, value in changed.items()
            ]
            values.append(pk)
        for new in each.inserts:
            _, attributes = _insert_columns(each.model)
            values += [
                _prepared(each.model, name, "postgresql")(getattr(new, name)) for name in attributes
            ]
    guarded_by = None if guard is None else guard[0]
    sql = _together(model, tuple(fields), guarded_by, tuple(shape))
    with _cursor() as cursor:
        cursor.execute(sql, values)
        is_done = cursor.fetchone() is not None
    if is_done:
        for each in others:
            for new in each.inserts:
                adopted(new)
    return is_done


@cache
def _together(
    model: type[models.Model],
    names: tuple[str, ...],
    guarded_by: str | None,
    shape: tuple[tuple[type[models.Model], tuple[tuple[str, ...], ...], int], ...],
) -> str:
    guard = "" if guarded_by is None else f" AND {_quoted(guarded_by)} = %s"
    parts = [f"first AS ({_update(model, names, guard, 'postgresql')} RETURNING 1)"]
    for other, updates, inserts in shape:
        table = _quoted(other._meta.db_table)
        key = _quoted(_field(other, "pk").column)
        for changed in updates:
            columns = _assignments(other, changed)
            parts.append(
                f"p{len(parts)} AS (UPDATE {table} SET {columns} FROM first WHERE {key} = %s)"  # noqa: S608 - names of ours
            )
        if inserts:
            columns, attributes = _insert_columns(other)
            kinds = (_field(other, name).db_type(connection) for name in attributes)
            typed = ", ".join(f"%s::{kind}" for kind in kinds)
            rows = " UNION ALL ".join([f"SELECT {typed} FROM first"] * inserts)  # noqa: S608 - names of ours
            parts.append(f"p{len(parts)} AS (INSERT INTO {table} ({columns}) {rows})")
    return f"WITH {', '.join(parts)} SELECT 1 FROM first"  # noqa: S608 - names of ours


# Converting.


@cache
def _prepared(model: type[models.Model], name: str, vendor: str) -> Preparer:
    """Return what makes a column's value one that the driver takes."""
    field = _field(model, name)
    target = field.target_field if field.is_relation else field
    if vendor == "postgresql" and isinstance(target, _PLAIN):
        return _key if field.is_relation else _same
    if isinstance(target, JSONText):
        return target.get_prep_value

    def prepare(value: Any) -> Any:
        return field.get_db_prep_save(_key(value), connection)

    return prepare


def _same(value: Any) -> Any:
    return value


def _key(value: Any) -> Any:
    return value.pk if isinstance(value, models.Model) else value


def _built(model: Any, columns: Columns, row: Sequence[Any]) -> Any:
    values = list(row)
    for index, converters in enumerate(columns.converters):
        if converters is not None:
            for convert in converters:
                values[index] = convert(values[index], None, connection)
    return model.from_db(connection.alias, columns.names, values)


# SQL.


def _cursor() -> AbstractContextManager[Any]:
    """Return a cursor; on PostgreSQL one whose statements are prepared on the server."""
    if connection.vendor != "postgresql":
        return connection.cursor()
    connection.ensure_connection()
    connection.validate_no_broken_transaction()
    raw = connection.connection
    if raw not in _met:
        # One type for every number: a statement is prepared anew for each mix of types.
        raw.adapters.register_dumper(int, Int8Dumper)
        _met.add(raw)
    return _PreparingCursor(raw)


class _PreparingCursor(psycopg.Cursor[Any]):
    """Prepares every statement that it is given, since each is one of a few."""

    def execute(self, query: Any, params: Any = None, **_options: Any) -> Any:
        with connection.wrap_database_errors:
            return super().execute(query, params, prepare=True)


def _select(
    model: type[models.Model], by: str, leaving: frozenset[str], and_where: str, vendor: str
) -> tuple[str, Columns]:
    return _compiled_select(model, by, leaving, and_where, vendor)


@cache
def _compiled_select(
    model: type[models.Model], by: str, leaving: frozenset[str], and_where: str, _vendor: str
) -> tuple[str, Columns]:
    sql, columns = _columns(model, leaving)
    table = _quoted(model._meta.db_table)
    where = f"{_quoted(_field(model, by).column)} = %s {and_where}"
    return f"SELECT {sql} FROM {table} WHERE {where}", columns  # noqa: S608 - names of ours


@cache
def _select_joined(
    model: type[models.Model],
    via: str,
    leaving: frozenset[str],
    leaving_there: frozenset[str],
    _vendor: str,
) -> tuple[str, Columns, Columns]:
    link = _field(model, via)
    there = link.related_model
    here_sql, here = _columns(model, leaving)
    there_sql, others = _columns(there, leaving_there)
    table, other = _quoted(model._meta.db_table), _quoted(there._meta.db_table)
    on = f"{other}.{_quoted(there._meta.pk.column)} = {table}.{_quoted(link.column)}"
    where = f"{table}.{_quoted(_field(model, 'pk').column)} = %s"
    sql = f"SELECT {here_sql}, {there_sql} FROM {table} JOIN {other} ON {on} WHERE {where}"  # noqa: S608 - names of ours
    return sql, here, others


def _columns(model: type[models.Model], leaving: frozenset[str]) -> tuple[str, Columns]:
    fields = [field for field in model._meta.concrete_fields if field.name not in leaving]
    table = model._meta.db_table
    converters: list[Sequence[Converter] | None] = [
        [
            *connection.ops.get_db_converters(field.get_col(table)),
            *field.get_db_converters(connection),
        ]
        or None
        for field in fields
    ]
    sql = ", ".join(f"{_quoted(table)}.{_quoted(field.column)}" for field in fields)
    return sql, Columns([field.attname for field in fields], converters)


@cache
def _update(model: type[models.Model], names: tuple[str, ...], and_where: str, _vendor: str) -> str:
    table, key = _quoted(model._meta.db_table), _quoted(_field(model, "pk").column)
    return f"UPDATE {table} SET {_assignments(model, names)} WHERE {key} = %s {and_where}"  # noqa: S608 - names of ours


def _assignments(model: type[models.Model], names: tuple[str, ...]) -> str:
    return ", ".join(f"{_quoted(_field(model, name).column)} = %s" for name in names)


@cache
def _insert(
    model: type[models.Model],
    or_nothing: bool,
    _vendor: str,  # noqa: FBT001 - a key of the cache
) -> tuple[str, list[str]]:
    columns, names = _insert_columns(model)
    places = ", ".join(["%s"] * len(names))
    table, key = _quoted(model._meta.db_table), _quoted(_field(model, "pk").column)
    conflict = "ON CONFLICT DO NOTHING " if or_nothing else ""
    sql = f"INSERT INTO {table} ({columns}) VALUES ({places}) {conflict}RETURNING {key}"  # noqa: S608 - names of ours
    return sql, names


@cache
def _insert_columns(model: type[models.Model]) -> tuple[str, list[str]]:
    """Return the columns of a new row, and the attributes they come from."""
    fields = [
        field for field in model._meta.concrete_fields if not isinstance(field, models.AutoField)
    ]
    columns = ", ".join(_quoted(field.column) for field in fields)
    return columns, [field.attname for field in fields]


@cache
def _field(model: type[models.Model], name: str) -> Any:
    return model._meta.pk if name == "pk" else model._meta.get_field(name)


def _quoted(name: str | None) -> str:
    return connection.ops.quote_name(name or "")
