"""The types of values that cross steps, through Pydantic: what fits, and how it becomes JSON."""

import json
import math
from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Any, Final, Literal, Never, NoReturn

from pydantic import TypeAdapter, ValidationError
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaWarningKind
from pydantic_core import (
    PydanticSerializationError,
    from_json,
    to_json,
    to_jsonable_python,
)

from workflows_app import errors
from workflows_app.definition.scopes import Scope
from workflows_app.jsontext import loads

Mode = Literal["validation", "serialization"]


class Missing(Enum):
    """The type of MISSING."""

    MISSING = "MISSING"


#: Says that there is no value, where None is one.
MISSING: Final = Missing.MISSING

#: Annotations that ask for nothing; None is "no type was given" (`type(None)` is the type).
#: A function that never returns (it suspends or bails) has no output to check.
_ANYTHING: Final = (Any, None, object, Never, NoReturn)


class Schema:
    """One type, or none: how values of it are checked, read from JSON and written to it.

    A type that Pydantic cannot take raises InvalidStep, naming `what` it was given for, here or,
    where a name in it is not known yet, in `prepare`. Values become JSON under their aliases.
    """

    __slots__ = ("_adapter", "_annotation", "_scope", "_what", "_written", "is_any")

    def __init__(
        self, annotation: Any = Any, what: str = "A value", scope: Scope | None = None
    ) -> None:
        self._annotation = annotation
        self._what = what
        self._scope = scope
        self._adapter: TypeAdapter[Any] | None = None
        self._written: dict[Mode, bytes] = {}
        #: No type was given: values pass untouched.
        self.is_any = _is_anything(annotation)
        if not self.is_any:
            self._build(is_last_chance=False)

    def __repr__(self) -> str:
        return f"Schema({_shown(self._annotation)})"

    @property
    def core(self) -> Mapping[str, Any] | None:
        """What Pydantic's core knows of the type; None for no type."""
        adapter = self._adapter or self._prepared()
        return None if adapter is None else adapter.core_schema

    @property
    def shown(self) -> str:
        """The type as people write it."""
        return "anything" if self.is_any else _shown(self._annotation)

    def prepare(self) -> None:
        """Build what could not be built before; InvalidStep for a name that is still unknown."""
        if self._adapter is None and not self.is_any:
            self._build(is_last_chance=True)

    def load(self, text: str | bytes) -> Any:
        """Return the value that JSON text holds; raises `pydantic.ValidationError`."""
        adapter = self._adapter or self._prepared()
        return loads(text) if adapter is None else adapter.validate_json(text)

    def check(self, value: object) -> Any:
        """Return a value given from Python as this type; raises `pydantic.ValidationError`.

        An instance passes as it is. What does not fit as it stands fits when its JSON does, as
        for the next step it would: a model of the same shape, or a date as text.
        """
        adapter = self._adapter or self._prepared()
        if adapter is None:
            return value
        try:
            return adapter.validate_python(value)
        except ValidationError as refusal:
            try:
                return adapter.validate_json(to_json(value))
            except (ValidationError, PydanticSerializationError):
                raise refusal from None

    def dump(self, value: object) -> bytes:
        """Return a value of this type as JSON.

        Raises SerializationError, saying which type JSON cannot hold; NaN and infinity, too.
        """
        adapter = self._adapter or self._prepared()
        try:
            text = _write(adapter, value)
            # Pydantic writes null for numbers that JSON has no word for; only look when it may.
            if b"null" in text or b"NaN" in text or b"Infinity" in text:
                _refuse_lost_numbers(_plain(adapter, value), text)
        except (ValueError, TypeError, RecursionError) as error:
            raise errors.SerializationError(
                f"A value of type {type(value).__name__} cannot be turned into JSON: {error}. "
                "Use models, dataclasses or plain values, or convert it first."
            ) from error
        return text

    def json_schema(self, mode: Mode = "validation") -> dict[str, Any] | None:
        """Return a fresh copy of the JSON schema; None for no type, or where Pydantic has none."""
        adapter = self._adapter or self._prepared()
        if adapter is None:
            return None
        if mode not in self._written:
            self._written[mode] = _schema_text(adapter, mode)
        schema: dict[str, Any] | None = from_json(self._written[mode])
        return schema

    def _prepared(self) -> TypeAdapter[Any] | None:
        self.prepare()
        return self._adapter

    def _build(self, *, is_last_chance: bool) -> None:
        try:
            self._adapter = self._adapt(is_last_chance=is_last_chance)
        except (NameError, AttributeError) as error:
            # Perhaps the name is defined further down in the file.
            if is_last_chance:
                raise self._refusal(error) from error
        except Exception as error:  # the hooks of user types may raise anything
            raise self._refusal(error) from error
        if self._adapter is not None or self.is_any:
            self._scope = None

    def _adapt(self, *, is_last_chance: bool) -> TypeAdapter[Any] | None:
        """Return the adapter; None for no type, or when it waits for a name."""
        type_ = self._scope.resolve(self._annotation) if self._scope else self._annotation
        if _is_anything(type_):
            self.is_any = True
            return None
        adapter: TypeAdapter[Any] = TypeAdapter(type_)
        if adapter.pydantic_complete:
            return adapter
        names = self._scope.names() if self._scope else None
        is_complete = adapter.rebuild(raise_errors=is_last_chance, _types_namespace=names)
        return adapter if is_complete else None

    def _refusal(self, error: Exception) -> errors.InvalidStep:
        reason = str(error).partition("\n")[0].strip().rstrip(".") or type(error).__name__
        way_out = "Use a model, a dataclass or another type that Pydantic knows"
        if isinstance(error, (NameError, AttributeError)):
            way_out = "Import the name where it is used (not only under TYPE_CHECKING)"
        return errors.InvalidStep(
            f"{self._what} is declared as {_shown(self._annotation)}, which cannot be used as a "
            f"type: {reason}. {way_out}, or leave the type out."
        )


