"""The types of values that cross steps, through Pydantic: checks, and JSON in both directions."""

from collections.abc import Mapping
from enum import Enum
from typing import Any, Final, Never, NoReturn

from pydantic import TypeAdapter, ValidationError
from pydantic_core import SchemaValidator, from_json

from workflows_app import errors
from workflows_app.definition import faithful, iterators, json_schemas, rewriting, traits, writing
from workflows_app.definition.json_schemas import Mode
from workflows_app.definition.scopes import Scope
from workflows_app.jsontext import loads, loads_revealed, revealed, revealed_text


class Missing(Enum):
    """The type of MISSING."""

    MISSING = "MISSING"


#: Says that there is no value, because None is one.
MISSING: Final = Missing.MISSING

#: Annotations that check nothing; None means that no type was given (`type(None)` is the type). A
#: function that never returns (it suspends or bails) has no output to check.
_ANYTHING: Final = (Any, None, object, Never, NoReturn)

_UNTYPED: Final = traits.Traits()


class Schema:
    """One type, or none: how values of it are checked, read from JSON and written to it.

    A type that Pydantic cannot take raises InvalidStep naming `what` it is for: here, or in
    `prepare` if a name in it is not known yet. Values become JSON under the names of their fields;
    names and aliases are both read.
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
        #: Reads values made by code, where those may hold more than a person may give.
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
        """Pydantic's core schema of the type; None without a type."""
        adapter = self._adapter or self._prepared()
        return None if adapter is None else adapter.core_schema

    @property
    def shown(self) -> str:
        """The type as people write it."""
        return "anything" if self.is_any else _shown(self._annotation)

    def prepare(self) -> None:
        """Build what could not be built before. Raises InvalidStep for a name that is still
        unknown.
        """
        if self._adapter is None and not self.is_any:
            self._build(is_last_chance=True)

    @property
    def has_secrets(self) -> bool:
        """Whether values of this type have secret parts."""
        self.prepare()
        return self._traits.has_secrets

    @property
    def makes_values(self) -> bool:
        """Whether reading the same JSON twice may give different values, such as a new id each
        time.
        """
        self.prepare()
        return self._traits.makes_values

    @property
    def may_hold_iterators(self) -> bool:
        """Whether a value of this type may hold an iterator."""
        return self._traits.may_hold_iterators

    def load(self, text: str | bytes, *, is_given: bool = False) -> Any:
        """Return the value that JSON text holds; raises `pydantic.ValidationError`.

        `is_given`: a person wrote it, who may mean an alias that is also the name of a field.
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

        An instance passes unchanged. Another value fits if its JSON fits, as it would for the next
        step: a model of the same shape, or a date as text. A secret that was read from a run counts
        as the value that it hides. `is_made`: the code of a step made it, so a typed dict may be
        one of its subclasses.
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
        """Return JSON text in the form of this type: with defaults filled in and values as it reads
        them.

        The text stays unchanged if it does not fit, or if the type does not read what it writes.
        """
        if self.is_any:
            return text
        try:
            value = self.load(text, is_given=is_given)
            kept = self.dump(value).decode()
            if kept == text or faithful.difference(value, self.load(kept), is_open=True):
                return text
        except Exception:  # noqa: BLE001 - types are user code; the attempt reports what is wrong
            return text
        return kept

    def dump(
        self, value: object, unread: type[errors.WorkflowError] = errors.SerializationError
    ) -> bytes:
        """Return a value of this type as JSON; an instance of a subclass keeps all its fields.

        Raises SerializationError naming a type that JSON cannot hold or tell from another, also for
        NaN and infinity. Raises `unread` if the type would not read what it wrote.
        """
        adapter = self._adapter or self._prepared()
        try:
            text = writing.write(adapter, value, self._traits)
            # Pydantic writes null for numbers that JSON does not have, and None in keys; look only
            # if there are any.
            if b"null" in text or b"None" in text or b"NaN" in text or b"Infinity" in text:
                faithful.refuse_lost_numbers(writing.plain(adapter, value), text)
        except (ValueError, TypeError, RecursionError) as error:
            raise errors.SerializationError(
                f"A value of type {type(value).__name__} cannot be turned into JSON: {error}. "
                "Use models, dataclasses or plain values, or convert it first."
            ) from error
        if self._traits.is_doubtful:
            self._look_back(value, text, unread)
        return text

    def _look_back(self, value: object, text: bytes, unread: type[errors.WorkflowError]) -> None:
        """Refuse a value that this type would read back as something else."""
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
                f"A value of type {kind} changes when it is read back as "
                f"{_shown(self._annotation)}: {lost}. Let the type write everything that it reads."
            )
        is_lost = "is declared" in lost or "is not read" in lost
        raise (unread if is_lost else errors.SerializationError)(
            f"JSON cannot tell a value of type {kind} from another that "
            f"{_shown(self._annotation)} takes: {lost}. Declare a type that tells them apart, or "
            "convert it first."
        )

    def json_schema(self, mode: Mode = "validation") -> dict[str, Any] | None:
        """Return a fresh copy of the JSON schema; None without a type, or if Pydantic has none."""
        adapter = self._adapter or self._prepared()
        if adapter is None:
            return None
        if mode not in self._written:
            self._written[mode] = json_schemas.text_of(adapter, mode)
        schema: dict[str, Any] | None = from_json(self._written[mode])
        return schema

    def _prepared(self) -> TypeAdapter[Any] | None:
        self.prepare()
        return self._adapter

    def _build(self, *, is_last_chance: bool) -> None:
        try:
            self._adapter = self._adapt(is_last_chance=is_last_chance)
        except (NameError, AttributeError) as error:
            # The name may be defined further down in the file.
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
        """Let the type read and write values that it would not by itself."""
        core = adapter.core_schema
        if self._traits.has_odd_members:
            adapter.validator = rewriting.reader(core)
        if self._traits.has_loose_keys:
            adapter.serializer = rewriting.writer(core)
            self._maker = rewriting.reader(core, with_more=True)

    def _adapt(self, *, is_last_chance: bool) -> TypeAdapter[Any] | None:
        """Return the adapter; None without a type, or while a name is unknown."""
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


# A second look at what was refused.


def _second_look(adapter: TypeAdapter[Any], text: str | bytes, refusal: ValidationError) -> Any:
    """Return the value of text that Pydantic refused because numbers are keys of an enum."""
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
    """Turn the key at a place into the number that its text says."""
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


#: The schema of values of any type.
ANY: Final = Schema()
