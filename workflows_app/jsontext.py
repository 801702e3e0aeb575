"""JSON as text: how the values of runs are written to and read from the database.

Knows nothing of Django. Text, not `jsonb`, because a step's output must come back unchanged, NUL
characters and big numbers included, and PostgreSQL need not parse it on the hot path. A secret is
an object with one key (`SECRET`) in the text. It is read as a `Hidden`: a string of asterisks that
`dumps` writes back unchanged. Only the code of steps gets the value (`revealed`, `revealed_text`).
Encryption of secrets would change these three functions.
"""

import json
import re
from typing import Any, Final, Self

import orjson
from pydantic import Secret, SecretStr
from pydantic_core import from_json

#: Values longer than this many characters are stored once and referred to.
INLINE_LIMIT: Final = 1024

#: The key of the object for a secret text, and the key of one that holds another type as JSON.
SECRET: Final = "$signalbox:secret"  # noqa: S105 - a name
SECRET_JSON: Final = "$signalbox:secret-json"  # noqa: S105 - a name
#: How a secret is shown.
MASK: Final = "**********"

_BEGINS: Final = f'{{"{SECRET}'
_WRITTEN: Final = re.compile(
    rf'\{{"{re.escape(SECRET)}(-json)?":("(?:[^"\\]|\\.)*(?:"|\\?\Z))(?:\}}|\Z)', re.DOTALL
)
_HALF: Final = re.compile("[\ud800-\udfff]")


class Raw(str):
    """A string that already is JSON text; `dumps` and the model fields write it unchanged."""

    __slots__ = ()


class Hidden(str):
    """A secret that was read from a run: shown as asterisks, and written back unchanged."""

    __slots__ = ("key", "secret")

    key: str
    secret: str

    def __new__(cls, secret: str, key: str = SECRET) -> Self:
        """Hide a secret; `key` says in which form it was written."""
        made = super().__new__(cls, MASK)
        made.key, made.secret = key, secret
        return made

    def __getnewargs__(self) -> tuple[str, str]:  # type: ignore[override]
        """Return the arguments for a copy."""
        return self.secret, self.key

    def __eq__(self, other: object) -> bool:
        """Compare the hidden value with another secret, and the asterisks with text."""
        if isinstance(other, Hidden):
            return (self.secret, self.key) == (other.secret, other.key)
        return super().__eq__(other)

    def __hash__(self) -> int:
        return super().__hash__()

    def reveal(self) -> Any:
        """Return the value for the code of a step: text as a `SecretStr`, other types as a
        `Secret`.
        """
        if self.key == SECRET:
            return SecretStr(self.secret)
        return Secret[Any](json.loads(self.secret))


_PLAIN: Final[tuple[Any, ...]] = (str, int, float, dict, list)

#: JSON null, as text.
NULL: Final = Raw("null")


def dumps(value: object) -> Raw:
    """Return `value` as compact JSON text. Raises TypeError or ValueError if JSON cannot."""
    if isinstance(value, Raw):
        return value
    try:
        text = orjson.dumps(value, default=_subclass, option=orjson.OPT_PASSTHROUGH_SUBCLASS)
    except (TypeError, ValueError):  # orjson refuses ints over 64 bits and lone surrogates
        return Raw(json.dumps(_parsed(value), separators=(",", ":"), allow_nan=False))
    return Raw(text.decode())


def loads(text: str | bytes) -> Any:
    """Return the value that `text` holds. Half of a character pair is read as its escape."""
    try:  # not orjson, which reads an int over 64 bits as a float
        value = from_json(text, allow_inf_nan=False, cache_strings="keys")
    except ValueError:  # lone surrogates, or nested deeply
        value = clean(json.loads(text))
    return _hidden(value) if _holds_secret(text) else value


def loads_shown(text: str | bytes) -> Any:
    """Return what `loads` returns, with numbers that Python does not read as their digits.

    For pages, because earlier releases wrote such numbers.
    """
    try:
        return loads(text)
    except ValueError:
        return clean(json.loads(text, parse_int=_whole))


def _whole(digits: str) -> int | str:
    try:
        return int(digits)
    except ValueError:
        return digits


