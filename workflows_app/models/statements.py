"""Statements of the hot path: SQL that is written once, values that are converted but once.

The ORM writes the same SQL anew for every call, which costs more than the database takes to run
it. Only what a step needs between queued and recorded stands here; all else is the ORM. On
PostgreSQL the statements are prepared on the server, and all that one change of a run writes goes
in one of them, guarded by the run's revision (`together`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar, cast
from weakref import WeakSet

import psycopg
from django.db import DEFAULT_DB_ALIAS, connections, models
from django.db.models.base import ModelState
from psycopg.types.numeric import Int8Dumper

from workflows_app.jsontext import Raw, dumps
from workflows_app.models.fields import JSONText

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

Converter = Callable[[Any, Any, Any], Any]
Preparer = Callable[[Any], Any]
Model = type[models.Model]
Names = tuple[str, ...]
Row = TypeVar("Row", bound=models.Model)
#: Which columns of how many rows one statement updates, and of which it inserts: it tells
#: statements apart.
Shape = tuple[Model, tuple[tuple[Names, int], ...], tuple[Names, ...]]

#: Statements that are kept prepared on one connection.
MOST_PREPARED: Final = 200

#: Stands for the default of a column that has none, or one that is made anew for each row.
_NO_DEFAULT: Final = object()

#: Defaults that are made anew for each row, and yet are always the same.
_CONTAINERS: Final = (dict, list)

#: Columns whose Python values psycopg takes as they are.
_PLAIN: Final = (
    models.BooleanField,
    models.CharField,
    models.DateTimeField,
    models.IntegerField,
    models.UUIDField,
)


class Columns(NamedTuple):
    """Which attributes a statement reads, and how those become Python's that are not yet."""

    names: list[str]
    converted: list[tuple[int, Sequence[Converter]]]


class Written(NamedTuple):
    """What is to be written to one model, in one change: columns by key, and new rows."""

    model: Model
    updates: Mapping[Any, Mapping[str, Any]]
    inserts: Sequence[models.Model]


# Reading.


class Reader:
    """Reads rows of one model by one column, some columns deferred."""

    def __init__(
        self, model: Any, by: str, *, leaving: Sequence[str] = (), and_where: str = ""
    ) -> None:
        """`and_where` may name further values as `%s`."""
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
        return next(iter(self._read(values, lock=lock)), None)

    def all(self, *values: Any) -> list[Any]:
        """Return the rows that fit."""
        return self._read(values, lock=False)

    def _read(self, values: Sequence[Any], *, lock: bool) -> list[Any]:
        connection = _connection()
        vendor = connection.vendor
        locking = " FOR NO KEY UPDATE" if lock and vendor == "postgresql" else ""
        where = self._and_where + locking
        sql, columns = _select(self._model, self._by, self._leaving, where, vendor)
        by = _prepared(self._model, self._by, vendor)(values[0])
        with _cursor(connection) as cursor:
            cursor.execute(sql, [by, *values[1:]])
            found = cursor.fetchall()
        return [_built(self._model, columns, row, connection) for row in found]


class JoinedReader:
    """Reads a row and the one that its foreign key names, in one statement, without locks."""

    def __init__(
        self,
        model: Any,
        via: str,
        *,
        leaving: Sequence[str],
        leaving_there: Sequence[str],
        as_text: Sequence[str] = (),
    ) -> None:
        """`as_text` names JSON columns that are wanted as the text that they are."""
        self._model = model
        self._via = via
        self._leaving = frozenset(leaving)
        self._leaving_there = frozenset(leaving_there)
        self._as_text = frozenset(as_text)

    def find(self, pk: Any) -> tuple[Any, Any] | None:
        """Return the row with this key, and the other one; None when there is none."""
        connection = _connection()
        vendor = connection.vendor
        there = _field(self._model, self._via).related_model
        leaving = (self._leaving, self._leaving_there)
        sql, here_columns, there_columns = _select_joined(
            self._model, self._via, leaving, self._as_text, vendor
        )
        with _cursor(connection) as cursor:
            cursor.execute(sql, [_prepared(self._model, "pk", vendor)(pk)])
            row = cursor.fetchone()
        if row is None:
            return None
        middle = len(here_columns.names)
        return (
            _built(self._model, here_columns, row[:middle], connection),
            _built(there, there_columns, row[middle:], connection),
        )


