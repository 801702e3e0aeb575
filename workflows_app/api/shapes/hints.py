"""How a form asks for each field of an answer, read from the JSON Schema of the answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

Schema = Mapping[str, Any]

#: What a text is typed into, by its format.
_FORMATS: Final = {
    "date": "date",
    "date-time": "datetime",
    "time": "time",
    "duration": "duration",
    "email": "email",
    "uri": "url",
    "password": "password",
    "textarea": "textarea",
}
_TYPES: Final = {
    "boolean": "switch",
    "integer": "integer",
    "number": "number",
    "string": "text",
    "array": "list",
    "object": "object",
}
#: Texts that may be longer than this are typed into several lines.
_LONG: Final = 200


def hints_of(schema: Schema | None) -> list[dict[str, Any]]:
    """Return a hint for each field, in the order of their author.

    An answer that is no object has one hint, without a name; one of any shape has one as JSON.
    """
    whole = _resolved(schema or {}, schema or {})
    if whole.get("type") != "object" or not whole.get("properties"):
        return [_hint("", whole, whole)]
    return [_hint(name, each, schema or {}) for name, each in whole["properties"].items()]


def _hint(name: str, schema: Schema, root: Schema) -> dict[str, Any]:
    found = _resolved(schema, root)
    choices = _choices(found)
    return {
        "name": name,
        "label": schema.get("title") or found.get("title") or _in_words(name),
        "widget": "choice" if choices is not None else _widget(found),
        "choices": choices,
        "default": schema.get("default", found.get("default")),
    }


def _choices(schema: Schema) -> list[Any] | None:
    if "const" in schema:
        return [schema["const"]]
    choices = schema.get("enum")
    return None if choices is None else list(choices)


def _widget(schema: Schema) -> str:
    kind = schema.get("type")
    if kind != "string":
        return _TYPES.get(str(kind), "json")
    is_long = int(schema.get("maxLength") or 0) > _LONG
    return _FORMATS.get(schema.get("format", ""), "textarea" if is_long else "text")


def _resolved(schema: Schema, root: Schema) -> Schema:
    """Return a schema without its reference, and without the null that it may also be."""
    seen = 0
    while seen < 20:  # noqa: PLR2004 - deeper than any type that people answer with
        seen += 1
        if "$ref" in schema:
            name = str(schema["$ref"]).rpartition("/")[2]
            others = {key: value for key, value in schema.items() if key != "$ref"}
            schema = {**root.get("$defs", {}).get(name, {}), **others}
            continue
        kinds = [each for each in schema.get("anyOf", ()) if each.get("type") != "null"]
        if len(kinds) != 1:
            return schema
        others = {key: value for key, value in schema.items() if key != "anyOf"}
        schema = {**kinds[0], **others}
    return schema


def _in_words(name: str) -> str:
    words = name.replace("_", " ").strip()
    return words[:1].upper() + words[1:] or "Answer"