def loads_revealed(text: str | bytes) -> Any:
    """Return the value that `text` holds with its secrets, for the code of a step."""
    value = loads(text)
    return revealed(value) if _holds_secret(text) else value


def joined(parts: list[tuple[str, str]]) -> Raw:
    """Return an object whose values are JSON texts already, without parsing them."""
    body = ",".join(f"{dumps(key)}:{text}" for key, text in parts)
    return Raw("{" + body + "}")


# Halves of character pairs, which no encoding takes.


def clean_text(text: str) -> str:
    r"""Return `text` with lone surrogates as their escapes (`\udce9`); pairs become characters."""
    if text.isascii() or not _HALF.search(text):
        return text
    paired = text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")
    return paired.encode("utf-8", "backslashreplace").decode()


def clean_key(key: Any) -> Any:
    """Return a text key cleaned by `clean_text`; other keys, which become text later, unchanged."""
    return clean_text(key) if isinstance(key, str) else key


def clean(value: Any) -> Any:
    """Return a JSON value with all its texts and keys cleaned by `clean_text`.

    Raises ValueError if two keys of one object become the same.
    """
    if isinstance(value, str):
        return clean_text(value)
    if isinstance(value, dict):
        cleaned = {clean_text(key): clean(item) for key, item in value.items()}
        if len(cleaned) != len(value):
            raise ValueError("two keys of one object differ only in half of a character pair")
        return cleaned
    if isinstance(value, (list, tuple)):
        return [clean(item) for item in value]
    return value


# Secrets.


def blanked(value: Any) -> Any:
    """Return a value with its secrets left empty, for somebody to fill in."""
    if isinstance(value, Hidden):
        return ""
    if isinstance(value, dict):
        return {key: blanked(item) for key, item in value.items()}
    if isinstance(value, list):
        return [blanked(item) for item in value]
    return value


def masked_text(text: str) -> str:
    """Return JSON text, which may be cut off, with asterisks instead of secrets."""
    return _WRITTEN.sub(f'"{MASK}"', text) if _BEGINS in text else text


def revealed_text(text: str | bytes) -> str | bytes:
    """Return JSON text with the values of its secrets, so that a type can read it."""
    if not _holds_secret(text):
        return text
    plain = text if isinstance(text, str) else text.decode()
    return _WRITTEN.sub(lambda found: json.loads(found[2]) if found[1] else found[2], plain)


def revealed(value: Any) -> Any:
    """Return a value with its secrets revealed, as the code of a step gets them."""
    if isinstance(value, Hidden):
        return value.reveal()
    if isinstance(value, dict):
        return {key: revealed(item) for key, item in value.items()}
    if isinstance(value, list):
        return [revealed(item) for item in value]
    return value


def _holds_secret(text: str | bytes) -> bool:
    return _BEGINS in text if isinstance(text, str) else _BEGINS.encode() in text


def _hidden(value: Any) -> Any:
    if isinstance(value, list):
        return [_hidden(item) for item in value]
    if not isinstance(value, dict):
        return value
    if len(value) == 1:
        ((key, secret),) = value.items()
        if key in {SECRET, SECRET_JSON} and isinstance(secret, str):
            return Hidden(secret, key)
    return {key: _hidden(item) for key, item in value.items()}


# Encoding.


def _subclass(value: object) -> Any:
    """Pass a `Raw` through as it is, and an enum of strings or numbers as its value."""
    if isinstance(value, Raw):
        return orjson.Fragment(str(value))
    if isinstance(value, Hidden):
        return {value.key: value.secret}
    plain = next((kind for kind in _PLAIN if isinstance(value, kind)), None)
    if plain is not None:
        return plain(value)
    raise TypeError(f"{type(value).__name__} is not JSON serialisable.")


def _parsed(value: Any) -> Any:
    """Replace every `Raw` inside `value` by its value, for an encoder that does not know `Raw`."""
    if isinstance(value, Raw):
        return _parsed(loads(value))
    if isinstance(value, Hidden):
        return {value.key: value.secret}
    if isinstance(value, dict):
        return {key: _parsed(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_parsed(item) for item in value]
    return value