def rows(sql: str, values: Sequence[Any]) -> list[tuple[Any, ...]]:
    """Return the rows of a statement that is written out, its values as the driver takes them."""
    connection = _connection()
    with _cursor(connection) as cursor:
        cursor.execute(_numbered(sql, connection.vendor), values)
        found: list[tuple[Any, ...]] = cursor.fetchall()
    return found


# Writing.


def update(
    model: Model,
    pk: Any,
    fields: Mapping[str, Any],
    *,
    and_where: str = "",
    and_values: Sequence[Any] = (),
) -> int:
    """Write some columns of one row; return whether a row was there to be written (1 or 0)."""
    connection = _connection()
    vendor = connection.vendor
    sql = _update(model, tuple(fields), and_where, vendor)
    values = [_prepared(model, name, vendor)(value) for name, value in fields.items()]
    with _cursor(connection) as cursor:
        cursor.execute(sql, [*values, _prepared(model, "pk", vendor)(pk), *and_values])
        count: int = cursor.rowcount
    return count


def insert(row: models.Model, *, or_nothing: bool = False) -> bool:
    """Insert a new row, and set its key if the database makes it.

    Return whether that was done: with `or_nothing` a row that is there already, by any of its
    unique columns, is left as it is.
    """
    connection = _connection()
    vendor = connection.vendor
    names, values = _given(row, vendor)
    with _cursor(connection) as cursor:
        cursor.execute(_insert(type(row), names, or_nothing, vendor), values)
        found = cursor.fetchone()
    if found is None:
        return False
    if row.pk is None:
        (row.pk,) = found
    adopted(row)
    return True


def insert_alike(made: Sequence[models.Model], differing: Names) -> None:
    """Insert many rows that differ in these columns alone, in one statement on PostgreSQL."""
    connection = _connection()
    model = type(made[0])
    if connection.vendor != "postgresql":
        model._default_manager.bulk_create(made, batch_size=200)
        return
    template = made[0]
    common, values = _given(template, "postgresql")
    places = [
        (name, value) for name, value in zip(common, values, strict=True) if name not in differing
    ]
    lists = [[prepare(row.__dict__[name]) for row in made] for name, prepare in (
        (name, _prepared(model, name, "postgresql")) for name in differing
    )]  # fmt: skip
    sql = _insert_alike(model, tuple(name for name, _ in places), differing)
    with _cursor(connection) as cursor:
        cursor.execute(sql, [*(value for _, value in places), *lists])
    for row in made:
        adopted(row)


@cache
def _insert_alike(model: Model, common: Names, differing: Names) -> str:
    connection = _connection()
    plain, _ = _defaults(model)
    values = []
    for field in _inserted(model):
        kind = field.db_type(connection)
        if field.attname in differing:
            values.append(f"u.c{differing.index(field.attname)}")
        elif field.attname in common:
            values.append(f"%s::{kind}")
        elif field.default in _CONTAINERS:
            values.append(f"{_literal(str(dumps(field.default())))}::{kind}")
        else:
            values.append(f"{_literal(plain[field.attname])}::{kind}")
    columns = ", ".join(_quoted(field.column) for field in _inserted(model))
    kinds = (_field(model, name).rel_db_type(connection) for name in differing)
    lists = ", ".join(f"%s::{kind}[]" for kind in kinds)
    called = ", ".join(f"c{number}" for number in range(len(differing)))
    rows = f"SELECT {', '.join(values)} FROM unnest({lists}) AS u ({called})"  # noqa: S608 - names of ours
    return _numbered(f"INSERT INTO {_table(model)} ({columns}) {rows}", "postgresql")


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
    if _connection().vendor == "postgresql":
        return _in_one_statement(row, fields, guard, others)
    where, values = ("", []) if guard is None else (f"AND {_quoted(guard[0])} = %s", [guard[1]])
    if not update(type(row), row.pk, fields, and_where=where, and_values=values):
        return False
    apart(others)
    return True


def apart(others: Sequence[Written]) -> None:
    """Update and insert rows, one statement each, inside a transaction that the caller opened."""
    for each in others:
        for row in each.inserts:
            insert(row)
        for pk, changed in each.updates.items():
            update(each.model, pk, changed)


def _in_one_statement(
    row: models.Model,
    fields: Mapping[str, Any],
    guard: tuple[str, Any] | None,
    others: Sequence[Written],
) -> bool:
    model = type(row)
    values = _values(model, fields)
    values.append(row.pk)
    if guard is not None:
        values.append(guard[1])
    shape = tuple(_collected(each, values) for each in others)
    guarded_by = None if guard is None else guard[0]
    is_done = run_together(model, tuple(fields), guarded_by, shape, values)
    if is_done:
        for each in others:
            for made in each.inserts:
                adopted(made)
    return is_done


