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
    """Makes keys for new rows, in order of creation: microseconds since 2025 and 12 bits of chance.

    Made without asking the database, so that a row and those that refer to it can be written in
    one statement. Where a key must be above another that is ahead of the clock, because another
    machine's clock is, or this one was put back, the distance is chance, too: processes that count
    on from the same key would all make the same keys.
    """

    def __init__(
        self, clock: Callable[[], int] = time.time_ns, chance: random.Random | None = None
    ) -> None:
        """`clock` gives nanoseconds since 1970."""
        self._clock = clock
        self._bits = (chance or random).getrandbits
        self._lock = threading.Lock()
        self._last = 0

    def next(self, after: int = 0) -> int:
        """Return a key above `after`, and above those that this process made by its clock."""
        key = (self._clock() // 1000 - _EPOCH_MICROS) << 12 | self._bits(12)
        with self._lock:
            if key <= self._last:
                key = self._beyond(self._last, key)
            if key <= after:
                return self._beyond(after, key)
            self._last = key
            return key

    def _beyond(self, least: int, key: int) -> int:
        """Return a key above `least`, where the clock gives only `key`."""
        is_moment = least - key < _MOMENT
        return least + 1 + self._bits(_CLOSE if is_moment else _APART)


#: How far ahead of the clock keys may be because many are made at once: 4 milliseconds.
_MOMENT: Final = 1 << 24
#: Bits of chance between keys that are made at once, and where a clock differs (128 microseconds).
_CLOSE: Final = 12
_APART: Final = 20
_keys: Final = Keys()


def step_key(after: int = 0) -> int:
    """Return a key for a new row whose order is that of creation, above `after`."""
    return _keys.next(after)


class JSONText(_JSONBase):
    """A JSON value in a text column: a Python value when read, `Raw` text written as it stands.

    None is SQL NULL; JSON's null is written as `jsontext.NULL`. Both read back as None.
    """

    description = "JSON as text"

    if TYPE_CHECKING:  # read by the types' plugin: any value may be given and read
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
        """Leave values as they are: text here would be JSON's, and is never typed by hand."""
        return value

    def value_to_string(self, obj: models.Model) -> str:
        """Return the text for a fixture."""
        value = self.value_from_object(obj)
        return "" if value is None else str(jsontext.dumps(value))
