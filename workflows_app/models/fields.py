"""Model fields of this product. JSON is stored as text; see `workflows_app.jsontext`."""

import random
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

import uuid_utils.compat
from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import expressions

from workflows_app import jsontext

if TYPE_CHECKING:
    import uuid

    _JSONBase = models.TextField[Any, Any]
else:
    _JSONBase = models.TextField


#: 2025-01-01, in microseconds since 1970.
_EPOCH_MICROS: Final = 1_735_689_600_000_000


def uuid7() -> "uuid.UUID":
    """Return a UUID whose order is that of creation (RFC 9562, version 7)."""
    return uuid_utils.compat.uuid7()


class Keys:
    """Makes keys for new rows in order of creation: microseconds since 2025 and 12 random bits.

    No query is needed, so a row and its references can be written in one statement. If a key must
    be above another that is ahead of this clock (another machine's clock is fast, or this one was
    set back), the distance is random, too, because processes that counted from the same key would
    make the same keys.
    """

    def __init__(
        self, clock: Callable[[], int] = time.time_ns, chance: random.Random | None = None
    ) -> None:
        """`clock` gives nanoseconds since 1970."""
        self._clock = clock
        self._bits = (chance or random).getrandbits
        self._lock = threading.Lock()
        self._last = 0

    def next(self, after: int = 0, count: int = 1) -> int:
        """Return a key above `after`, and above those that this process made by its clock.

        With `count` it is the first of so many, a microsecond apart (`item_key`).
        """
        key = (self._clock() // 1000 - _EPOCH_MICROS) << 12 | self._bits(12)
        with self._lock:
            if key <= self._last:
                key = self._beyond(self._last, key)
            if key <= after:
                return self._beyond(after, key)
            self._last = item_key(key, count - 1)
            return key

    def _beyond(self, least: int, key: int) -> int:
        """Return a key above `least`, when the clock gives only `key`."""
        is_moment = least - key < _MOMENT
        return least + 1 + self._bits(_CLOSE if is_moment else _APART)


#: How far keys may be ahead of the clock because many are made at once: 4 milliseconds.
_MOMENT: Final = 1 << 24
#: Random bits between keys that are made at once, and if clocks differ (128 microseconds).
_CLOSE: Final = 12
_APART: Final = 20
_keys: Final = Keys()


def step_key(after: int = 0, count: int = 1) -> int:
    """Return a key for a new row whose order is that of creation, above `after`.

    With `count` it is the first of the keys of so many rows: see `item_key`.
    """
    return _keys.next(after, count)


def item_key(first: int, number: int) -> int:
    """Return a key out of those that were made together: the first one has the number 0."""
    return first + (number << 12)


class JSONText(_JSONBase):
    """A JSON value in a text column: read as a Python value; `Raw` text is written unchanged.

    None is SQL NULL; JSON's null is written as `jsontext.NULL`. Both read back as None.
    """

    description = "JSON as text"

    if TYPE_CHECKING:  # for the mypy plugin: any value may be set and read
        _pyi_private_set_type: Any
        _pyi_private_get_type: Any

    def get_prep_value(self, value: Any) -> Any:
        """Return the text to store."""
        if value is None or isinstance(value, expressions.BaseExpression):
            return value
        return str(jsontext.dumps(value))

    def from_db_value(
        self, value: str | None, _expression: object, _connection: BaseDatabaseWrapper
    ) -> Any:
        """Return the Python value of a stored text."""
        return None if value is None else jsontext.loads_shown(value)

    def to_python(self, value: Any) -> Any:
        """Return values unchanged, because nobody types JSON text here."""
        return value

    def value_to_string(self, obj: models.Model) -> str:
        """Return the text for a fixture."""
        value = self.value_from_object(obj)
        return "" if value is None else str(jsontext.dumps(value))
