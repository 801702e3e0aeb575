"""The words of a form: labels, hints and what to say about bounds, from a JSON schema."""

import re
from collections.abc import Mapping
from typing import Any

Schema = Mapping[str, Any]


def label_of(title: str, key: str) -> str:
    """Return the author's title; one made from the key or from a class is made readable."""
    is_from_key = title == key.replace("_", " ").title()
    if key and (not title or is_from_key):
        return humanised(key)
    return humanised(title) if re.fullmatch(r"[A-Z]\w*", title) else title


def humanised(key: str) -> str:
    """Return `unit_price` and `unitPrice` as `Unit price`."""
    words = re.sub(r"([a-z0-9])([A-Z])", r"\1 \2", key).replace("_", " ").replace("-", " ")
    return words[:1].upper() + words[1:].lower() if words else ""


def option_label(value: object) -> str:
    """Return a value as people read it in a list of options."""
    if isinstance(value, bool):
        return "Yes" if value else "No"
    if value is None:
        return "None"
    text = str(value)
    return humanised(text) if re.fullmatch(r"[a-z][a-z0-9_-]*", text) else text


def hint_of(schema: Schema) -> str:
    """Return the description and the bounds, as one line under the label."""
    description = str(schema.get("description", "")).strip()
    description = " ".join(description.split())
    if description and description[-1] not in ".!?":
        description += "."
    return " ".join(part for part in (description, _bounds(schema), _format(schema)) if part)


def _bounds(schema: Schema) -> str:
    match schema.get("type"):
        case "integer" | "number":
            return _range(schema)
        case "string":
            return _length(schema, "minLength", "maxLength", "character")
        case "array":
            return _length(schema, "minItems", "maxItems", "item")
        case _:
            return ""


def _range(schema: Schema) -> str:
    parts = []
    for key, word in (
        ("minimum", "at least"),
        ("exclusiveMinimum", "more than"),
        ("maximum", "at most"),
        ("exclusiveMaximum", "less than"),
    ):
        if key in schema:
            parts.append(f"{word} {_plain(schema[key])}")
    if "multipleOf" in schema:
        parts.append(f"a multiple of {_plain(schema['multipleOf'])}")
    return _sentence(parts)


def _length(schema: Schema, least: str, most: str, unit: str) -> str:
    low, high = schema.get(least), schema.get(most)
    if low and low == high:
        return f"Exactly {_counted(low, unit)}."
    parts = []
    if low and low > 1:
        parts.append(f"at least {_counted(low, unit)}")
    if high is not None:
        parts.append(f"at most {_counted(high, unit)}")
    return _sentence(parts)


def _format(schema: Schema) -> str:
    match schema.get("format"):
        case "uuid":
            return "A UUID."
        case _:
            return ""


def _sentence(parts: list[str]) -> str:
    text = ", ".join(parts)
    return f"{text[0].upper()}{text[1:]}." if text else ""


def _counted(number: int, unit: str) -> str:
    return f"{number:,} {unit}{'' if number == 1 else 's'}"


def _plain(number: float) -> str:
    if isinstance(number, int) or number.is_integer():
        return f"{int(number):,}"
    return str(number)
