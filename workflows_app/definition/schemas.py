"""The types of values that cross steps, through Pydantic: what fits, and how it becomes JSON."""

import json
from collections.abc import Mapping
from enum import Enum
from typing import Any, Final, Literal, Never, NoReturn

import orjson
from pydantic import TypeAdapter, ValidationError
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaWarningKind
from pydantic_core import (
    PydanticSerializationError,
    SchemaValidator,
    from_json,
    to_json,
)

from workflows_app import errors
from workflows_app.definition import faithful, iterators, rewriting, traits
from workflows_app.definition.scopes import Scope
from workflows_app.jsontext import clean, loads, loads_revealed, revealed, revealed_text

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
    where a name in it is not known yet, in `prepare`. Values become JSON under the names of their
    fields, whatever aliases those have for people; both are read.
    """

    __slots__ = (
        "_adapter", "_annotation", "_maker", "_scope", "_traits", "_what", "_written", "is_any",
    )  # fmt: skip

    def __init__(
        self, annotation: Any = Any, what: str = "A value", scope: Scope | None = None
    ) -> None:
        self._annotation = annotation
        self._what = what
        self._scope = scope
        self._adapter: TypeAdapter[Any] | None = None
        #: Reads what code of the type made, where that is more than a person may give.
        self._maker: SchemaValidator | None = None
        self._traits = _UNTYPED
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

    @property
    def has_secrets(self) -> bool:
        """Whether values of this type have parts that nobody is to see."""
        self.prepare()
        return self._traits.has_secrets

    @property
    def makes_values(self) -> bool:
        """Whether a value may be another each time that it is made of the same."""
        self.prepare()
        return self._traits.makes_values

    @property
    def may_hold_iterators(self) -> bool:
        """Whether something in a value of this type may be an iterator."""
        return self._traits.may_hold_iterators

    def load(self, text: str | bytes, *, is_given: bool = False) -> Any:
        """Return the value that JSON text holds; raises `pydantic.ValidationError`.

        `is_given`: somebody wrote it, and may mean an alias where a field of that name is, too.
        """
        adapter = self._adapter or self._prepared()
        if adapter is None:
            return loads_revealed(text)
        plain = revealed_text(text)
        if self._traits.are_names_mixed and not is_given:
            try:
                return adapter.validate_json(plain, by_alias=False, by_name=True)
            except ValidationError:
                pass
        try:
            if not self._traits.has_aliases:
                return adapter.validate_json(plain)
            return adapter.validate_json(plain, by_alias=True, by_name=True)
        except ValidationError as refusal:
            return _second_look(adapter, plain, refusal)

    def check(self, value: object, *, is_made: bool = False) -> Any:
        """Return a value given from Python as this type; raises `pydantic.ValidationError`.

        An instance passes as it is. What does not fit as it stands fits when its JSON does, as
        for the next step it would: a model of the same shape, or a date as text. A secret that was
        read from a run is taken as what it hides.

        `is_made`: the code of a step made it, so that a typed dict may be one of its subclasses.
        """
        adapter = self._adapter or self._prepared()
        if adapter is None:
            return value
        if self._traits.has_secrets:
            value = revealed(value)
        reader = self._maker if is_made and self._maker is not None else adapter.validator
        try:
            if not self._traits.has_aliases:
                return reader.validate_python(value)
            return reader.validate_python(value, by_alias=True, by_name=True)
        except ValidationError as refusal:
            try:
                return self.load(ANY.dump(value), is_given=True)
            except (ValidationError, errors.SerializationError):
                raise refusal from None

    def kept(self, text: str, *, is_given: bool = False) -> str:
        """Return JSON text as this type has it: defaults filled in, and values as it reads them.

        The text itself where it does not fit, or where the type does not read what it writes.
        """
        if self.is_any:
            return text
        try:
            value = self.load(text, is_given=is_given)
            kept = self.dump(value).decode()
            if kept == text or faithful.difference(value, self.load(kept), is_open=True):
                return text
        except Exception:  # noqa: BLE001 - types are user code; the attempt tells what is wrong
            return text
        return kept

    def dump(
        self, value: object, unread: type[errors.WorkflowError] = errors.SerializationError
    ) -> bytes:
        """Return a value of this type as JSON, a subclass of it as what it is.

        Raises SerializationError, saying which type JSON cannot hold, or keep apart from another;
        NaN and infinity, too. Raises `unread` where the type would not read what it wrote.
        """
        adapter = self._adapter or self._prepared()
        try:
            text = _write(adapter, value, self._traits)
            # Pydantic writes null for numbers that JSON has no word for, and None in keys; only
            # look when it may.
            if b"null" in text or b"None" in text or b"NaN" in text or b"Infinity" in text:
                faithful.refuse_lost_numbers(_plain(adapter, value), text)
        except (ValueError, TypeError, RecursionError) as error:
            raise errors.SerializationError(
                f"A value of type {type(value).__name__} cannot be turned into JSON: {error}. "
                "Use models, dataclasses or plain values, or convert it first."
            ) from error
        if self._traits.is_doubtful:
            self._look_back(value, text, unread)
        return text

    def _look_back(self, value: object, text: bytes, unread: type[errors.WorkflowError]) -> None:
        """Refuse what this type would not read as what it was."""
        kind = type(value).__name__
        try:
            read = self.load(text)
        except ValidationError as refusal:
            first = refusal.errors(include_url=False, include_input=False)[0]
            place = ".".join(str(part) for part in first["loc"])
            raise unread(
                f"A value of type {kind} is not read by the type that is declared, "
                f"{_shown(self._annotation)}: {place or 'it'}: {first['msg']}. Declare what it is."
            ) from refusal
        lost = faithful.difference(value, read, is_open=self._traits.is_open)
        if not lost:
            return
        if self._traits.is_custom:
            raise unread(
                f"A value of type {kind} is not what is read of it as {_shown(self._annotation)}: "
                f"{lost}. Let the type write all that it is, as it reads it."
            )
        is_lost = "is declared" in lost or "is not read" in lost
        raise (unread if is_lost else errors.SerializationError)(
            f"JSON does not keep a value of type {kind} apart from another that "
            f"{_shown(self._annotation)} takes: {lost}. Declare a type that tells them apart, or "
            "convert it first."
        )

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
        if self._adapter is not None:
            self._traits = traits.of(self._adapter.core_schema)
            self._rewrite(self._adapter)
        if self._adapter is not None or self.is_any:
            self._scope = None

    def _rewrite(self, adapter: TypeAdapter[Any]) -> None:
        """Let the type read and write what it would not by itself."""
        core = adapter.core_schema
        if self._traits.has_odd_members:
            adapter.validator = rewriting.reader(core)
        if self._traits.has_loose_keys:
            adapter.serializer = rewriting.writer(core)
            self._maker = rewriting.reader(core, with_more=True)

    def _adapt(self, *, is_last_chance: bool) -> TypeAdapter[Any] | None:
        """Return the adapter; None for no type, or when it waits for a name."""
        type_ = self._scope.resolve(self._annotation) if self._scope else self._annotation
        if _is_anything(type_):
            self.is_any = True
            return None
        adapter: TypeAdapter[Any] = TypeAdapter(iterators.as_iterable(type_))
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


def _write(adapter: TypeAdapter[Any] | None, value: object, of: traits.Traits) -> bytes:
    if of.is_plain:
        try:  # what is JSON already, in a tenth of the time
            text = orjson.dumps(value, option=_AS_IT_STANDS)
        except TypeError:
            pass
        else:
            faithful.check_reserved(text)
            faithful.check_depth(text)
            return text
    text = _with_pydantic(adapter, value, of)
    faithful.check_reserved(text)
    faithful.check_numbers(text)
    if of.has_secrets or (of.is_open and faithful.may_hide(text)):
        text = to_json(faithful.with_secrets(_plain(adapter, value), loads(text)))
    if of.is_open or of.is_recursive:
        faithful.check_depth(text)
        faithful.check_keys(text)
    return text


def _with_pydantic(adapter: TypeAdapter[Any] | None, value: object, of: traits.Traits) -> bytes:
    try:
        text = (adapter or _OPEN).dump_json(value, round_trip=of.writes_more, **_BY_NAME)
        if _REPLACED not in text:
            return text
    except PydanticSerializationError as error:
        if "surrogates not allowed" not in str(error):
            raise
    value = faithful.clean_keys(value)
    plain = (adapter or _OPEN).dump_python(
        value, mode="json", round_trip=of.writes_more, **_BY_NAME
    )
    return to_json(faithful.with_keys(_plain(adapter, value), clean(plain)))


def _plain(adapter: TypeAdapter[Any] | None, value: object) -> Any:
    """Return a value as plain Python has it: numbers and secrets as they are."""
    try:
        return (adapter or _OPEN).dump_python(value, **_BY_NAME)
    except UnicodeEncodeError:
        return (adapter or _OPEN).dump_python(faithful.clean_keys(value), **_BY_NAME)


#: What Pydantic writes for half of a character pair in a key; anybody else may write it, too.
_REPLACED: Final = "\ufffd".encode()
#: Values are written and read by the names of fields; aliases are for people.
_BY_NAME: Final[Any] = {"by_alias": False, "warnings": False, "polymorphic_serialization": True}
_OPEN: Final[TypeAdapter[Any]] = TypeAdapter(Any)
_UNTYPED: Final = traits.Traits()
_AS_IT_STANDS: Final = (
    orjson.OPT_PASSTHROUGH_SUBCLASS
    | orjson.OPT_PASSTHROUGH_DATACLASS
    | orjson.OPT_PASSTHROUGH_DATETIME
)


# A second look at what was refused.


def _second_look(adapter: TypeAdapter[Any], text: str | bytes, refusal: ValidationError) -> Any:
    """Return what JSON could not say to Pydantic: numbers as keys of an enum."""
    keys = [p["loc"] for p in refusal.errors(include_url=False) if p["loc"][-1:] == ("[key]",)]
    if not keys or len(keys) != refusal.error_count():
        raise refusal
    value = loads(text)
    for loc in keys:
        _number_key(value, loc[:-1])
    try:
        return adapter.validate_python(value, by_alias=True, by_name=True)
    except ValidationError:
        raise refusal from None


def _number_key(value: Any, loc: tuple[Any, ...]) -> None:
    """Let the key at a place be the number that it is written as."""
    for part in loc[:-1]:
        if isinstance(value, list) or (isinstance(value, dict) and part in value):
            value = value[part]
    if isinstance(value, dict):
        items = list(value.items())
        value.clear()
        value.update((_number(key) if key == loc[-1] else key, item) for key, item in items)


def _number(key: Any) -> Any:
    try:
        return int(key)
    except (TypeError, ValueError):
        return key


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
        schema = adapter.json_schema(by_alias=False, mode=mode, schema_generator=_Generator)
        return to_json(schema, inf_nan_mode="null")
    except Exception:  # noqa: BLE001 - user types take part in this; without a schema they still work
        return b"null"


#: The schema of values of any type.
ANY: Final = Schema()
