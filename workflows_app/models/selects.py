"""The SELECT statements of the hot path: each is written once and then remembered."""

from __future__ import annotations

from functools import cache

from workflows_app.models import columns, queries
from workflows_app.models.columns import Columns
from workflows_app.models.fields import JSONText
from workflows_app.models.queries import Parameter
from workflows_app.models.sqltext import Model, field_of, numbered, quoted, table_of


@cache
def select(
    model: Model, by: str, leaving: frozenset[str], and_where: str, vendor: str
) -> tuple[str, Columns]:
    """Return the statement that reads rows by one column, and the columns that it returns."""
    sql, found = _select(model, by, leaving)
    return numbered(f"{sql} {and_where}", vendor), found


@cache
def select_each(
    model: Model, by: str, leaving: frozenset[str], and_where: str, vendor: str, *, number: int
) -> tuple[str, Columns]:
    """Return the statement that does what `select` does for `number` values, one after another.

    Each part has the plan of `select`; with OR the database would sort or walk far more rows.
    """
    sql, found = _select(model, by, leaving)
    one = f"{sql} {and_where}"
    parts = (f"SELECT * FROM ({one}) AS part{part}" for part in range(number))  # noqa: S608 - names of ours
    return numbered(" UNION ALL ".join(parts), vendor), found


def _select(model: Model, by: str, leaving: frozenset[str]) -> tuple[str, Columns]:
    value = Parameter(by, field_of(model, by))
    rows = model._base_manager.defer(*leaving).filter(**{by: value}).order_by()
    compiled = queries.compiled(rows)
    names = [each.target.attname for each in compiled.expressions]
    return compiled.sql, Columns(names, columns.converted(compiled.expressions))


@cache
def select_joined(
    model: Model,
    via: str,
    leaving: tuple[frozenset[str], frozenset[str], frozenset[str]],
    and_where: str,
    vendor: str,
    *,
    is_one_there: bool = False,
) -> tuple[str, Columns, Columns]:
    """Return the statement that reads rows together with those that their foreign key names.

    The tables are called `here` and `there`; without a condition, one row is read by its key.
    `leaving` names the columns that are left out here and there, and those here that are wanted as
    text. With `is_one_there` all rows name the same one there: its JSON comes with the first row
    only.
    """
    link = field_of(model, via)
    there = link.related_model
    here_columns = columns.columns_of(model, leaving[0], leaving[2])
    there_columns = columns.columns_of(there, leaving[1])
    wanted = [f"here.{quoted(field_of(model, name).column)}" for name in here_columns.names]
    wanted += [_there(there, name, is_once=is_one_there) for name in there_columns.names]
    key = quoted(field_of(there, "pk").column)
    where = and_where or f"WHERE here.{quoted(field_of(model, 'pk').column)} = %s"
    on = f"there.{key} = here.{quoted(link.column)}"
    tables = f"{table_of(model)} AS here JOIN {table_of(there)} AS there ON {on}"
    sql = f"SELECT {', '.join(wanted)} FROM {tables} {where}"  # noqa: S608 - names of ours
    return numbered(sql, vendor), here_columns, there_columns


def _there(model: Model, name: str, *, is_once: bool) -> str:
    field = field_of(model, name)
    column = f"there.{quoted(field.column)}"
    if not (is_once and isinstance(field, JSONText)):
        return column
    return f"CASE WHEN row_number() OVER (ORDER BY here.id) = 1 THEN {column} END"
