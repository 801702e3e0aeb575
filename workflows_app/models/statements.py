"""The statements of the hot path: their SQL is written once, and their rows are built directly.

The ORM writes the same SQL again for every call, which takes longer than the database needs to
run it. Only what a step needs between queued and recorded is here; everything else uses the ORM.
On PostgreSQL the statements are prepared on the server, and everything that one change of a run
writes goes into one of them, guarded by the run's revision (`together`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple, TypeVar

from django.db import DEFAULT_DB_ALIAS, models
from django.db.models.base import ModelState

from workflows_app.models import columns, prepared, selects, sqltext
from workflows_app.models.sqltext import Model, Names, Shape

Row = TypeVar("Row", bound=models.Model)


class Written(NamedTuple):
    """What one change writes to one model: changed columns by key, and new rows."""

    model: Model
    updates: Mapping[Any, Mapping[str, Any]]
    inserts: Sequence[models.Model]


# Reading.


class Reader:
    """Reads rows of one model by the value of one column; some columns are deferred."""

    def __init__(
        self, model: Any, by: str, *, leaving: Sequence[str] = (), and_where: str = ""
    ) -> None:
        """`and_where` continues the condition and may have places for more values, as `%s`."""
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
        """Return the rows that match."""
        return self._read(values, lock=False)

    def all_of_each(self, searches: Sequence[Sequence[Any]]) -> list[Any]:
        """Return what `all` returns for each of these lists of values, in order; one statement."""
        connection = sqltext.connection_here()
        kind = (self._model, self._by, self._leaving, self._and_where, connection.vendor)
        sql, read = selects.select_each(*kind, number=len(searches))
        prepare = columns.prepared(self._model, self._by, connection.vendor)
        values = [value for by, *rest in searches for value in (prepare(by), *rest)]
        with prepared.cursor(connection) as cursor:
            cursor.execute(sql, values)
            found = cursor.fetchall()
        return [read.built(self._model, row, connection) for row in found]

    def _read(self, values: Sequence[Any], *, lock: bool) -> list[Any]:
        connection = sqltext.connection_here()
        vendor = connection.vendor
        locking = " FOR NO KEY UPDATE" if lock and vendor == "postgresql" else ""
        where = self._and_where + locking
        sql, read = selects.select(self._model, self._by, self._leaving, where, vendor)
        by = columns.prepared(self._model, self._by, vendor)(values[0])
        with prepared.cursor(connection) as cursor:
            cursor.execute(sql, [by, *values[1:]])
            found = cursor.fetchall()
        return [read.built(self._model, row, connection) for row in found]


class JoinedReader:
    """Reads rows together with those that their foreign key names, in one statement."""

    def __init__(
        self,
        model: Any,
        via: str,
        *,
        leaving: Sequence[str],
        leaving_there: Sequence[str],
        as_text: Sequence[str] = (),
    ) -> None:
        """`as_text` names JSON columns whose text is returned as it is."""
        self._model = model
        self._via = via
        self._leaving = frozenset(leaving)
        self._leaving_there = frozenset(leaving_there)
        self._as_text = frozenset(as_text)

    def find(self, pk: Any) -> tuple[Any, Any] | None:
        """Return the row with this key and the one that it names; None if there is no such row."""
        vendor = sqltext.connection_here().vendor
        return next(iter(self.all("", [columns.prepared(self._model, "pk", vendor)(pk)])), None)

    def all(self, where: str, values: Sequence[Any]) -> list[tuple[Any, Any]]:
        """Return all pairs of rows that match; without a condition, the one with this key.

        In `where` the two tables are called `here` and `there`.
        """
        built = self._read(where, values, is_one_there=False)
        return [(here(), there()) for here, there in built]

    def locked(
        self, where: str, values: Sequence[Any], *, waits: bool = False
    ) -> list[tuple[Any, Any]]:
        """Return what `all` returns and lock the rows of `there`.

        `waits`: wait for rows that somebody else has locked; otherwise they are left out. On SQLite
        the caller's transaction has locked the whole file already.
        """
        is_postgresql = sqltext.connection_here().vendor == "postgresql"
        lock = "FOR NO KEY UPDATE OF there" if is_postgresql else ""
        return self.all(f"{where} {lock} {'SKIP LOCKED' if lock and not waits else ''}", values)

    def all_of_one(self, where: str, values: Sequence[Any]) -> tuple[list[Any], Any]:
        """Return all rows that match, and the one that they all name; None if there are no rows."""
        built = self._read(where, values, is_one_there=True)
        return [here() for here, _ in built], built[0][1]() if built else None

    def _read(
        self, where: str, values: Sequence[Any], *, is_one_there: bool
    ) -> list[tuple[Callable[[], Any], Callable[[], Any]]]:
        """Return functions that build each row that matches, and the one that it names."""
        connection = sqltext.connection_here()
        there = sqltext.field_of(self._model, self._via).related_model
        leaving = (self._leaving, self._leaving_there, self._as_text)
        sql, here, other = selects.select_joined(
            self._model, self._via, leaving, where, connection.vendor, is_one_there=is_one_there
        )
        with prepared.cursor(connection) as cursor:
            cursor.execute(sql, values)
            found = cursor.fetchall()
        middle = len(here.names)
        return [
            (
                partial(here.built, self._model, row[:middle], connection),
                partial(other.built, there, row[middle:], connection),
            )
            for row in found
        ]


def rows(sql: str, values: Sequence[Any]) -> list[tuple[Any, ...]]:
    """Return the rows of this SQL; the values are as the driver takes them."""
    connection = sqltext.connection_here()
    with prepared.cursor(connection) as cursor:
        cursor.execute(sqltext.numbered(sql, connection.vendor), values)
        found: list[tuple[Any, ...]] = cursor.fetchall()
    return found


def rows_named(sql: str, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """Return the rows of this SQL for SQLite, whose values have names (`:name`)."""
    with prepared.cursor(sqltext.connection_here()) as cursor:
        cursor.execute(sql, values)
        found: list[tuple[Any, ...]] = cursor.fetchall()
    return found


# Writing.


def write_named(sql: str, values: Mapping[str, Any]) -> int:
    """Run this SQL for SQLite, whose values have names; return how many rows it wrote."""
    with prepared.cursor(sqltext.connection_here()) as cursor:
        cursor.execute(sql, values)
        count: int = cursor.rowcount
    return count


def update(
    model: Model,
    pk: Any,
    fields: Mapping[str, Any],
    *,
    and_where: str = "",
    and_values: Sequence[Any] = (),
) -> int:
    """Write some columns of one row; return how many rows that changed (1 or 0)."""
    connection = sqltext.connection_here()
    vendor = connection.vendor
    sql = sqltext.update(model, tuple(fields), and_where, vendor)
    values = [columns.prepared(model, name, vendor)(value) for name, value in fields.items()]
    with prepared.cursor(connection) as cursor:
        cursor.execute(sql, [*values, columns.prepared(model, "pk", vendor)(pk), *and_values])
        count: int = cursor.rowcount
    return count


def insert(row: models.Model, *, or_nothing: bool = False) -> bool:
    """Insert a new row, and set its key if the database makes it.

    Return whether that was done: with `or_nothing` a row that exists already, by any of its unique
    columns, is left as it is.
    """
    connection = sqltext.connection_here()
    vendor = connection.vendor
    names, values = columns.given(row, vendor)
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
    """Insert many rows that differ only in these columns; one statement on PostgreSQL."""
    connection = sqltext.connection_here()
    model = type(made[0])
    if connection.vendor != "postgresql":
        model._default_manager.bulk_create(made, batch_size=200)
        return
    template = made[0]
    common, values = columns.given(template, "postgresql")
    places = [
        (name, value) for name, value in zip(common, values, strict=True) if name not in differing
    ]
    lists = [[prepare(row.__dict__[name]) for row in made] for name, prepare in (
        (name, columns.prepared(model, name, "postgresql")) for name in differing
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
    """Update the row `first`, and update and insert the others; return whether this was done.

    `guard` is a column and the value that it must still have; if it has another, nothing is
    written. On PostgreSQL this is one statement; elsewhere the caller has opened a transaction,
    and rolls it back if nothing was done.
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
    """Run the statement of `together` with values that are in its order already."""
    with prepared.cursor(sqltext.connection_here()) as cursor:
        cursor.execute(sqltext.together(model, names, guarded_by, shape), values)
        return cursor.fetchone() is not None


