"""Words of an address that name something missing: found by a view, shown by its page."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

from django.http import HttpRequest

#: The attribute of a request in which they are stored.
_KEPT: Final = "_signalbox_ignored"


def ignore(request: HttpRequest, word: str) -> None:
    """Remember that a word of the address names something missing, so that the page says it."""
    request.__dict__.setdefault(_KEPT, []).append(word)


def ignored(request: HttpRequest) -> Sequence[str]:
    """Return the words that were remembered."""
    found: list[str] = request.__dict__.get(_KEPT, [])
    return found


def ignore_turned(request: HttpRequest, unknown: Collection[str]) -> None:
    """Remember the words of an address that should fold frames which the graph does not have."""
    if unknown:
        ignore(request, f"turned={','.join(sorted(unknown))}")


def ignore_version(request: HttpRequest, *, is_found: bool) -> None:
    """Remember the version of an address if it does not exist."""
    if not is_found and (version := request.GET.get("version")):
        ignore(request, f"version={version}")
