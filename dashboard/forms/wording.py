"""The words of a form, from a JSON schema: labels, hints and sentences about bounds."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from django.utils.translation import gettext, ngettext, pgettext

from workflows_app import languages
from workflows_app.languages import gettext_lazy

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
        return gettext("Yes") if value else gettext("No")
    if value is None:
        return pgettext("value", "None")
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
            return _length(characters, schema.get("minLength"), schema.get("maxLength"))
        case "array":
            return _length(items, schema.get("minItems"), schema.get("maxItems"))
        case _:
            return ""


#: The bounds of a number, in the order in which they are named.
BOUNDS = {
    "minimum": gettext_lazy("at least {limit}"),
    "exclusiveMinimum": gettext_lazy("more than {limit}"),
    "maximum": gettext_lazy("at most {limit}"),
    "exclusiveMaximum": gettext_lazy("less than {limit}"),
    "multipleOf": gettext_lazy("a multiple of {limit}"),
}


def _range(schema: Schema) -> str:
    return _sentence(
        [text.format(limit=_plain(schema[key])) for key, text in BOUNDS.items() if key in schema]
    )


def _length(counted: Callable[[int], str], low: int | None, high: int | None) -> str:
    if low and low == high:
        return gettext("Exactly {limit}.").format(limit=counted(low))
    parts = []
    if low and low > 1:
        parts.append(gettext("at least {limit}").format(limit=counted(low)))
    if high is not None:
        parts.append(gettext("at most {limit}").format(limit=counted(high)))
    return _sentence(parts)


def _format(schema: Schema) -> str:
    match schema.get("format"):
        case "uuid":
            return gettext("A UUID.")
        case _:
            return ""


def _sentence(parts: list[str]) -> str:
    text = ", ".join(parts)
    return f"{text[0].upper()}{text[1:]}." if text else ""


def characters(number: int) -> str:
    """Return `1 character`, `3,000 characters`."""
    text = ngettext("{number} character", "{number} characters", number)
    return text.format(number=languages.number(number, is_grouped=True))


def items(number: int) -> str:
    """Return `1 item`, `3,000 items`."""
    text = ngettext("{number} item", "{number} items", number)
    return text.format(number=languages.number(number, is_grouped=True))


def _plain(number: float) -> str:
    if isinstance(number, int) or number.is_integer():
        return languages.number(int(number), is_grouped=True)
    return languages.number(number)
