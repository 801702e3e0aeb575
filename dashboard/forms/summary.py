"""A type as a table for people: what each field of a schema is, in words."""

from dataclasses import dataclass

from django.utils.translation import gettext

from workflows_app.languages import gettext_lazy

from .documents import dump
from .fields import (
    Choice,
    Duration,
    Either,
    Field,
    Fixed,
    FixedList,
    Group,
    Many,
    Number,
    OneOf,
    Pairs,
    Rows,
    Switch,
    Text,
)
from .schema import field_of
from .wording import Schema

TEXTS = {
    "date": gettext_lazy("date"),
    "datetime-local": gettext_lazy("date and time"),
    "time": gettext_lazy("time"),
    "email": gettext_lazy("e-mail address"),
    "url": gettext_lazy("address of a page"),
    "textarea": gettext_lazy("long text"),
}

#: Fields inside fields are listed down to this depth.
MAX_DEPTH = 3


@dataclass(frozen=True)
class TypeField:
    """One field of a type."""

    name: str
    words: str
    hint: str
    is_required: bool


def lines_of(schema: Schema | None) -> list[TypeField]:
    """Return the fields of a type with their dotted names; empty if it is not an object."""
    root = field_of(schema)
    return _inside(root, "", 0) if isinstance(root, Group) else []


def _inside(group: Group, prefix: str, depth: int) -> list[TypeField]:
    found: list[TypeField] = []
    for field in group.fields:
        name = f"{prefix}{field.key}"
        found.append(TypeField(name, words_of(field), field.hint, field.required))
        inner, mark = (field.item, "[].") if isinstance(field, Rows) else (field, ".")
        if isinstance(inner, Group) and depth < MAX_DEPTH:
            found += _inside(inner, name + mark, depth + 1)
    return found


def words_of(field: Field) -> str:
    """Return the type of a field in a few words."""
    kind = _kind(field)
    return gettext("{kind}, or nothing").format(kind=kind) if field.nullable else kind


def _kind(field: Field) -> str:
    match field:
        case Choice() | Many():
            options = ", ".join(option.label for option in field.options)
            return (
                gettext("one of {options}").format(options=options)
                if isinstance(field, Choice)
                else gettext("any of {options}").format(options=options)
            )
        case Fixed():
            return dump(field.value)
        case OneOf(shapes=inner) | Either(kinds=inner):
            labels = (part.label for part in inner)
            return gettext(" or ").join(
                name.lower() if isinstance(field, Either) else name for name in labels
            )
        case Rows():
            return _many_of(field)
        case FixedList(fields=parts):
            return gettext("list of exactly {parts}").format(parts=len(parts))
        case _:
            return _plain(field)


def _many_of(field: Rows) -> str:
    if isinstance(field, Pairs):
        return gettext("keys, each with {kind}").format(kind=_kind(field.item.value))
    return gettext("list of {kind}").format(kind=_kind(field.item))


def _plain(field: Field) -> str:
    match field:
        case Text():
            return str(TEXTS.get(field.input, gettext("text")))
        case Number():
            return gettext("whole number") if field.integer else gettext("number")
        case Switch():
            return gettext("yes or no")
        case Duration():
            return gettext("duration")
        case Group():
            return gettext("object")
        case _:
            return "JSON"
