"""Where a value sits in a document, and the names its inputs have in the posted form."""

from collections.abc import Iterable

Path = tuple[str | int, ...]

#: The name of the whole document's input; every other name starts with it.
ROOT = "data"


def name_of(path: Path, mark: str = "") -> str:
    """Return the input's name; `mark` tells apart what else is posted for the same path."""
    parts = [ROOT, *(escape(str(part)) for part in path)]
    return ".".join(parts) + (f":{mark}" if mark else "")


def escape(part: str) -> str:
    """Return a part of a path without the signs that separate parts and marks."""
    for sign in "%.: ":
        part = part.replace(sign, f"%{ord(sign):02X}")
    return part


def as_words(path: Iterable[str | int]) -> str:
    """Return the path as people read it: `items.2.price`, rows counted from 1."""
    return ".".join(str(part + 1) if isinstance(part, int) else part for part in path)
