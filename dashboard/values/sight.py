"""What the person who looks may see: which workflows are there for them, and whether values are.

Each page, live part and admin page is drawn for one person, and whatever reads rows or values for
it asks here, so that no list, count or search can forget who looks. `permissions` has the rule.
Code that nobody looks through, such as a command, sees everything.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, TypeVar

from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet

from workflows_app import permissions, withheld
from workflows_app.actions import Person
from workflows_app.languages import gettext_lazy

Rows = TypeVar("Rows", bound=QuerySet[Any])

LOCK: Final = "\N{LOCK}"
_LOCKED: Final = gettext_lazy("You may not see values.")
_NEEDED: Final = gettext_lazy(
    "You need the permission to see the values of runs. It is called {name}; ask the person who "
    "runs Signalbox for it."
)


@dataclass(frozen=True)
class _Viewer:
    person: Person

    @cached_property
    def sees_values(self) -> bool:
        return permissions.sees_values(self.person)


_viewer: Final[ContextVar[_Viewer | None]] = ContextVar("viewer", default=None)


@contextmanager
def seen_by(person: Person) -> Iterator[None]:
    """Let what is read in the block be for this person."""
    token = _viewer.set(_Viewer(person))
    try:
        yield
    finally:
        _viewer.reset(token)


def rows(found: Rows, field: str = "workflow_id") -> Rows:
    """Return those rows whose workflow is there for the person; `field` is where they name it."""
    viewer = _viewer.get()
    return found if viewer is None else permissions.visible(viewer.person, found, field)


def knows_of(workflow_id: str) -> bool:
    """Return whether a workflow is there for the person."""
    viewer = _viewer.get()
    return viewer is None or permissions.knows_of(viewer.person, workflow_id)


def values() -> bool:
    """Return whether the person may see values."""
    viewer = _viewer.get()
    return viewer is None or viewer.sees_values


def locked() -> str:
    """Return what stands in the place of a value."""
    return f"{LOCK} {_LOCKED}"


def require_values() -> None:
    """Refuse a person who may not see values. Raises PermissionDenied."""
    if not values():
        raise PermissionDenied(_NEEDED.format(name=permissions.VALUES))


def key() -> Hashable:
    """Return something that is equal for all who may see the same."""
    viewer = _viewer.get()
    return None if viewer is None else (permissions.hidden_from(viewer.person), values())


def event(said: dict[str, Any]) -> dict[str, Any]:
    """Return an event of a log as the person may see it."""
    return said if values() else withheld.event(said)


def error(said: Any) -> Any:
    """Return an error as the person may see it: without values, only its type and its message."""
    return said if values() or not isinstance(said, dict) else withheld.error(said)
