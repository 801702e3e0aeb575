"""The text of the statements that write on the hot path: written once for each shape, then kept."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from functools import cache
from typing import Any, Final

from django.db import connections, models

from workflows_app import conf
from workflows_app.jsontext import dumps

Model = type[models.Model]
Names = tuple[str, ...]
#: The columns of how many rows a statement updates, and of which it inserts; this identifies the
#: statement.
Shape = tuple[Model, tuple[tuple[Names, int], ...], tuple[Names, ...]]

_local = threading.local()

#: Defaults that are a new object for each row, but always equal.
CONTAINERS: Final = (dict, list)


def connection_here() -> Any:
    """Return this thread's connection to the database.

    It is the object that `django.db.connection` stands for; a lookup there takes ten times as long
    and happens for every attribute. Inside an event loop Django has other connections for the
    thread.
    """
    if asyncio._get_running_loop() is not None:
        return connections[alias()]
    found = getattr(_local, "connection", None)
    if found is None:
        found = _local.connection = connections[alias()]
    return found


def alias() -> str:
    """Return the alias of the database that holds the runs; it stays the same for a process."""
    return conf.get("DATABASE")


@cache
def defaults_of(model: Model) -> tuple[dict[str, Any], list[tuple[str, Callable[[], Any]]]]:
    """Return the defaults of a model's columns: values, and functions that make new ones."""
    plain: dict[str, Any] = {}
    called: list[tuple[str, Callable[[], Any]]] = []
    for field in model._meta.concrete_fields:
        if field.has_default() and callable(field.default):
            called.append((field.attname, field.default))
        else:
            plain[field.attname] = field.get_default()
    return plain, called


@cache
def insert_alike(model: Model, common: Names, differing: Names) -> str:
    """Return the statement that inserts many rows which differ only in some columns."""
    wrapper = connection_here()
    plain, _ = defaults_of(model)
    values = []
    for field in inserted_by(model):
        kind = field.db_type(wrapper)
        if field.attname in differing:
            values.append(f"u.c{differing.index(field.attname)}")
        elif field.attname in common:
            values.append(f"%s::{kind}")
        elif field.default in CONTAINERS:
            values.append(f"{literal(str(dumps(field.default())))}::{kind}")
        else:
            values.append(f"{literal(plain[field.attname])}::{kind}")
    columns = ", ".join(quoted(field.column) for field in inserted_by(model))
    kinds = (field_of(model, name).rel_db_type(wrapper) for name in differing)
    lists = ", ".join(f"%s::{kind}[]" for kind in kinds)
    called = ", ".join(f"c{number}" for number in range(len(differing)))
    rows = f"SELECT {', '.join(values)} FROM unnest({lists}) AS u ({called})"  # noqa: S608 - names of ours
    return numbered(f"INSERT INTO {table_of(model)} ({columns}) {rows}", "postgresql")


def in_order(model: Model, *names: str) -> Names:
    """Return columns of a new row in the order in which a statement names them."""
    return tuple(field.attname for field in inserted_by(model) if field.attname in names)


@cache
def update(model: Model, names: Names, and_where: str, vendor: str) -> str:
    """Return the statement that writes some columns of one row."""
    return numbered(updating(model, names, and_where), vendor)


def updating(model: Model, names: Names, and_where: str) -> str:
    """Return that statement with its placeholders as `%s`."""
    key = quoted(field_of(model, "pk").column)
    changes = assignments(model, names)
    return f"UPDATE {table_of(model)} SET {changes} WHERE {key} = %s {and_where}"  # noqa: S608 - names of ours


def assignments(model: Model, names: Names) -> str:
    """Return columns with placeholders for their values."""
    return ", ".join(f"{quoted(field_of(model, name).column)} = %s" for name in names)


@cache
def insert(
    model: Model,
    given: Names,
    or_nothing: bool,  # noqa: FBT001 - a key of the cache
    vendor: str,
) -> str:
    """Return the statement that inserts one row with values for these columns."""
    columns, values = inserting(model, given)
    conflict = "ON CONFLICT DO NOTHING " if or_nothing else ""
    key = quoted(field_of(model, "pk").column)
    sql = f"INSERT INTO {table_of(model)} ({columns}) SELECT {values} WHERE true {conflict}RETURNING {key}"  # noqa: E501 - names of ours
    return numbered(sql, vendor)


