"""Where a list goes on: a text that carries the filter, the order and the last row's place.

Signed, so that nobody reads a list by a filter that the operation does not offer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.core import signing

from workflows_app.api.entry.refusals import Refusal

_SALT: Final = "workflows_app.api.cursor"


@dataclass(frozen=True)
class Place:
    """The place after which a page begins, as the list that made it understands it."""

    filters: Mapping[str, Any]
    last: Any


def write(of: str, filters: Mapping[str, Any], last: Any) -> str:
    """Return the cursor of the page after `last`; `of` is the address of the list."""
    return signing.dumps({"f": filters, "l": last}, salt=f"{_SALT}:{of}", compress=True)


def read(of: str, cursor: str) -> Place:
    """Return what a cursor of this list says. Raises InvalidCursor."""
    try:
        said = signing.loads(cursor, salt=f"{_SALT}:{of}")
        return Place(said["f"], said["l"])
    except (signing.BadSignature, ValueError, KeyError, TypeError):
        raise invalid() from None


def invalid() -> Refusal:
    """Return the refusal of a cursor that is none of this list."""
    return Refusal(
        "InvalidCursor", "This cursor is none of this list; take next_cursor from the page before."
    )
