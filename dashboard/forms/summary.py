"""A type in a table: what each field of a schema is, in words, for people who read."""

from dataclasses import dataclass

from dashboard.forms.documents import dump
from dashboard.forms.fields import (
    Choice,
    Duration,
    Either,
    Field,
    Fixed,
    Group,
    Many,
    Number,
    OneOf,
    Pairs,
    Row,
    Rows,
    Switch,
    Text,
)
from dashboard.forms.schema import Schema, field_of

TEXTS = {
    "date": "date",
    "datetime-local": "date and time",
    "time": "time",
    "email": "e-mail address",
    "url": "address of a page",
    "textarea": "long text",
}

#: Fields inside fields are listed to this depth.
MAX_DEPTH = 3


@dataclass(frozen=True)
class Line:
    """One field of a type."""

    name: str
    words: str
    hint: str
    is_required: bool


def lines_of(schema: Schema | None) -> list[Line]:
    """Return the fields of a type with their dotted names; empty where it is no object."""
    root = field_of(schema)
    return _inside(root, "", 0) if isinstance(root, Group) else []


def _inside(group: Group, prefix: str, depth: int) -> list[Line]:
    found: list[Line] = []
    for field in group.fields:
        name = f"{prefix}{field.key}"
        found.append(Line(name, words_of(field), field.hint, field.required))
        inner, mark = (field.item, "[].") if isinstance(field, Rows) else (field, ".")
        if isinstance(inner, Group) and depth < MAX_DEPTH:
            found += _inside(inner, name + mark, depth + 1)
    return found


def words_of(field: Field) -> str:
    """Return what a field holds, in a few words."""
    kind = _kind(field)
    return f"{kind}, or nothing" if field.nullable else kind


def _kind(field: Field) -> str:
    match field:
        case Choice() | Many():
            options = ", ".join(option.label for option in field.options)
            return f"one of {options}" if isinstance(field, Choice) else f"any of {options}"
        case Fixed():
            return dump(field.value)
        case OneOf(shapes=inner) | Either(kinds=inner):
            labels = (part.label for part in inner)
            return " or ".join(
                name.lower() if isinstance(field, Either) else name for name in labels
            )
        case Rows():
            return _many_of(field)
        case Row(fields=parts):
            return f"list of exactly {len(parts)}"
        case _:
            return _plain(field)


def _many_of(field: Rows) -> str:
    if isinstance(field, Pairs):
        return f"keys, each with {_kind(field.item.value)}"
    return f"list of {_kind(field.item)}"


def _plain(field: Field) -> str:
    match field:
        case Text():
            return TEXTS.get(field.input, "text")
        case Number():
            return "whole number" if field.integer else "number"
        case Switch():
            return "yes or no"
        case Duration():
            return "duration"
        case Group():
            return "object"
        case _:
            return "JSON"