def run_together(
    model: Model,
    names: Names,
    guarded_by: str | None,
    shape: tuple[Shape, ...],
    values: Sequence[Any],
) -> bool:
    """Run the one statement of `together` with values that stand in its order already."""
    with _cursor(_connection()) as cursor:
        cursor.execute(_together(model, names, guarded_by, shape), values)
        return cursor.fetchone() is not None


def _collected(each: Written, values: list[Any]) -> Shape:
    """Append the values of what is to be written; return the shape of it."""
    alike: dict[Names, list[Any]] = {}
    for pk, changed in each.updates.items():
        alike.setdefault(tuple(changed), []).append(pk)
    for keys in alike.values():
        for pk in keys:
            values += _values(each.model, each.updates[pk])
            values.append(pk)
    inserted = []
    for made in each.inserts:
        names, given = _given(made, "postgresql")
        inserted.append(names)
        values += given
    updated = tuple((names, len(keys)) for names, keys in alike.items())
    return each.model, updated, tuple(inserted)


def _values(model: Model, fields: Mapping[str, Any]) -> list[Any]:
    return [_prepared(model, name, "postgresql")(value) for name, value in fields.items()]


# Rows.


def new(model: type[Row], **fields: Any) -> Row:
    """Return a new row with its defaults, as the model's own constructor would, but faster.

    Takes attributes of columns: keys for rows, and no properties.
    """
    made = object.__new__(model)
    values = made.__dict__
    plain, called = _defaults(model)
    values.update(plain)
    for name, default in called:
        if name not in fields:
            values[name] = default()
    values.update(fields)
    values["_state"] = ModelState()
    return made


def duplicate(row: Row) -> Row:
    """Return another object for the same row, to be changed without this one."""
    made = object.__new__(type(row))
    made.__dict__.update(row.__dict__)
    return made


def adopted(row: models.Model) -> None:
    """Let Django know that a row stands in the database now."""
    row._state.adding = False
    row._state.db = DEFAULT_DB_ALIAS


def _built(model: Any, columns: Columns, row: Sequence[Any], connection: Any) -> Any:
    """Return the object for a row, as `Model.from_db` would, deferring what was left out."""
    made = object.__new__(model)
    fields = made.__dict__
    fields.update(zip(columns.names, row, strict=True))
    for index, converters in columns.converted:
        name = columns.names[index]
        for convert in converters:
            fields[name] = convert(fields[name], None, connection)
    fields["_state"] = ModelState()
    adopted(made)
    return made


@cache
def _defaults(model: Model) -> tuple[dict[str, Any], list[tuple[str, Callable[[], Any]]]]:
    """Return the defaults of a model's columns, and those that are made anew for each row."""
    plain: dict[str, Any] = {}
    called: list[tuple[str, Callable[[], Any]]] = []
    for field in model._meta.concrete_fields:
        if field.has_default() and callable(field.default):
            called.append((field.attname, field.default))
        else:
            plain[field.attname] = field.get_default()
    return plain, called


def _given(row: models.Model, vendor: str) -> tuple[Names, list[Any]]:
    """Return the columns of a new row that are not as they are by default, and their values."""
    names = []
    values = []
    fields = row.__dict__
    for name, default, prepare in _givable(type(row), vendor):
        value = fields[name]
        if value is default or (default is not _NO_DEFAULT and value == default):
            continue
        names.append(name)
        values.append(prepare(value))
    return tuple(names), values


@cache
def _givable(model: Model, vendor: str) -> list[tuple[str, Any, Preparer]]:
    plain, _ = _defaults(model)
    return [
        (
            field.attname,
            field.default()
            if field.default in _CONTAINERS
            else plain.get(field.attname, _NO_DEFAULT),
            _prepared(model, field.attname, vendor),
        )
        for field in _inserted(model)
    ]


@cache
def _prepared(model: Model, name: str, vendor: str) -> Preparer:
    """Return what makes a column's value one that the driver takes."""
    field = _field(model, name)
    target = field.target_field if field.is_relation else field
    if vendor == "postgresql" and isinstance(target, _PLAIN):
        return _key if field.is_relation else _same
    if isinstance(target, JSONText):
        return cast("Preparer", target.get_prep_value)
    connection = _connection()

    def prepare(value: Any) -> Any:
        return field.get_db_prep_save(_key(value), connection)

    return prepare


