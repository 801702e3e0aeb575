"""Turn a JSON schema into fields.

Reads what Pydantic writes (Draft 2020-12). A union of objects is a choice of a shape, then its
fields; one of plain values is a choice of a kind, and a text. What has no honest form, such as a
union of other things, becomes a `Raw` field: JSON for that part, and fields for the rest.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, tzinfo
from typing import Any

from dashboard.forms.documents import dump, same
from dashboard.forms.fields import (
    MISSING,
    Choice,
    Duration,
    Either,
    Field,
    Fixed,
    Group,
    Many,
    Number,
    OneOf,
    Option,
    Pair,
    Pairs,
    Raw,
    Row,
    Rows,
    Switch,
    Text,
    holds_secret,
)
from dashboard.forms.options import told_apart
from dashboard.forms.wording import hint_of, label_of, option_label

Schema = Mapping[str, Any]

#: A text that may be longer than this gets a field of several lines.
LONG_TEXT = 200

#: Deeper than this, forms are harder to read than JSON.
MAX_DEPTH = 6

#: More shapes than this are no choice for a form.
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


#: What the kinds of texts are called where one of several is chosen.
KINDS = {
    "date": "Date",
    "datetime-local": "Date and time",
    "time": "Time",
    "email": "E-mail address",
    "url": "Address of a page",
    "password": "Secret",
}
FORMATS = {"uuid": "UUID"}
#: What bytes are called; they are typed, or taken from a file, as text.
FILES = frozenset({"binary", "base64", "base64url"})

#: Marks a moment whose type takes no time zone; `workflows_app` writes it into its schemas.
WITHOUT_ZONE = "x-without-zone"

#: How often a shape may hold itself, in lists and maps, before it is edited as JSON.
MOST_ROUNDS = 3


@dataclass(frozen=True)
class Scope:
    """Where in the schema we are: its definitions, and the references we came through."""

    defs: Mapping[str, Schema]
    through: tuple[str, ...] = ()
    depth: int = 0
    #: In which moments are shown and read.
    zone: tzinfo = UTC
    #: Whether we came through a list or a map, whose rows are only made when somebody adds them.
    is_in_rows: bool = False

    def goes_round(self, name: str) -> bool:
        """Whether a shape holds itself once more than a form shows."""
        return self.through.count(name) >= (MOST_ROUNDS if self.is_in_rows else 1)

    def inside(self) -> "Scope":
        """Return the scope one level deeper."""
        return replace(self, depth=self.depth + 1)


@dataclass(frozen=True)
class Place:
    """What the surroundings say about a field: its key, and whether it must be given."""

    key: str = ""
    required: bool = True


def field_of(schema: Schema | None, zone: tzinfo = UTC) -> Field:
    """Return the field for a whole document; None stands for a schema that allows anything.

    `zone` is the one in which its moments are shown and read.
    """
    if not schema:
        return Raw(label="Value", required=False, reason="Any JSON value fits here.")
    return _field(schema, Scope(schema.get("$defs", {}), zone=zone), Place())


def _field(schema: Schema, scope: Scope, place: Place) -> Field:
    own_title = schema.get("title", "")
    schema, scope, is_loop = _resolved(schema, scope)
    schema, nullable = _without_null(schema)
    schema, scope, is_loop_inside = _resolved(schema, scope)
    words = {
        "key": place.key,
        # The title of a shared shape names the shape; the key says what it is for here.
        "label": label_of(own_title if place.key else schema.get("title", ""), place.key),
        "hint": hint_of(schema),
        "required": place.required,
        "nullable": nullable,
        "default": schema.get("default", MISSING),
    }
    if is_loop or is_loop_inside or scope.depth > MAX_DEPTH:
        return Raw(**words, reason="This part holds itself, so it is edited as JSON.")
    found = _of_shape(schema, scope, words)
    # The schema masks the secrets of a default: sent back, the mask would be the secret.
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
    """Return a value without a choice; of one that may also be left out, the choice."""
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


def _resolved(schema: Schema, scope: Scope) -> tuple[Schema, Scope, bool]:
    """Follow `$ref` and a lone `allOf`; the last value says whether we came round in a circle."""
    while True:
        if "$ref" in schema:
            name = str(schema["$ref"]).rsplit("/", 1)[-1]
            if scope.goes_round(name):
                return schema, scope, True
            beside = {key: value for key, value in schema.items() if key != "$ref"}
            schema = {**scope.defs.get(name, {}), **beside}
            scope = replace(scope, through=(*scope.through, name))
        elif len(schema.get("allOf", ())) == 1:
            beside = {key: value for key, value in schema.items() if key != "allOf"}
            schema = {**schema["allOf"][0], **beside}
        else:
            return schema, scope, False


def _without_null(schema: Schema) -> tuple[Schema, bool]:
    """Return the schema without its null branch, and whether it had one."""
    kind = schema.get("type")
    if isinstance(kind, list) and "null" in kind:
        rest = [name for name in kind if name != "null"]
        return {**schema, "type": rest[0] if len(rest) == 1 else rest}, True
    options = schema.get("enum", ())
    if None in options and len(options) > 1:
        return {**schema, "enum": [value for value in options if value is not None]}, True
    branches = schema.get("anyOf") or schema.get("oneOf") or ()
    others = [branch for branch in branches if branch.get("type") != "null"]
    if len(others) == len(branches):
        return schema, False
    beside = {key: value for key, value in schema.items() if key not in {"anyOf", "oneOf"}}
    if len(others) == 1:
        return {**others[0], **beside}, True
    return {**beside, "anyOf": others}, True


def _options(schema: Schema, scope: Scope) -> tuple[Option, ...]:
    if "enum" in schema:
        return told_apart(Option(value, option_label(value)) for value in schema["enum"])
    found: list[Option] = []
    for branch in schema.get("oneOf") or schema.get("anyOf") or ():
        inner, _, is_loop = _resolved(branch, scope)
        if is_loop or not ("const" in inner or "enum" in inner):
            return ()
        values = inner["enum"] if "enum" in inner else [inner["const"]]
        title = inner.get("title") if "const" in inner else None
        found += [Option(value, title or option_label(value)) for value in values]
    return told_apart(found)


def _decimal(schema: Schema) -> Schema | None:
    """Return the number branch of what Pydantic writes for a `Decimal`: a number or a string.

    `float | str` is written in the same way but for the mark that `schemas` puts to its string.
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
        where = f"Time zone: {zone}." if zone else "Without a time zone."
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
        return Raw(**words, reason="This list has no one shape of items, so it is edited as JSON.")
    item = _field(schema["items"], scope.inside(), Place())
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
        return Raw(**words, reason="This list has no one length, so it is edited as JSON.")
    found = [
        _field(part, scope.inside(), Place(key=str(number))) for number, part in enumerate(parts)
    ]
    fields = tuple(
        field if "title" in part else replace(field, label=f"Item {number}")
        for number, (field, part) in enumerate(zip(found, parts, strict=True), 1)
    )
    return Row(**words | {"hint": ""}, fields=fields)


