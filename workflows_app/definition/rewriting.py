"""Pydantic's readers and writers of a type, changed where the engine needs more.

Only types that need a change get one, so the others cost nothing.
"""

from collections.abc import Mapping
from typing import Any, Final

from pydantic_core import SchemaSerializer, SchemaValidator

from workflows_app.definition import members

#: Keys of a schema that hold no reader or writer.
_BESIDE: Final = frozenset(
    {"metadata", "serialization", "config", "cls", "members", "expected", "default"}
)


def reader(core: Mapping[str, Any], *, with_more: bool = False) -> SchemaValidator:
    """Return a reader of a type that recognises each member of its enums and literals.

    `with_more`: a typed dict keeps the keys that only a subclass of it has.
    """
    schema: Any = _rewritten(core, with_members=True, with_more=with_more)
    return SchemaValidator(schema, _use_prebuilt=False)


def writer(core: Mapping[str, Any]) -> SchemaSerializer:
    """Return a writer of a type that also writes the keys of subclasses of a typed dict."""
    schema: Any = _rewritten(core, with_members=False, with_more=True)
    return SchemaSerializer(schema, _use_prebuilt=False)


def are_keys_loose(node: Mapping[str, Any]) -> bool:
    """Return whether a part of a type is a typed dict that says nothing about other keys."""
    says_so = "extra_fields_behavior" in (node.get("config") or ())
    return node["type"] == "typed-dict" and _takes_no_more(node) and not says_so


def _takes_no_more(node: Mapping[str, Any]) -> bool:
    return node.get("extra_behavior") in {None, "ignore"}


def _rewritten(part: Any, *, with_members: bool, with_more: bool) -> Any:
    ways: Any = {"with_members": with_members, "with_more": with_more}
    if isinstance(part, (list, tuple)):
        return type(part)(_rewritten(each, **ways) for each in part)
    if not isinstance(part, dict):
        return part
    copy = {key: item if key in _BESIDE else _rewritten(item, **ways) for key, item in part.items()}
    if not isinstance(part.get("type"), str):
        return copy
    if with_more and are_keys_loose(part):
        return copy | {"extra_behavior": "allow"}
    return members.found_first(copy) if with_members and members.are_odd(part) else copy