def _same(value: Any) -> Any:
    return value


def _key(value: Any) -> Any:
    return value.pk if isinstance(value, models.Model) else value


# SQL.


def in_order(model: Model, *names: str) -> Names:
    """Return columns of a new row in the order in which a statement names them."""
    return tuple(field.attname for field in _inserted(model) if field.attname in names)


@cache
def _select(
    model: Model, by: str, leaving: frozenset[str], and_where: str, vendor: str
) -> tuple[str, Columns]:
    names, columns = _columns(model, leaving)
    where = f"{_quoted(_field(model, by).column)} = %s {and_where}"
    sql = f"SELECT {names} FROM {_table(model)} WHERE {where}"  # noqa: S608 - names of ours
    return _numbered(sql, vendor), columns


@cache
def _select_joined(
    model: Model,
    via: str,
    leaving: tuple[frozenset[str], frozenset[str]],
    as_text: frozenset[str],
    vendor: str,
) -> tuple[str, Columns, Columns]:
    link = _field(model, via)
    there = link.related_model
    here_names, here = _columns(model, leaving[0], as_text)
    there_names, others = _columns(there, leaving[1])
    here_table, there_table = _table(model), _table(there)
    key = _quoted(_field(there, "pk").column)
    on = f"{there_table}.{key} = {here_table}.{_quoted(link.column)}"
    where = f"{here_table}.{_quoted(_field(model, 'pk').column)} = %s"
    tables = f"{here_table} JOIN {there_table} ON {on}"
    sql = f"SELECT {here_names}, {there_names} FROM {tables} WHERE {where}"  # noqa: S608 - names of ours
    return _numbered(sql, vendor), here, others


def _columns(
    model: Model, leaving: frozenset[str], as_text: frozenset[str] = frozenset()
) -> tuple[str, Columns]:
    connection = _connection()
    table = model._meta.db_table
    fields = [field for field in model._meta.concrete_fields if field.name not in leaving]
    converted: list[tuple[int, Sequence[Converter]]] = []
    for index, field in enumerate(fields):
        converters: list[Converter] = [
            *connection.ops.get_db_converters(field.get_col(table)),
            *field.get_db_converters(connection),
        ]
        if field.name in as_text:
            converters = [_as_raw]
        if converters:
            converted.append((index, converters))
    names = ", ".join(f"{_table(model)}.{_quoted(field.column)}" for field in fields)
    return names, Columns([field.attname for field in fields], converted)


def _as_raw(value: str | None, _expression: object, _connection: object) -> Raw | None:
    return None if value is None else Raw(value)


@cache
def _update(model: Model, names: Names, and_where: str, vendor: str) -> str:
    return _numbered(_updating(model, names, and_where), vendor)


def _updating(model: Model, names: Names, and_where: str) -> str:
    key = _quoted(_field(model, "pk").column)
    changes = _assignments(model, names)
    return f"UPDATE {_table(model)} SET {changes} WHERE {key} = %s {and_where}"  # noqa: S608 - names of ours


def _assignments(model: Model, names: Names) -> str:
    return ", ".join(f"{_quoted(_field(model, name).column)} = %s" for name in names)


@cache
def _insert(
    model: Model,
    given: Names,
    or_nothing: bool,  # noqa: FBT001 - a key of the cache
    vendor: str,
) -> str:
    columns, values = _inserting(model, given)
    conflict = "ON CONFLICT DO NOTHING " if or_nothing else ""
    key = _quoted(_field(model, "pk").column)
    sql = f"INSERT INTO {_table(model)} ({columns}) SELECT {values} WHERE true {conflict}RETURNING {key}"  # noqa: E501 - names of ours
    return _numbered(sql, vendor)


@cache
def _together(model: Model, names: Names, guarded_by: str | None, shape: tuple[Shape, ...]) -> str:
    guard = "" if guarded_by is None else f"AND {_quoted(guarded_by)} = %s"
    parts = [f"first AS ({_updating(model, names, guard)} RETURNING 1)"]
    for other, updates, inserts in shape:
        for changed, count in updates:
            parts.append(f"p{len(parts)} AS ({_updating_alike(other, changed, count)})")
        if inserts:
            made = [_inserting(other, given) for given in inserts]
            values = " UNION ALL ".join(f"SELECT {values} FROM first" for _, values in made)  # noqa: S608 - names of ours
            parts.append(f"p{len(parts)} AS (INSERT INTO {_table(other)} ({made[0][0]}) {values})")
    return _numbered(f"WITH {', '.join(parts)} SELECT 1 FROM first", "postgresql")  # noqa: S608 - names of ours


