"""Members of enums and literals, found by the JSON that their values are written as.

Pydantic compares what it reads with the values themselves, so it does not recognise a date, a
decimal, a tuple or bytes.
"""

from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any, Final

from pydantic_core import to_json, to_jsonable_python

#: Types whose values are the same in JSON as in Python.
_JSON: Final = frozenset({str, int, float, bool, type(None)})


def are_odd(node: Mapping[str, Any]) -> bool:
    """Return whether a part of a type has members that look different in JSON."""
    return any(type(each) not in _JSON for each in _known(node))


def found_first(node: dict[str, Any]) -> dict[str, Any]:
    """Return the part of a type with a lookup of its members before Pydantic reads."""
    named = {"ref": node.pop("ref")} if "ref" in node else {}
    function = {"type": "no-info", "function": _finder(node)}
    return {"type": "function-before", "function": function, "schema": node, **named}


def _known(node: Mapping[str, Any]) -> list[Any]:
    """Return the members of an enum or a literal."""
    if node["type"] == "enum":
        return [member.value for member in node["members"]]
    expected: list[Any] = node["expected"] if node["type"] == "literal" else []
    return expected


def _finder(node: Mapping[str, Any]) -> Callable[[Any], Any]:
    """Return a function that finds the member for a JSON value, and leaves the rest to Pydantic."""
    found = node["members"] if node["type"] == "enum" else node["expected"]
    values = [(each, each.value if isinstance(each, Enum) else each) for each in found]
    by_text: dict[bytes, Any] = {}
    # A value that JSON holds unchanged comes before one that is only written like it.
    for member, value in sorted(values, key=lambda pair: type(pair[1]) not in _JSON):
        for form in _forms(value):
            by_text.setdefault(form, member)

    def find(given: Any) -> Any:
        if isinstance(given, Enum):
            return given
        try:
            return by_text.get(to_json(given), given)
        except (ValueError, RecursionError):  # a Python value that JSON cannot hold
            return given

    return find


def _forms(value: Any) -> list[bytes]:
    """Return how a value is written, as a value and as a key."""
    try:
        written = to_json(value)
        try:
            (key,) = to_jsonable_python({value: None})
        except TypeError:  # it cannot be a key
            return [written]
        return [written, to_json(key)]
    except (ValueError, RecursionError):
        return []  # writing it refuses it
