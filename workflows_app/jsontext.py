"""JSON as text: how every value of a run is written to and read from the database.

Knows nothing of Django. Text, not `jsonb`: what a step returned must come back as it was, NUL
characters and big numbers included, and PostgreSQL parses none of it on the hot path.
"""

import json
from typing import Any, Final

import orjson
from pydantic_core import from_json

#: Values longer than this many characters stand once; others refer to them.
INLINE_LIMIT: Final = 1024


class Raw(str):
    """A string that already is JSON text; `dumps` and the model fields write it as it stands."""

    __slots__ = ()


_PLAIN: Final[tuple[Any, ...]] = (str, int, float, dict, list)

#: JSON null, as text.
NULL: Final = Raw("null")


def dumps(value: object) -> Raw:
    """Return `value` as compact JSON text.

    Raises TypeError or ValueError for what JSON cannot hold.
    """
    if isinstance(value, Raw):
        return value
    try:
        text = orjson.dumps(value, default=_subclass, option=orjson.OPT_PASSTHROUGH_SUBCLASS)
    except (TypeError, ValueError):  # orjson refuses ints over 64 bits and lone surrogates
        return Raw(json.dumps(_parsed(value), separators=(",", ":"), allow_nan=False))
    return Raw(text.decode())


def loads(text: str | bytes) -> Any:
    """Return the value that `text` holds."""
    try:  # not orjson, which reads an int over 64 bits as a float
        return from_json(text, allow_inf_nan=False, cache_strings="keys")
    except ValueError:  # lone surrogates
        return json.loads(text)


def joined(parts: list[tuple[str, str]]) -> Raw:
    """Return an object whose values are JSON texts already, without parsing them again."""
    body = ",".join(f"{dumps(key)}:{text}" for key, text in parts)
    return Raw("{" + body + "}")


def _subclass(value: object) -> Any:
    """Pass a `Raw` through as it is, and an enum of strings or numbers as its value."""
    if isinstance(value, Raw):
        return orjson.Fragment(str(value))
    plain = next((kind for kind in _PLAIN if isinstance(value, kind)), None)
    if plain is not None:
        return plain(value)
    raise TypeError(f"{type(value).__name__} is not JSON serialisable.")


def _parsed(value: Any) -> Any:
    """Turn every `Raw` inside `value` back into what it says, for the encoder that knows none."""
    if isinstance(value, Raw):
        return loads(value)
    if isinstance(value, dict):
        return {key: _parsed(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_parsed(item) for item in value]
    return value