def _collected(each: Written, values: list[Any]) -> Shape:
    """Append the values that are to be written; return their shape."""
    alike: dict[Names, list[Any]] = {}
    for pk, changed in each.updates.items():
        alike.setdefault(tuple(changed), []).append(pk)
    for keys in alike.values():
        for pk in keys:
            values += _values(each.model, each.updates[pk])
            values.append(pk)
    inserted = []
    for made in each.inserts:
        names, given = columns.given(made, "postgresql")
        inserted.append(names)
        values += given
    updated = tuple((names, len(keys)) for names, keys in alike.items())
    return each.model, updated, tuple(inserted)


def _values(model: Model, fields: Mapping[str, Any]) -> list[Any]:
    return [columns.prepared(model, name, "postgresql")(value) for name, value in fields.items()]


# Rows.


def new(model: type[Row], **fields: Any) -> Row:
    """Return a new row with its defaults, as the model's own constructor would, but faster.

    `fields` are attributes of columns: a relation is given by its key.
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
    """Return another object for the same row, which can be changed without changing this one."""
    made = object.__new__(type(row))
    made.__dict__.update(row.__dict__)
    return made


def known(model: type[Row], values: Mapping[str, Any]) -> Row:
    """Return the object for a row that is in the database; columns not given are deferred."""
    made = object.__new__(model)
    made.__dict__.update(values)
    made.__dict__["_state"] = ModelState()
    adopted(made)
    return made


def adopted(row: models.Model) -> None:
    """Let Django know that a row is in the database now."""
    row._state.adding = False
    row._state.db = DEFAULT_DB_ALIAS


def is_written(row: models.Model) -> bool:
    """Return whether a row is in the database, as far as this process knows."""
    return not row._state.adding


def stored(model: Model, name: str, value: Any) -> Any:
    """Return the value of a column as the driver takes it."""
    return columns.prepared(model, name, sqltext.connection_here().vendor)(value)


def key(pk: Any) -> Any:
    """Return a UUID as the database stores it."""
    return pk if sqltext.connection_here().vendor == "postgresql" else pk.hex
