"""Writes values as JSON through Pydantic, so that a value is written in the same way everywhere."""

from typing import Any, Final

import orjson
from pydantic import TypeAdapter
from pydantic_core import PydanticSerializationError, to_json

from workflows_app.definition import faithful, traits
from workflows_app.jsontext import clean, loads


def write(adapter: TypeAdapter[Any] | None, value: object, of: traits.Traits) -> bytes:
    """Return a value as JSON text; the adapter of its type is None if it has none.

    Raises SerializationError, and the errors of Pydantic for what JSON cannot hold.
    """
    if of.is_plain:
        try:  # plain JSON values take a tenth of the time
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
        text = to_json(faithful.with_secrets(plain(adapter, value), loads(text)))
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
    written = (adapter or _OPEN).dump_python(
        value, mode="json", round_trip=of.writes_more, **_BY_NAME
    )
    return to_json(faithful.with_keys(plain(adapter, value), clean(written)))


def plain(adapter: TypeAdapter[Any] | None, value: object) -> Any:
    """Return a value as plain Python: numbers and secrets unchanged."""
    try:
        return (adapter or _OPEN).dump_python(value, **_BY_NAME)
    except UnicodeEncodeError:
        return (adapter or _OPEN).dump_python(faithful.clean_keys(value), **_BY_NAME)


#: What Pydantic writes for half of a character pair in a key; other text may hold it, too.
_REPLACED: Final = "\ufffd".encode()
#: Values are written and read by the names of fields; aliases are for people.
_BY_NAME: Final[Any] = {"by_alias": False, "warnings": False, "polymorphic_serialization": True}
_OPEN: Final[TypeAdapter[Any]] = TypeAdapter(Any)
_AS_IT_STANDS: Final = (
    orjson.OPT_PASSTHROUGH_SUBCLASS
    | orjson.OPT_PASSTHROUGH_DATACLASS
    | orjson.OPT_PASSTHROUGH_DATETIME
)
