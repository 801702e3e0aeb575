"""Members of enums and literals, read from the JSON that their values are written as.

Pydantic compares what it reads with the values themselves, so that it does not know again a date,
a decimal, a tuple or bytes.
"""

from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any, Final

from pydantic_core import to_json, to_jsonable_python

#: Types whose values are in JSON what they are in Python.
_JSON: Final = frozenset({str, int, float, bool, type(None)})


def are_odd(node: Mapping[str, Any]) -> bool:
    """Return whether a part of a type has members that JSON has in another form."""
    return any(type(each) not in _JSON for each in _known(node))


def found_first(node: dict[str, Any]) -> dict[str, Any]:
    """Return the part of a type that looks up what JSON means before Pydantic reads it."""
    named = {"ref": node.pop("ref")} if "ref" in node else {}
    function = {"type": "no-info", "function": _finder(node)}
    return {"type": "function-before", "function": function, "schema": node, **named}


def _known(node: Mapping[str, Any]) -> list[Any]:
    """Return the values of an enum, or what a literal knows: members themselves, not values."""
    if node["type"] == "enum":
        return [member.value for member in node["members"]]
    expected: list[Any] = node["expected"] if node["type"] == "literal" else []
    return expected


def _finder(node: Mapping[str, Any]) -> Callable[[Any], Any]:
    """Return what finds the member that JSON means, and leaves all else to Pydantic."""
    found = node["members"] if node["type"] == "enum" else node["expected"]
    values = [(each, each.value if isinstance(each, Enum) else each) for each in found]
    by_text: dict[bytes, Any] = {}
    # A value that stands in JSON as it is comes before one that is only written like it.
    for member, value in sorted(values, key=lambda pair: type(pair[1]) not in _JSON):
        for form in _forms(value):
            by_text.setdefault(form, member)

    def find(given: Any) -> Any:
        if isinstance(given, Enum):
            return given
        try:
            return by_text.get(to_json(given), given)
        except (ValueError, RecursionError):  # a value from Python that is no JSON
            return given

    return find


def _forms(value: Any) -> list[bytes]:
    """Return what a value is written as, also where it is a key."""
    try:
        written = to_json(value)
        try:
            (key,) = to_jsonable_python({value: None})
        except TypeError:  # what cannot be a key is written in one way
            return [written]
        return [written, to_json(key)]
    except (ValueError, RecursionError):
        return []  # it is refused when it is written
