"""What a type is made of, as far as reading and writing its values depends on it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from workflows_app.definition import members, rewriting

#: Types whose values are written unchanged, if everything in them is.
_JSON: Final = frozenset(
    {"any", "dict", "list", "str", "int", "float", "bool", "none", "nullable", "default"}
)
#: Types with fields that have names and aliases.
_FIELDS: Final = frozenset({"model-fields", "typed-dict", "dataclass-args"})
#: Types that may hold anything.
_OPEN: Final = frozenset({"any", "is-instance", "is-subclass", "callable"})
#: Default factories that make the same value each time.
_SAME: Final = (dict, list, set, frozenset, tuple, str, int, float, bool)
#: Keys of a schema that hold no other schema that counts.
_BESIDE: Final = frozenset(
    {"metadata", "serialization", "config", "cls", "function", "python_schema"}
)


@dataclass(frozen=True, slots=True)
class Traits:
    """What is true of a type."""

    #: Its values are written as untyped ones are.
    is_plain: bool = True
    #: Somewhere it takes anything.
    is_open: bool = True
    #: It contains itself, to any depth.
    is_recursive: bool = False
    #: It may read back something other than it wrote, so this needs a check.
    is_doubtful: bool = False
    #: User code says how it is written, or that a part is left out.
    is_custom: bool = False
    #: Some of its fields have aliases, which may be the names of other fields.
    has_aliases: bool = False
    are_names_mixed: bool = False
    #: It does not read everything that it writes, unless told to write for its own reader.
    writes_more: bool = False
    has_secrets: bool = False
    #: An enum or a literal has values that look different in JSON.
    has_odd_members: bool = False
    #: Values of it may hold iterators.
    may_hold_iterators: bool = True
    #: A default is a function, such as one that gives a new id each time.
    makes_values: bool = False
    #: A typed dict neither allows nor forbids the keys of its subclasses.
    has_loose_keys: bool = False


def of(schema: Mapping[str, Any]) -> Traits:
    """Return the traits of a type, by its core schema."""
    nodes = list(_nodes(schema))
    fields = [node for node in nodes if node["type"] in _FIELDS]
    kinds = {node["type"] for node in nodes}
    extras = {_extra(node) for node in nodes}
    has_computed = any(node.get("computed_fields") for node in fields)
    writers = [function for node in nodes for function in _writers(node)]
    is_custom = any(_is_custom(node) for node in nodes) or any(map(_leaves_out, fields))
    names_mixed = any(_are_mixed(node) for node in fields)
    has_odd_members = any(members.are_odd(node) for node in nodes)
    return Traits(
        is_plain=kinds <= _JSON and not writers,
        is_open=bool(kinds & _OPEN),
        is_recursive="definition-ref" in kinds,
        is_doubtful=names_mixed
        or has_odd_members
        or is_custom
        or bool(extras - {None, "ignore"})
        or bool(kinds & {"dataclass", "json", "tagged-union"})
        or any(_is_union(node) or _has_odd_keys(node) for node in nodes),
        is_custom=is_custom,
        has_aliases=any(True for node in fields for _ in _aliases(node)),
        are_names_mixed=names_mixed,
        writes_more="json" in kinds or (has_computed and bool(extras - {None, "ignore"})),
        has_secrets=any("_serialize_secret" in _name(writer) for writer in writers),
        has_odd_members=has_odd_members,
        may_hold_iterators=bool(kinds & (_OPEN | {"generator", "dataclass"})),
        makes_values=any(_is_made(node) for node in nodes),
        has_loose_keys=any(rewriting.are_keys_loose(node) for node in nodes),
    )


def _nodes(schema: Any) -> Iterator[Mapping[str, Any]]:
    waiting = [schema]
    while waiting:
        part = waiting.pop()
        if isinstance(part, dict):
            if isinstance(part.get("type"), str):
                yield part
            waiting += [item for key, item in part.items() if key not in _BESIDE]
        elif isinstance(part, (list, tuple)):
            waiting += part


def _extra(node: Mapping[str, Any]) -> str | None:
    config = node.get("config") or {}
    found: str | None = node.get("extra_behavior") or config.get("extra_fields_behavior")
    return found


def _is_union(node: Mapping[str, Any]) -> bool:
    # Some of Pydantic's own types are unions, too: several ways to read one thing.
    return node["type"] == "union" and "custom_error_type" not in node


def _has_odd_keys(node: Mapping[str, Any]) -> bool:
    keys = node.get("keys_schema") if node["type"] == "dict" else None
    return keys is not None and keys["type"] not in {"str", "any"}


def _is_made(node: Mapping[str, Any]) -> bool:
    factory = node.get("default_factory") if node["type"] == "default" else None
    return factory is not None and factory not in _SAME


def _writers(node: Mapping[str, Any]) -> Iterator[Any]:
    function = (node.get("serialization") or {}).get("function")
    if function is not None:
        yield function


def _is_custom(node: Mapping[str, Any]) -> bool:
    """Return whether user code says how a part is written, perhaps not how it is read."""
    if any(not _module(writer).startswith("pydantic") for writer in _writers(node)):
        return True
    is_format = (node.get("serialization") or {}).get("type") == "format"
    return is_format or any(key.startswith("ser_json_") for key in node.get("config") or ())


def _module(function: Any) -> str:
    return getattr(function, "__module__", None) or ""


def _name(function: Any) -> str:
    return getattr(function, "__name__", "")


def _fields(node: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    fields = node["fields"]
    if isinstance(fields, dict):
        yield from fields.items()
    else:
        yield from ((field["name"], field) for field in fields)


def _leaves_out(node: Mapping[str, Any]) -> bool:
    return any(
        field.get("serialization_exclude") or field.get("serialization_exclude_if")
        for _, field in _fields(node)
    )


def _aliases(node: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield each field with the first key of each of its aliases."""
    for name, field in _fields(node):
        alias = field.get("validation_alias")
        paths = alias if isinstance(alias, list) else [[alias]] if alias else []
        for path in paths:
            first = path[0] if isinstance(path, list) else path
            if first != name:
                yield name, first


def _are_mixed(node: Mapping[str, Any]) -> bool:
    names = {name for name, _ in _fields(node)}
    return any(alias in names for _, alias in _aliases(node))