def _updating_alike(model: Model, names: Names, count: int) -> str:
    """Return the part that updates the same columns of so many rows, each with its own values."""
    table, key = _table(model), _quoted(_field(model, "pk").column)
    if count == 1:
        changes = _assignments(model, names)
        return f"UPDATE {table} SET {changes} FROM first WHERE {key} = %s"  # noqa: S608 - names of ours
    connection = _connection()
    fields = [_field(model, name) for name in (*names, "pk")]
    places = ", ".join(f"%s::{field.rel_db_type(connection)}" for field in fields)
    given = ", ".join([f"({places})"] * count)
    called = ", ".join(f"c{number}" for number in range(len(fields)))
    changes = ", ".join(
        f"{_quoted(field.column)} = v.c{number}" for number, field in enumerate(fields[:-1])
    )
    where = f"{table}.{key} = v.c{len(names)}"
    return (
        f"UPDATE {table} SET {changes} FROM first, (VALUES {given}) AS v ({called}) WHERE {where}"  # noqa: S608 - names of ours
    )


def _inserting(model: Model, given: Names) -> tuple[str, str]:
    """Return the columns of a new row, and its values: places, and defaults written out."""
    connection = _connection()
    plain, _ = _defaults(model)
    fields = _inserted(model)
    is_typed = connection.vendor == "postgresql"
    values = []
    for field in fields:
        value = "%s"
        if field.attname not in given:
            is_made = field.default in _CONTAINERS
            value = _literal(str(dumps(field.default())) if is_made else plain[field.attname])
        values.append(f"{value}::{field.db_type(connection)}" if is_typed else value)
    return ", ".join(_quoted(field.column) for field in fields), ", ".join(values)


def _literal(default: str | float | None) -> str:
    """Return a column's default as SQL."""
    if default is None:
        return "NULL"
    if isinstance(default, str):
        escaped = default.replace("'", "''").replace("%", "%%")
        return f"'{escaped}'"
    return str(int(default)) if isinstance(default, bool) else repr(default)


@cache
def _inserted(model: Model) -> list[Any]:
    """Return the columns of a new row that the database does not fill by itself."""
    return [
        field for field in model._meta.concrete_fields if not isinstance(field, models.AutoField)
    ]


@cache
def _field(model: Model, name: str) -> Any:
    return model._meta.pk if name == "pk" else model._meta.get_field(name)


def _table(model: Model) -> str:
    return _quoted(model._meta.db_table)


def _quoted(name: str | None) -> str:
    quoted: str = _connection().ops.quote_name(name or "")
    return quoted


@cache
def _numbered(sql: str, vendor: str) -> str:
    """Return a statement with its places as the driver wants them: `%s` as $1, $2, …"""
    if vendor != "postgresql":
        return sql
    first, *rest = sql.replace("%%", "%").split("%s")
    return first + "".join(f"${number}{part}" for number, part in enumerate(rest, start=1))


# The connection.

#: Connections to PostgreSQL that were made ready for prepared statements.
_met: Final[WeakSet[Any]] = WeakSet()


def _connection() -> Any:
    return connections[DEFAULT_DB_ALIAS]


def _cursor(connection: Any) -> AbstractContextManager[Any]:
    """Return a cursor; on PostgreSQL one whose statements are prepared on the server."""
    if connection.vendor != "postgresql":
        return cast("AbstractContextManager[Any]", connection.cursor())
    if connection.connection is None:
        connection.ensure_connection()
    connection.validate_no_broken_transaction()
    raw = connection.connection
    if raw not in _met:
        # Django turns this off, for the sake of statements that it builds anew every time.
        raw.prepare_threshold = 0
        raw.prepared_max = MOST_PREPARED
        # One type for every number: a statement is prepared anew for each mix of types.
        raw.adapters.register_dumper(int, Int8Dumper)
        _met.add(raw)
    return _PreparingCursor(raw, connection)


class _PreparingCursor(psycopg.RawCursor[Any]):
    """Prepares every statement that it is given, since each is one of a few.

    Places are numbered: psycopg converts long statements with `%s` anew at every call.
    """

    def __init__(self, raw: Any, wrapper: Any) -> None:
        super().__init__(raw)
        self._wrapper = wrapper

    def execute(self, query: Any, params: Any = None, **_options: Any) -> Any:
        with self._wrapper.wrap_database_errors:
            return super().execute(query, params, prepare=True)