@cache
def together(model: Model, names: Names, guarded_by: str | None, shape: tuple[Shape, ...]) -> str:
    """Return the statement of `statements.together` for writes of this shape."""
    guard = "" if guarded_by is None else f"AND {quoted(guarded_by)} = %s"
    parts = [f"first AS ({updating(model, names, guard)} RETURNING 1)"]
    for other, updates, inserts in shape:
        for changed, count in updates:
            parts.append(f"p{len(parts)} AS ({updating_alike(other, changed, count)})")
        if inserts:
            made = [inserting(other, given) for given in inserts]
            values = " UNION ALL ".join(f"SELECT {values} FROM first" for _, values in made)  # noqa: S608 - names of ours
            insert = f"INSERT INTO {table_of(other)} ({made[0][0]}) {values}"
            parts.append(f"p{len(parts)} AS ({insert})")
    return numbered(f"WITH {', '.join(parts)} SELECT 1 FROM first", "postgresql")  # noqa: S608 - names of ours


def updating_alike(model: Model, names: Names, count: int) -> str:
    """Return the part that updates the same columns of `count` rows, each with its own values."""
    table, key = table_of(model), quoted(field_of(model, "pk").column)
    if count == 1:
        changes = assignments(model, names)
        return f"UPDATE {table} SET {changes} FROM first WHERE {key} = %s"  # noqa: S608 - names of ours
    wrapper = connection_here()
    fields = [field_of(model, name) for name in (*names, "pk")]
    places = ", ".join(f"%s::{field.rel_db_type(wrapper)}" for field in fields)
    given = ", ".join([f"({places})"] * count)
    called = ", ".join(f"c{number}" for number in range(len(fields)))
    changes = ", ".join(
        f"{quoted(field.column)} = v.c{number}" for number, field in enumerate(fields[:-1])
    )
    where = f"{table}.{key} = v.c{len(names)}"
    return (
        f"UPDATE {table} SET {changes} FROM first, (VALUES {given}) AS v ({called}) WHERE {where}"  # noqa: S608 - names of ours
    )


def inserting(model: Model, given: Names) -> tuple[str, str]:
    """Return the columns of a new row, and its values: placeholders, or defaults as SQL."""
    wrapper = connection_here()
    plain, _ = defaults_of(model)
    fields = inserted_by(model)
    is_typed = wrapper.vendor == "postgresql"
    values = []
    for field in fields:
        value = "%s"
        if field.attname not in given:
            is_made = field.default in CONTAINERS
            value = literal(str(dumps(field.default())) if is_made else plain[field.attname])
        values.append(f"{value}::{field.db_type(wrapper)}" if is_typed else value)
    return ", ".join(quoted(field.column) for field in fields), ", ".join(values)


def literal(default: str | float | None) -> str:
    """Return a column's default as SQL."""
    if default is None:
        return "NULL"
    if isinstance(default, str):
        escaped = default.replace("'", "''").replace("%", "%%")
        return f"'{escaped}'"
    return str(int(default)) if isinstance(default, bool) else repr(default)


@cache
def inserted_by(model: Model) -> list[Any]:
    """Return the columns of a new row that the database does not fill itself."""
    return [
        field for field in model._meta.concrete_fields if not isinstance(field, models.AutoField)
    ]


@cache
def field_of(model: Model, name: str) -> Any:
    """Return a field of a model by its name, or by `pk`."""
    return model._meta.pk if name == "pk" else model._meta.get_field(name)


def table_of(model: Model) -> str:
    """Return the name of a model's table, quoted."""
    return quoted(model._meta.db_table)


def quoted(name: str | None) -> str:
    """Return a name quoted for SQL."""
    quoted: str = connection_here().ops.quote_name(name or "")
    return quoted


@cache
def numbered(sql: str, vendor: str) -> str:
    """Return a statement with its placeholders as the cursor needs them: `%s` becomes $1, $2, …"""
    if vendor != "postgresql":
        return sql
    first, *rest = sql.replace("%%", "%").split("%s")
    return first + "".join(f"${number}{part}" for number, part in enumerate(rest, start=1))
