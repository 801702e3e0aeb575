"""Query sets that are compiled to SQL once and then read with many values.

Django writes the SQL of a query set again for every read, which often takes longer than the
database needs to answer. Here a `Parameter` marks the place of each value that differs between
reads. The rest of the statement, its constants included, stays the same.

These statements run through Django's own cursor and are not prepared on the server: PostgreSQL
needs to see the constants in order to choose a partial index. A reader that looks rows up by a key
may be prepared, because its plan is the same for all values.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Generic, NamedTuple, TypeVar

from django.db import models
from django.db.models import Expression, Field, Model, QuerySet
from django.db.models import query as django_query

from workflows_app.models import columns, sqltext, statements
from workflows_app.models.columns import Columns

M = TypeVar("M", bound=Model)
T = TypeVar("T", bound=NamedTuple)


class Parameter(Expression):
    """The place of a value in a compiled query set; the value is given by this name."""

    def __init__(self, name: str, output_field: Field[Any, Any]) -> None:
        """`output_field` converts the value into what the database takes."""
        super().__init__(output_field=output_field)
        self.name = name

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, Any]:
        """Return a placeholder, with this object in place of the value."""
        return "%s", [self]

    def get_group_by_cols(self) -> list[Any]:
        """Return nothing: a value is the same for all rows."""
        return []


@dataclass(frozen=True)
class Compiled:
    """The SQL of a query set, and the expressions that its rows consist of."""

    sql: str
    #: Values that never change, and a `Parameter` for each that does.
    params: Sequence[Any]
    expressions: Sequence[Any]
    compiler: Any

    @cached_property
    def places(self) -> Sequence[tuple[int, Parameter]]:
        """Where the values that differ stand among the parameters."""
        return [(n, each) for n, each in enumerate(self.params) if isinstance(each, Parameter)]

    def values(self, values: dict[str, Any]) -> list[Any]:
        """Return the parameters of the statement. Raises KeyError for a value that is missing."""
        connection = sqltext.connection_here()
        found = list(self.params)
        for place, each in self.places:
            found[place] = each.output_field.get_db_prep_value(values[each.name], connection)
        return found


def compiled(rows: QuerySet[Any, Any]) -> Compiled:
    """Compile a query set for the database of this thread's connection."""
    compiler: Any = rows.query.get_compiler(connection=sqltext.connection_here())
    sql, params = compiler.as_sql()
    return Compiled(sql, params, [each[0] for each in compiler.select], compiler)


class _Reader:
    """Runs a compiled query set, and converts the values of its rows."""

    def __init__(self, rows: QuerySet[Any, Any], *, is_prepared: bool = False) -> None:
        self._compiled = compiled(rows)
        self._converted = columns.converted(self._compiled.expressions)
        self._is_prepared = is_prepared

    def _rows(self, values: dict[str, Any]) -> list[Sequence[Any]]:
        connection = sqltext.connection_here()
        given = self._compiled.values(values)
        if self._is_prepared:
            found: list[Any] = statements.rows(self._compiled.sql, given)
        else:
            with connection.cursor() as cursor:
                cursor.execute(self._compiled.sql, given)
                found = cursor.fetchall()
        if self._converted:
            found = [list(row) for row in found]
        for position, converters, expression in self._converted:
            for convert in converters:
                for row in found:
                    row[position] = convert(row[position], expression, connection)
        return found


class TupleReader(_Reader, Generic[T]):
    """Reads values of a query set as named tuples whose fields name the values."""

    def __init__(self, rows: QuerySet[Any, Any], shape: type[T]) -> None:
        """Each field of `shape` is a column, a relation's column or an annotation of `rows`."""
        super().__init__(rows.values_list(*shape._fields))
        self._shape = shape

    def read(self, **values: Any) -> list[T]:
        """Return the rows for these values of the parameters; one query."""
        return list(map(self._shape._make, self._rows(values)))


class QueryReader(_Reader, Generic[M]):
    """Reads the objects of a query set as the query set itself returns them.

    Columns that it defers are deferred, its annotations are set, and what `select_related` joins
    is there too.
    """

    def __init__(self, rows: QuerySet[M], *, is_prepared: bool = False) -> None:
        """`is_prepared`: PostgreSQL plans the statement once, because it looks rows up by a key."""
        super().__init__(rows, is_prepared=is_prepared)
        compiler = self._compiled.compiler
        info = compiler.klass_info
        self._model: type[M] = info["model"]
        fields = info["select_fields"]
        self._first, self._end = fields[0], fields[-1] + 1
        own = self._compiled.expressions[self._first : self._end]
        self._columns = Columns([each.target.attname for each in own], [])
        populators: Any = django_query.get_related_populators
        # From Django 6.1 on it also says how objects fetch what was deferred.
        modes = [mode] if (mode := getattr(models, "FETCH_ONE", None)) is not None else []
        self._joined = populators(info, compiler.select, rows.db, *modes)
        self._annotated = list((compiler.annotation_col_map or {}).items())

    def read(self, **values: Any) -> list[M]:
        """Return the objects for these values of the parameters; one query."""
        return [self._built(row) for row in self._rows(values)]

    def _built(self, row: Sequence[Any]) -> M:
        own, connection = row[self._first : self._end], sqltext.connection_here()
        made: M = self._columns.built(self._model, own, connection)
        for joined in self._joined:
            joined.populate(row, made)
        for name, position in self._annotated:
            setattr(made, name, row[position])
        return made