def _singular(label: str) -> str:
    return label[:-1] if label.endswith("s") and not label.endswith("ss") else label


def _group(schema: Schema, scope: Scope, words: dict[str, Any]) -> Group:
    required = set(schema.get("required", ()))
    fields = tuple(
        _field(part, scope.inside(), Place(key=key, required=key in required))
        for key, part in schema["properties"].items()
    )
    return Group(**words, fields=fields)


def _pairs(schema: Schema, scope: Scope, words: dict[str, Any]) -> Pairs | None:
    """Return the rows of a map; None where it is none. Values that may be anything are JSON."""
    inner = schema.get("additionalProperties")
    inner = {} if inner is True else inner
    if schema.get("type") != "object" or not isinstance(inner, Mapping):
        return None
    value = _field(inner, replace(scope.inside(), is_in_rows=True), Place())
    value = replace(value, label=value.label or _singular(words["label"]) or "Value")
    if isinstance(value, Raw):
        value = replace(value, label="Value", reason="JSON: a text stands in quotes.")
    if isinstance(value, Text) and value.input in {"text", "textarea"} and not value.nullable:
        value = replace(value, required=False, default="")  # beside a key, no text is a text
    return Pairs(
        **words,
        item=Pair(label=_singular(words["label"]), value=value),
        min_items=schema.get("minProperties", 0),
        max_items=schema.get("maxProperties"),
    )


def _either(schema: Schema, scope: Scope, words: dict[str, Any]) -> Field | None:
    """Return the choice between several kinds of plain values; None where others fit, too."""
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
    # A plain text fits every string, so it is asked last whether a value is of its kind.
    last = sorted(known.values(), key=lambda part: part.label == "Text")
    if known.keys() == {"Number", "Whole number"}:
        return Number(**words)
    return Either(**words, kinds=tuple(last)) if len(last) > 1 else None


def _kinds_of(branch: Schema, scope: Scope) -> list[Field | None]:
    part = _field(branch, scope.inside(), Place())
    match part:
        case _ if part.nullable:
            return [None]
        case Switch():
            return [Fixed(label="Yes", value=True), Fixed(label="No", value=False)]
        case Choice(options=options):
            return [Fixed(label=option.label, value=option.value) for option in options]
        case _:
            return [_kind_of(part, branch)]


def _kind_of(part: Field, branch: Schema) -> Field | None:
    """Return a plain field under the name of its kind; None for any other."""
    found: Field | None = None
    match part:
        case Fixed(value=None | bool() | int() | float() | str() as value):
            option, *_ = told_apart([Option(value, option_label(value))])
            found = replace(part, label=option.label)
        case Number():
            found = replace(part, label="Whole number" if part.integer else "Number")
        case Text(input=shape):
            named = FORMATS.get(branch.get("format", ""), KINDS.get(shape, "Text"))
            found = replace(part, label=named)
        case Duration():
            found = Text(label="Duration (ISO 8601)")
        case _:
            pass
    return found


def _one_of(schema: Schema, scope: Scope, words: dict[str, Any]) -> OneOf | None:
    """Return the choice between several shapes of objects; None where that is not what fits."""
    branches = schema.get("oneOf") or schema.get("anyOf") or ()
    if not 1 < len(branches) <= MOST_SHAPES:
        return None
    shapes = [_field(branch, scope.inside(), Place()) for branch in branches]
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
        return "Several shapes fit here, so it is edited as JSON."
    if schema.get("type") == "object":
        return "The keys are free here, so it is edited as JSON."
    return "Any JSON value fits here."
