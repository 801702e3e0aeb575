"""The columns of a model: their values as a statement takes them, and rows as objects again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import cache
from typing import Any, Final, NamedTuple, cast

from django.db import DEFAULT_DB_ALIAS, models
from django.db.models.base import ModelState

from workflows_app.jsontext import Raw
from workflows_app.models import sqltext
from workflows_app.models.fields import JSONText
from workflows_app.models.sqltext import Model, Names

Preparer = Callable[[Any], Any]
Converter = Callable[[Any, Any, Any], Any]
#: Stands for the default of a column that has none, or whose default is a new object each time.
_NO_DEFAULT: Final = object()

#: Columns whose Python values psycopg takes as they are.
_PLAIN: Final = (
    models.BooleanField,
    models.CharField,
    models.DateTimeField,
    models.IntegerField,
    models.UUIDField,
)


# Reading.


class Converted(NamedTuple):
    """One value of a row that the driver returns in another form than Python code expects."""

    position: int
    converters: Sequence[Converter]
    expression: Any


class Columns(NamedTuple):
    """The attributes that consecutive values of a row are, and the conversions they need."""

    names: Sequence[str]
    converted: Sequence[Converted]

    def built(self, model: Any, values: Sequence[Any], connection: Any) -> Any:
        """Return the object for a row, as `Model.from_db` would, with the other columns deferred.

        Unlike `from_db` it calls no constructor and sends no signal, which takes most of the time.
        """
        made = object.__new__(model)
        fields = made.__dict__
        fields.update(zip(self.names, values, strict=True))
        for position, converters, expression in self.converted:
            name = self.names[position]
            for convert in converters:
                fields[name] = convert(fields[name], expression, connection)
        fields["_state"] = state = ModelState()
        state.adding, state.db = False, DEFAULT_DB_ALIAS
        return made


def columns_of(
    model: Model, leaving: frozenset[str], as_text: frozenset[str] = frozenset()
) -> Columns:
    """Return the columns of a model except `leaving`; those in `as_text` stay JSON text."""
    fields = [field for field in model._meta.concrete_fields if field.name not in leaving]
    expressions = [field.get_col(model._meta.db_table) for field in fields]
    raw = [
        Converted(index, [as_raw], expressions[index])
        for index, field in enumerate(fields)
        if field.name in as_text
    ]
    others = [each for each in converted(expressions) if fields[each.position].name not in as_text]
    return Columns([field.attname for field in fields], [*raw, *others])


def converted(expressions: Iterable[Any]) -> list[Converted]:
    """Return which values of a row that consists of these expressions are to be converted."""
    connection = sqltext.connection_here()
    found = []
    for index, expression in enumerate(expressions):
        converters = [
            *connection.ops.get_db_converters(expression),
            *expression.get_db_converters(connection),
        ]
        if converters:
            found.append(Converted(index, converters, expression))
    return found


def as_raw(value: str | None, _expression: object, _connection: object) -> Raw | None:
    """Return JSON text as the text that it is."""
    return None if value is None else Raw(value)


# Writing.


def given(row: models.Model, vendor: str) -> tuple[Names, list[Any]]:
    """Return the columns of a new row that differ from their defaults, and their values."""
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
            prepared(model, field.attname, vendor),
        )
        for field in sqltext.inserted_by(model)
    ]


@cache
def prepared(model: Model, name: str, vendor: str) -> Preparer:
    """Return the function that turns a column's value into one that the driver takes."""
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
