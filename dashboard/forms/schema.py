"""Turns a JSON schema into fields.

It reads what Pydantic writes (Draft 2020-12). A union of objects becomes a choice of a shape, then
its fields; a union of plain values becomes a choice of a kind, and a text. What has no honest form,
such as any other union, becomes a `Raw` field: JSON for that part, and fields for the rest.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, tzinfo
from typing import Any

from django.utils.translation import gettext

from workflows_app.languages import gettext_lazy

from .documents import dump, same
from .fields import (
    MISSING,
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
    Option,
    Pair,
    Pairs,
    Raw,
    Rows,
    Switch,
    Text,
    holds_secret,
)
from .options import told_apart
from .scope import MAX_DEPTH, Role, Scope, resolved, without_null
from .wording import Schema, hint_of, label_of, option_label

#: A text that may be longer than this gets a field with several lines.
LONG_TEXT = 200

#: With more shapes than this, a form offers no choice.
MOST_SHAPES = 8

INPUTS = {
    "date": "date",
    "date-time": "datetime-local",
    "time": "time",
    "email": "email",
    "uri": "url",
    "password": "password",
    "textarea": "textarea",
}

#: The names of the kinds of texts, if one of several is chosen.
KINDS = {
    "date": gettext_lazy("Date"),
    "datetime-local": gettext_lazy("Date and time"),
    "time": gettext_lazy("Time"),
    "email": gettext_lazy("E-mail address"),
    "url": gettext_lazy("Address of a page"),
    "password": gettext_lazy("Secret"),
}
FORMATS = {"uuid": "UUID"}
#: The formats of bytes; they are typed, or taken from a file, as text.
FILES = frozenset({"binary", "base64", "base64url"})

#: Marks a moment whose type takes no time zone; `workflows_app` writes it into its schemas.
WITHOUT_ZONE = "x-without-zone"


def field_of(schema: Schema | None, zone: tzinfo = UTC) -> Field:
    """Return the field for a whole document; None means a schema that allows anything.

    `zone` is the time zone in which its moments are shown and read.
    """
    if not schema:
        return Raw(
            label=gettext("Value"), required=False, reason=gettext("Any JSON value fits here.")
        )
    return _field(schema, Scope(schema.get("$defs", {}), zone=zone), Role())


def _field(schema: Schema, scope: Scope, role: Role) -> Field:
    own_title = schema.get("title", "")
    schema, scope, is_loop = resolved(schema, scope)
    schema, nullable = without_null(schema)
    schema, scope, is_loop_inside = resolved(schema, scope)
    words = {
        "key": role.key,
        # The title of a shared shape names the shape; the key says what it is for here.
        "label": label_of(own_title if role.key else schema.get("title", ""), role.key),
        "hint": hint_of(schema),
        "required": role.required,
        "nullable": nullable,
        "default": schema.get("default", MISSING),
    }
    if is_loop or is_loop_inside or scope.depth > MAX_DEPTH:
        return Raw(**words, reason=gettext("This part contains itself, so it is edited as JSON."))
    found = _of_shape(schema, scope, words)
    # The schema masks secrets in a default: if it were sent back, the mask would become the secret.
    return replace(found, default=MISSING) if found.has_default and holds_secret(found) else found


def _of_shape(schema: Schema, scope: Scope, words: dict[str, Any]) -> Field:
    if "const" in schema or schema.get("type") == "null":
        return _const(schema.get("const"), words)
    if options := _options(schema, scope):
        return Choice(**words, options=options)
    if decimal := _decimal(schema):
        return Number(**{**words, "hint": words["hint"] or hint_of(decimal)}, as_text=True)
    match schema.get("type"):
        case "array":
            return _list(schema, scope, words)
        case "object" if "properties" in schema and "anyOf" not in schema:
            return _group(schema, scope, words)
        case _:
            unions = (make(schema, scope, words) for make in (_one_of, _either, _pairs))
            return next(filter(None, unions), None) or _plain(schema, scope, words)


def _const(value: Any, words: dict[str, Any]) -> Field:
    """Return a value without a choice; if it may also be left out, return that choice."""
    is_left_out = words["nullable"] or not words["required"]
    if value is not None and is_left_out and not same(words["default"], value):
        return Choice(**words, options=told_apart([Option(value, option_label(value))]))
    return Fixed(**words, value=value)


def _plain(schema: Schema, scope: Scope, words: dict[str, Any]) -> Field:
    match schema.get("type"):
        case "string" if schema.get("format") == "duration":
            return Duration(**words)
        case "string":
            return _text(schema, scope, words)
        case "integer" | "number":
            return Number(**words, integer=schema["type"] == "integer")
        case "boolean":
            return Switch(**words)
        case _:
            return Raw(**words, reason=_why_raw(schema))


def _options(schema: Schema, scope: Scope) -> tuple[Option, ...]:
    if "enum" in schema:
        return told_apart(Option(value, option_label(value)) for value in schema["enum"])
    found: list[Option] = []
    for branch in schema.get("oneOf") or schema.get("anyOf") or ():
        inner, _, is_loop = resolved(branch, scope)
        if is_loop or not ("const" in inner or "enum" in inner):
            return ()
        values = inner["enum"] if "enum" in inner else [inner["const"]]
        title = inner.get("title") if "const" in inner else None
        found += [Option(value, title or option_label(value)) for value in values]
    return told_apart(found)


def _decimal(schema: Schema) -> Schema | None:
    """Return the number branch of what Pydantic writes for a `Decimal`: a number or a string.

    `float | str` is written in the same way, except for the mark that `schemas` adds to its string.
    """
    branches = schema.get("anyOf", ())
    if [branch.get("type") for branch in branches] != ["number", "string"]:
        return None
    number: Schema = branches[0]
    return number if branches[1].keys() <= {"type", "pattern"} else None


def _text(schema: Schema, scope: Scope, words: dict[str, Any]) -> Text:
    shape = INPUTS.get(schema.get("format", ""), "text")
    is_file = schema.get("format") in FILES
    zone = None if schema.get(WITHOUT_ZONE) else scope.zone
    if shape == "datetime-local":
        where = (
            gettext("Time zone: {zone}.").format(zone=zone)
            if zone
            else gettext("Without a time zone.")
        )
        words = words | {"hint": f"{words['hint']} {where}".strip()}
    if (is_file or _is_long(schema)) and shape == "text":
        shape = "textarea"
    return Text(
        **words,
        input=shape,
        min_length=schema.get("minLength"),
        max_length=schema.get("maxLength"),
        pattern=schema.get("pattern", ""),
        media_type=schema.get("contentMediaType", "text/plain" if is_file else ""),
        format=schema.get("format", ""),
        zone=zone,
    )


def _is_long(schema: Schema) -> bool:
    return "contentMediaType" in schema or (schema.get("maxLength") or 0) > LONG_TEXT


def _list(schema: Schema, scope: Scope, words: dict[str, Any]) -> Field:
    if "prefixItems" in schema and "items" not in schema:
        return _row(schema, scope, words)
    scope = replace(scope, is_in_rows=True)
    if "items" not in schema or "prefixItems" in schema:
        return Raw(
            **words, reason=gettext("The items have no common shape, so this is edited as JSON.")
        )
    item = _field(schema["items"], scope.inside(), Role())
    if isinstance(item, Choice) and schema.get("uniqueItems"):
        return Many(**words, options=item.options)
    item = replace(item, label=item.label or _singular(words["label"]))
    return Rows(
        **words,
        item=item,
        min_items=schema.get("minItems", 0),
        max_items=schema.get("maxItems"),
    )


def _row(schema: Schema, scope: Scope, words: dict[str, Any]) -> Field:
    """Return the fields of a list of fixed length."""
    parts = schema["prefixItems"]
    if not schema.get("minItems") == schema.get("maxItems") == len(parts):
        return Raw(
            **words, reason=gettext("This list has no fixed length, so it is edited as JSON.")
        )
    found = [
        _field(part, scope.inside(), Role(key=str(number))) for number, part in enumerate(parts)
    ]
    fields = tuple(
        field
        if "title" in part
        else replace(field, label=gettext("Item {number}").format(number=number))
        for number, (field, part) in enumerate(zip(found, parts, strict=True), 1)
    )
    return FixedList(**words | {"hint": ""}, fields=fields)


def _singular(label: str) -> str:
    return label[:-1] if label.endswith("s") and not label.endswith("ss") else label


def _group(schema: Schema, scope: Scope, words: dict[str, Any]) -> Group:
    required = set(schema.get("required", ()))
    fields = tuple(
        _field(part, scope.inside(), Role(key=key, required=key in required))
        for key, part in schema["properties"].items()
    )
    return Group(**words, fields=fields)


def _pairs(schema: Schema, scope: Scope, words: dict[str, Any]) -> Pairs | None:
    """Return the rows of a map; None if it is not one. Values that may be anything are JSON."""
    inner = schema.get("additionalProperties")
    inner = {} if inner is True else inner
    if schema.get("type") != "object" or not isinstance(inner, Mapping):
        return None
    value = _field(inner, replace(scope.inside(), is_in_rows=True), Role())
    value = replace(value, label=value.label or _singular(words["label"]) or gettext("Value"))
    if isinstance(value, Raw):
        value = replace(
            value, label=gettext("Value"), reason=gettext("JSON: put a text in quotes.")
        )
    if isinstance(value, Text) and value.input in {"text", "textarea"} and not value.nullable:
        value = replace(value, required=False, default="")  # beside a key, no text is a text
    return Pairs(
        **words,
        item=Pair(label=_singular(words["label"]), value=value),
        min_items=schema.get("minProperties", 0),
        max_items=schema.get("maxProperties"),
    )


def _either(schema: Schema, scope: Scope, words: dict[str, Any]) -> Field | None:
    """Return the choice between several kinds of plain values; None if others fit, too."""
    kind = schema.get("type")
    named = [{"type": name} for name in kind] if isinstance(kind, list) else ()
    branches = schema.get("anyOf") or schema.get("oneOf") or named
    if not 1 < len(branches) <= MOST_SHAPES:
        return None
    kinds = [part for branch in branches for part in _kinds_of(branch, scope)]
    if None in kinds:
        return None
    known: dict[str, Field] = {}
    for part in (part for part in kinds if part is not None):
        other = known.get(part.label)
        is_other = isinstance(part, Fixed) and isinstance(other, Fixed) and part != other
        label = dump(part.value) if isinstance(part, Fixed) and is_other else part.label
        known[label] = replace(part, label=label)
    # A plain text fits every string, so it is tried last when the kind of a value is looked for.
    last = sorted(known.values(), key=lambda part: part.label == gettext("Text"))
    if known.keys() == {gettext("Number"), gettext("Whole number")}:
        return Number(**words)
    return Either(**words, kinds=tuple(last)) if len(last) > 1 else None


def _kinds_of(branch: Schema, scope: Scope) -> list[Field | None]:
    part = _field(branch, scope.inside(), Role())
    match part:
        case _ if part.nullable:
            return [None]
        case Switch():
            return [
                Fixed(label=gettext("Yes"), value=True),
                Fixed(label=gettext("No"), value=False),
            ]
        case Choice(options=options):
            return [Fixed(label=option.label, value=option.value) for option in options]
        case _:
            return [_kind_of(part, branch)]


def _kind_of(part: Field, branch: Schema) -> Field | None:
    """Return a plain field with the name of its kind as its label; None for any other."""
    found: Field | None = None
    match part:
        case Fixed(value=None | bool() | int() | float() | str() as value):
            option, *_ = told_apart([Option(value, option_label(value))])
            found = replace(part, label=option.label)
        case Number():
            found = replace(
                part, label=gettext("Whole number") if part.integer else gettext("Number")
            )
        case Text(input=shape):
            named = FORMATS.get(branch.get("format", ""), str(KINDS.get(shape, gettext("Text"))))
            found = replace(part, label=named)
        case Duration():
            found = Text(label=gettext("Duration (ISO 8601)"))
        case _:
            pass
    return found


def _one_of(schema: Schema, scope: Scope, words: dict[str, Any]) -> OneOf | None:
    """Return the choice between several shapes of objects; None if the schema is something else."""
    branches = schema.get("oneOf") or schema.get("anyOf") or ()
    if not 1 < len(branches) <= MOST_SHAPES:
        return None
    shapes = [_field(branch, scope.inside(), Role()) for branch in branches]
    groups = tuple(shape for shape in shapes if isinstance(shape, Group) and not shape.nullable)
    if len(groups) < len(shapes):
        return None
    tags = tuple(_tags(*pair) for pair in zip(branches, groups, strict=True))
    return OneOf(**words, shapes=groups, tags=tags)


def _tags(branch: Schema, shape: Group) -> frozenset[str]:
    constants = {str(part.value) for part in shape.fields if isinstance(part, Fixed)}
    return frozenset({str(branch.get("$ref", "")).rsplit("/", 1)[-1], *constants} - {""})


def _why_raw(schema: Schema) -> str:
    if "anyOf" in schema or "oneOf" in schema:
        return gettext("Several shapes fit here, so it is edited as JSON.")
    if schema.get("type") == "object":
        return gettext("The keys are free here, so it is edited as JSON.")
    return gettext("Any JSON value fits here.")
