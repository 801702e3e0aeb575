"""Through which request an act came: its id, and the address that it came from.

Doors say it; the audit trail and the log write it down. Outside of requests both are empty.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Final

from workflows_app.models.fields import uuid7

_GIVEN: Final = re.compile(r"[A-Za-z0-9._-]{1,128}")
#: Characters of an address that are kept: IPv6 with a zone fits in.
_MOST: Final = 64


@dataclass(frozen=True)
class Entrance:
    """One request: what it is called in logs, and where it came from."""

    request_id: str = ""
    address: str = ""


_NOBODY: Final = Entrance()
_current: ContextVar[Entrance] = ContextVar("entrance", default=_NOBODY)


def current() -> Entrance:
    """Return the request that acts just now."""
    return _current.get()


@contextmanager
def entered(given_id: str, address: str) -> Iterator[Entrance]:
    """Take what follows as done by a request; one that was entered before stays as it is.

    `given_id`: what the caller calls it; where that is no id it gets a new one.
    """
    known = _current.get()
    if known.request_id:
        yield known
        return
    request_id = given_id if _GIVEN.fullmatch(given_id) else uuid7().hex
    token = _current.set(Entrance(request_id, address[:_MOST]))
    try:
        yield _current.get()
    finally:
        _current.reset(token)
