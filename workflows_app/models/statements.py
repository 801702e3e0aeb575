"""Single-row statements of the hot path: SQL that is written once, values that Django converts.

The ORM writes the same SQL anew for every call, which costs more than the database takes to run
it. Only what a step needs between queued and recorded stands here; all else is the ORM.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

from django.db import connection, models

Converter = Callable[[Any, Any, Any], Any]


class Reader:
    """Reads one row of a model by one column, some columns deferred; may lock it."""

    def __init__(
        self, model: Any, by: str, *, leaving: Sequence[str] = (), and_where: str = ""
    ) -> None:
        self._model = model
        self._by = by
        self._leaving = frozenset(leaving)
        self._and_where = and_where

    def get(self, *values: Any, lock: bool = False) -> Any:
        """Return the row, or raise the model's `DoesNotExist`."""
        sql, fields, converters = _select(self._model, self._by, self._leaving, self._and_where)
        if lock and connection.features.has_select_for_no_key_update:
            sql += " FOR NO KEY UPDATE"
        by = _field(self._model, self._by).get_db_prep_value(values[0], connection)
        with connection.cursor() as cursor:
            cursor.execute(sql, [by, *values[1:]])
            row = cursor.fetchone()
        if row is None:
            raise self._model.DoesNotExist(f"No {self._model.__name__} with {self._by} {values[0]}")
        read = [
            _converted(value, each) if each else value
            for value, each in zip(row, converters, strict=True)
        ]
        return self._model.from_db(connection.alias, fields, read)


def update(
    model: type[models.Model],
    pk: Any,
    fields: Mapping[str, Any],
    *,
    and_where: str = "",
    and_values: Sequence[Any] = (),
) -> int:
    """Write some columns of one row; return whether a row was there to be written (1 or 0)."""
    names = tuple(fields)
    sql = _update(model, names, and_where, connection.vendor)
    values = [
        _field(model, name).get_db_prep_save(_key(fields[name]), connection) for name in names
    ]
    key = _field(model, "pk").get_db_prep_value(pk, connection)
    with connection.cursor() as cursor:
        cursor.execute(sql, [*values, key, *and_values])
        count: int = cursor.rowcount
    return count


def insert(row: models.Model) -> None:
    """Insert a new row whose model has no key of its own making, and set its key."""
    model = type(row)
    sql, fields = _insert(model, connection.vendor)
    values = [field.get_db_prep_save(getattr(row, field.attname), connection) for field in fields]
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        (row.pk,) = cursor.fetchone()
    row._state.adding = False
    row._state.db = connection.alias


def _key(value: Any) -> Any:
    return value.pk if isinstance(value, models.Model) else value


def _converted(value: Any, converters: Sequence[Converter]) -> Any:
    for convert in converters:
        value = convert(value, None, connection)
    return value


def _select(
    model: type[models.Model], by: str, leaving: frozenset[str], and_where: str
) -> tuple[str, list[str], list[list[Converter]]]:
    return _compiled_select(model, by, leaving, and_where, connection.vendor)


@cache
def _compiled_select(
    model: type[models.Model], by: str, leaving: frozenset[str], and_where: str, _vendor: str
) -> tuple[str, list[str], list[list[Converter]]]:
    fields = [field for field in model._meta.concrete_fields if field.name not in leaving]
    table = model._meta.db_table
    converters = [
        [
            *connection.ops.get_db_converters(field.get_col(table)),
            *field.get_db_converters(connection),
        ]
        for field in fields
    ]
    columns = ", ".join(_quoted(field.column) for field in fields)
    where = f"{_quoted(_field(model, by).column)} = %s {and_where}"
    sql = f"SELECT {columns} FROM {_quoted(table)} WHERE {where}"  # noqa: S608 - names of ours
    return sql, [field.attname for field in fields], converters


@cache
def _update(model: type[models.Model], names: tuple[str, ...], and_where: str, _vendor: str) -> str:
    columns = ", ".join(f"{_quoted(_field(model, name).column)} = %s" for name in names)
    table, key = _quoted(model._meta.db_table), _quoted(_field(model, "pk").column)
    return f"UPDATE {table} SET {columns} WHERE {key} = %s {and_where}"  # noqa: S608 - names of ours


@cache
def _insert(model: type[models.Model], _vendor: str) -> tuple[str, list[Any]]:
    fields = [field for field in model._meta.concrete_fields if not field.primary_key]
    columns = ", ".join(_quoted(field.column) for field in fields)
    places = ", ".join(["%s"] * len(fields))
    table, key = _quoted(model._meta.db_table), _quoted(_field(model, "pk").column)
    sql = f"INSERT INTO {table} ({columns}) VALUES ({places}) RETURNING {key}"  # noqa: S608 - names of ours
    return sql, fields


@cache
def _field(model: type[models.Model], name: str) -> Any:
    return model._meta.pk if name == "pk" else model._meta.get_field(name)


def _quoted(name: str | None) -> str:
    return connection.ops.quote_name(name or "")
