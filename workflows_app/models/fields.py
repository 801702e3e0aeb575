"""Model fields of this product. JSON is stored as text; see `workflows_app.jsontext`."""

import random
import threading
import time
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


_keys_lock = threading.Lock()
_last_key = 0


def step_key(after: int = 0) -> int:
    """Return a key for a new row whose order is that of creation, above `after`.

    Microseconds since 2025 and 12 bits of chance: made without asking the database, so that a row
    and those that refer to it can be written in one statement.
    """
    global _last_key  # noqa: PLW0603 - the last one this process made
    micros = time.time_ns() // 1000 - _EPOCH_MICROS
    key = micros << 12 | random.getrandbits(12)
    with _keys_lock:
        _last_key = max(key, _last_key + 1, after + 1)
        return _last_key


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
