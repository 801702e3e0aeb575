"""The surroundings of a type in a JSON schema: references, depth, and null as an alternative."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, tzinfo

from .wording import Schema

#: Deeper than this, forms are harder to read than JSON.
MAX_DEPTH = 6
#: How often a shape may contain itself, in lists and maps, before it is edited as JSON.
MOST_ROUNDS = 3


@dataclass(frozen=True)
class Scope:
    """A position in the schema: its definitions, and the references that led there."""

    defs: Mapping[str, Schema]
    through: tuple[str, ...] = ()
    depth: int = 0
    #: The zone in which moments are shown and read.
    zone: tzinfo = UTC
    #: Whether a list or a map is above, whose rows exist only once somebody adds them.
    is_in_rows: bool = False

    def goes_round(self, name: str) -> bool:
        """Return whether a shape contains itself once more than a form shows."""
        return self.through.count(name) >= (MOST_ROUNDS if self.is_in_rows else 1)

    def inside(self) -> "Scope":
        """Return the scope one level deeper."""
        return replace(self, depth=self.depth + 1)


@dataclass(frozen=True)
class Role:
    """What the surroundings say about a field: its key, and whether it must be given."""

    key: str = ""
    required: bool = True


def resolved(schema: Schema, scope: Scope) -> tuple[Schema, Scope, bool]:
    """Follow `$ref` and a lone `allOf`; the last value says whether that led round in a circle."""
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


def without_null(schema: Schema) -> tuple[Schema, bool]:
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
