"""Statements of the hot path: SQL that is written once, values that are converted but once.

The ORM writes the same SQL anew for every call, which costs more than the database takes to run
it. Only what a step needs between queued and recorded stands here; all else is the ORM. On
PostgreSQL the statements are prepared on the server, and all that one change of a run writes goes
in one of them, guarded by the run's revision (`together`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial
from typing import Any, Final, NamedTuple, TypeVar, cast

from django.db import DEFAULT_DB_ALIAS, models
from django.db.models.base import ModelState

from workflows_app.models import prepared, sqltext
from workflows_app.models.fields import JSONText
from workflows_app.models.sqltext import Columns, Model, Names, Shape

Preparer = Callable[[Any], Any]
Row = TypeVar("Row", bound=models.Model)
#: Stands for the default of a column that has none, or one that is made anew for each row.
_NO_DEFAULT: Final = object()

#: Columns whose Python values psycopg takes as they are.
_PLAIN: Final = (
    models.BooleanField,
    models.CharField,
    models.DateTimeField,
    models.IntegerField,
    models.UUIDField,
)


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

    def all_of_each(self, asked: Sequence[Sequence[Any]]) -> list[Any]:
        """Return what `all` returns for each of these values, one after another; one statement."""
        connection = sqltext.connection_here()
        kind = (self._model, self._by, self._leaving, self._and_where, connection.vendor)
        sql, columns = sqltext.select_each(*kind, number=len(asked))
        prepare = _prepared(self._model, self._by, connection.vendor)
        values = [value for by, *rest in asked for value in (prepare(by), *rest)]
        with prepared.cursor(connection) as cursor:
            cursor.execute(sql, values)
            found = cursor.fetchall()
        return [_built(self._model, columns, row, connection) for row in found]

    def _read(self, values: Sequence[Any], *, lock: bool) -> list[Any]:
        connection = sqltext.connection_here()
        vendor = connection.vendor
        locking = " FOR NO KEY UPDATE" if lock and vendor == "postgresql" else ""
        where = self._and_where + locking
        sql, columns = sqltext.select(self._model, self._by, self._leaving, where, vendor)
        by = _prepared(self._model, self._by, vendor)(values[0])
        with prepared.cursor(connection) as cursor:
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
        vendor = sqltext.connection_here().vendor
        return next(iter(self.all("", [_prepared(self._model, "pk", vendor)(pk)])), None)

    def all(self, where: str, values: Sequence[Any]) -> list[tuple[Any, Any]]:
        """Return all pairs of rows that fit; without a condition, those with this key.

        In `where` the two tables are called `here` and `there`.
        """
        built = self._read(where, values, is_one_there=False)
        return [(here(), there()) for here, there in built]

    def all_of_one(self, where: str, values: Sequence[Any]) -> tuple[list[Any], Any]:
        """Return all rows that fit, and the one other that they all name; None without rows."""
        built = self._read(where, values, is_one_there=True)
        return [here() for here, _ in built], built[0][1]() if built else None

    def _read(
        self, where: str, values: Sequence[Any], *, is_one_there: bool
    ) -> list[tuple[Callable[[], Any], Callable[[], Any]]]:
        """Return what builds each row that fits, and the one that it names."""
        connection = sqltext.connection_here()
        there = sqltext.field_of(self._model, self._via).related_model
        leaving = (self._leaving, self._leaving_there, self._as_text)
        sql, here_columns, there_columns = sqltext.select_joined(
            self._model, self._via, leaving, where, connection.vendor, is_one_there=is_one_there
        )
        with prepared.cursor(connection) as cursor:
            cursor.execute(sql, values)
            found = cursor.fetchall()
        middle = len(here_columns.names)
        return [
            (
                partial(_built, self._model, here_columns, row[:middle], connection),
                partial(_built, there, there_columns, row[middle:], connection),
            )
            for row in found
        ]


def rows(sql: str, values: Sequence[Any]) -> list[tuple[Any, ...]]:
    """Return the rows of a statement that is written out, its values as the driver takes them."""
    connection = sqltext.connection_here()
    with prepared.cursor(connection) as cursor:
        cursor.execute(sqltext.numbered(sql, connection.vendor), values)
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
    connection = sqltext.connection_here()
    vendor = connection.vendor
    sql = sqltext.update(model, tuple(fields), and_where, vendor)
    values = [_prepared(model, name, vendor)(value) for name, value in fields.items()]
    with prepared.cursor(connection) as cursor:
        cursor.execute(sql, [*values, _prepared(model, "pk", vendor)(pk), *and_values])
        count: int = cursor.rowcount
    return count


def insert(row: models.Model, *, or_nothing: bool = False) -> bool:
    """Insert a new row, and set its key if the database makes it.

    Return whether that was done: with `or_nothing` a row that is there already, by any of its
    unique columns, is left as it is.
    """
    connection = sqltext.connection_here()
    vendor = connection.vendor
    names, values = _given(row, vendor)
    with prepared.cursor(connection) as cursor:
        cursor.execute(sqltext.insert(type(row), names, or_nothing, vendor), values)
        found = cursor.fetchone()
    if found is None:
        return False
    if row.pk is None:
        (row.pk,) = found
    adopted(row)
    return True


def insert_alike(made: Sequence[models.Model], differing: Names) -> None:
    """Insert many rows that differ in these columns alone, in one statement on PostgreSQL."""
    connection = sqltext.connection_here()
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
    sql = sqltext.insert_alike(model, tuple(name for name, _ in places), differing)
    with prepared.cursor(connection) as cursor:
        cursor.execute(sql, [*(value for _, value in places), *lists])
    for row in made:
        adopted(row)


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
    if sqltext.connection_here().vendor == "postgresql":
        return _in_one_statement(row, fields, guard, others)
    where, values = "", []
    if guard is not None:
        where, values = f"AND {sqltext.quoted(guard[0])} = %s", [guard[1]]
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
    with prepared.cursor(sqltext.connection_here()) as cursor:
        cursor.execute(sqltext.together(model, names, guarded_by, shape), values)
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
    plain, called = sqltext.defaults_of(model)
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


def known(model: type[Row], values: Mapping[str, Any]) -> Row:
    """Return the object for a row that stands in the database; what is not given is deferred."""
    made = object.__new__(model)
    made.__dict__.update(values)
    made.__dict__["_state"] = ModelState()
    adopted(made)
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
    plain, _ = sqltext.defaults_of(model)
    return [
        (
            field.attname,
            field.default()
            if field.default in sqltext.CONTAINERS
            else plain.get(field.attname, _NO_DEFAULT),
            _prepared(model, field.attname, vendor),
        )
        for field in sqltext.inserted_by(model)
    ]


@cache
def _prepared(model: Model, name: str, vendor: str) -> Preparer:
    """Return what makes a column's value one that the driver takes."""
    field = sqltext.field_of(model, name)
    target = field.target_field if field.is_relation else field
    if vendor == "postgresql" and isinstance(target, _PLAIN):
        return _key if field.is_relation else _same
    if isinstance(target, JSONText):
        return cast("Preparer", target.get_prep_value)
    connection = sqltext.connection_here()

    def prepare(value: Any) -> Any:
        return field.get_db_prep_save(_key(value), connection)

    return prepare


def _same(value: Any) -> Any:
    return value


def _key(value: Any) -> Any:
    return value.pk if isinstance(value, models.Model) else value


def key(pk: Any) -> Any:
    """Return a UUID as the database holds it."""
    return pk if sqltext.connection_here().vendor == "postgresql" else pk.hex
