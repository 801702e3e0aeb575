"""Paths of values in a document, and the names of their inputs in the posted form."""

import re
from collections.abc import Iterable

Path = tuple[str | int, ...]

#: Characters that separate parts and marks, and those that do not survive in the header of a part
#: of a posted form: quotes, line ends and invisible characters.
UNSAFE = re.compile('[%.: "\\\\;\x00-\x1f\x7f-\xa0\u2028\u2029\ufeff\ud800-\udfff]')

#: The name of the whole document's input; every other name starts with it.
ROOT = "data"


def name_of(path: Path, mark: str = "") -> str:
    """Return the input's name; `mark` distinguishes other inputs for the same path."""
    parts = [ROOT, *(escape(str(part)) for part in path)]
    return ".".join(parts) + (f":{mark}" if mark else "")


def escape(part: str) -> str:
    """Return a part of a path without characters that separate parts, or that a form loses."""
    return UNSAFE.sub(lambda sign: f"%{ord(sign[0]):02X}", part)


def as_words(path: Iterable[str | int]) -> str:
    """Return the path as people read it: `items.2.price`, with rows counted from 1."""
    return ".".join(str(part + 1) if isinstance(part, int) else part for part in path)