def _is_anything(annotation: Any) -> bool:
    return any(annotation is each for each in _ANYTHING)


def _shown(annotation: Any) -> str:
    is_class = isinstance(annotation, type) and not hasattr(annotation, "__origin__")
    return annotation.__qualname__ if is_class else repr(annotation)


# Writing. With Pydantic alone, so that a value is written in one way wherever it stands.


def _write(adapter: TypeAdapter[Any] | None, value: object) -> bytes:
    try:
        if adapter is None:
            return to_json(value)
        return adapter.dump_json(value, by_alias=True, warnings=False)
    except PydanticSerializationError as error:
        if "surrogates not allowed" not in str(error):
            raise
    return json.dumps(_plain(adapter, value, "json"), separators=(",", ":")).encode()


def _plain(
    adapter: TypeAdapter[Any] | None, value: object, mode: Literal["json", "python"] = "python"
) -> Any:
    if adapter is None and mode == "json":
        return to_jsonable_python(value)
    return (adapter or _OPEN).dump_python(value, mode=mode, by_alias=True, warnings=False)


_OPEN: Final[TypeAdapter[Any]] = TypeAdapter(Any)


def _refuse_lost_numbers(value: object, text: bytes) -> None:
    for place, number in _lost_numbers(value, loads(text), ""):
        at = f" at {place!r}" if place else ""
        raise ValueError(f"JSON has no number for {number}{at}; write None or text instead")


def _lost_numbers(value: object, written: object, place: str) -> Iterable[tuple[str, float]]:
    """Yield each NaN or infinity of `value` that is none in what was `written` of it."""
    if isinstance(value, float) and not math.isfinite(value):
        if not isinstance(written, str):  # a model may say that it writes them as text
            yield place, value
    elif isinstance(value, dict) and isinstance(written, dict):
        for (key, part), item in zip(written.items(), value.values(), strict=False):
            yield from _lost_numbers(item, part, f"{place}.{key}".lstrip("."))
    elif isinstance(value, (list, tuple, set, frozenset)) and isinstance(written, list):
        for index, (item, part) in enumerate(zip(value, written, strict=False)):
            yield from _lost_numbers(item, part, f"{place}.{index}".lstrip("."))


# JSON schemas.


class _Generator(GenerateJsonSchema):
    """Pydantic's own, but silent, and the same in every process."""

    ignored_warning_kinds: set[JsonSchemaWarningKind] = {
        "skipped-choice",
        "non-serializable-default",
    }

    def union_schema(self, schema: Any) -> dict[str, Any]:
        """Mark the text of `float | str`, or it would look like a `Decimal`."""
        written = super().union_schema(schema)
        if written.get("anyOf") == [{"type": "number"}, {"type": "string"}]:
            written["anyOf"][1]["format"] = "text"
        return written

    def datetime_schema(self, schema: Any) -> dict[str, Any]:
        """Mark a moment that takes no zone, or a form would send it with one."""
        written = super().datetime_schema(schema)
        is_naive = schema.get("tz_constraint") == "naive"
        return written | {"x-without-zone": True} if is_naive else written

    def encode_default(self, dft: Any) -> Any:
        """Write a default; a set in one order, or the hash of the graph would change by itself."""
        written = super().encode_default(dft)
        return sorted(written, key=json.dumps) if isinstance(dft, (set, frozenset)) else written


def _schema_text(adapter: TypeAdapter[Any], mode: Mode) -> bytes:
    try:
        schema = adapter.json_schema(mode=mode, schema_generator=_Generator)
        return to_json(schema, inf_nan_mode="null")
    except Exception:  # noqa: BLE001 - user types take part in this; without a schema they still work
        return b"null"


#: The schema of values of any type.
ANY: Final = Schema()
