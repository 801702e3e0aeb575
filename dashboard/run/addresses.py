"""The addresses of a run's steps and values, made from the address of its page.

A page of a long run holds a thousand of them. Django's `reverse` would take a sixth of its time,
because it looks up the pattern and quotes the path again for each.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import quote

from django.urls import reverse

#: What Django does not quote in a path.
_PLAIN: Final = "!$&'()*+,;=/~:@"


class Addresses:
    """The addresses below the page of one run."""

    def __init__(self, run_id: str, timeline: int | None = None) -> None:
        """`timeline` is the one that the pages of steps show; None means the present one."""
        self.run = reverse("signalbox:run", args=[run_id])
        self._of = "" if timeline is None else f"?timeline={timeline}"

    def step(self, path: str) -> str:
        """Return the address of a step's page."""
        return f"{self.run}steps/{quote(path, safe=_PLAIN)}/{self._of}"

    def raw_of_step(self, step: int, field: str) -> str:
        """Return the address of a value of a step as it is stored."""
        return f"{self.run}raw/{step}/{field}/"

    def value_of_step(self, step: int, field: str) -> str:
        """Return the page of one value of a step."""
        return f"{self.run}values/{step}/{field}/"
