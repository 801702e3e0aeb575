"""The JSON schema of a type, as forms and the API show it."""

import json
from typing import Any, Literal

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaWarningKind
from pydantic_core import to_json

Mode = Literal["validation", "serialization"]


class _Generator(GenerateJsonSchema):
    """Pydantic's generator, but silent, and with the same result in every process."""

    ignored_warning_kinds: set[JsonSchemaWarningKind] = {
        "skipped-choice",
        "non-serializable-default",
    }

    def union_schema(self, schema: Any) -> dict[str, Any]:
        """Mark the text of `float | str`, because it would look like a `Decimal`."""
        written = super().union_schema(schema)
        if written.get("anyOf") == [{"type": "number"}, {"type": "string"}]:
            written["anyOf"][1]["format"] = "text"
        return written

    def datetime_schema(self, schema: Any) -> dict[str, Any]:
        """Mark a moment without a zone, because a form would send it with one."""
        written = super().datetime_schema(schema)
        is_naive = schema.get("tz_constraint") == "naive"
        return written | {"x-without-zone": True} if is_naive else written

    def encode_default(self, dft: Any) -> Any:
        """Write a default; sort sets, because the hash of the graph would change by itself."""
        written = super().encode_default(dft)
        return sorted(written, key=json.dumps) if isinstance(dft, (set, frozenset)) else written


def text_of(adapter: TypeAdapter[Any], mode: Mode) -> bytes:
    """Return the JSON schema of a type as text; `null` if Pydantic has none."""
    try:
        schema = adapter.json_schema(by_alias=False, mode=mode, schema_generator=_Generator)
        return to_json(schema, inf_nan_mode="null")
    except Exception:  # noqa: BLE001 - user types may raise here; they work without a schema, too
        return b"null"
