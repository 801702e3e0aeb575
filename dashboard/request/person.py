"""What every page needs to know of a person: their time zone and permissions, in one query, or two
where runs have a database of their own.

Django's own backend handles passwords, and the people who are signed in with it already.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import Group, Permission, PermissionsMixin
from django.db.models import F, Model, Q, QuerySet, Value

from workflows_app import actions
from workflows_app.models import Preference, persons

_KEPT: Final = "_signalbox_person"


@dataclass(frozen=True)
class Profile:
    """What is stored about a person apart from their name."""

    #: The name of the zone that they chose; empty if they chose none.
    zone: str
    #: The permissions, as `app.codename`, that they or their groups were given.
    permissions: frozenset[str]
    #: The names of their groups.
    groups: frozenset[str]


def of(person: Any) -> Profile:
    """Return what is stored about a signed-in person, read once per person object.

    Superusers need no permissions, so theirs are not read.
    """
    # Read with getattr: a request's person is a proxy with a dictionary of its own.
    known: Profile | None = getattr(person, _KEPT, None)
    if known is None:
        known = _read(person)
        setattr(person, _KEPT, known)
    return known


def _read(person: Any) -> Profile:
    zones = Preference.objects.filter(user=person.pk).order_by().values_list(Value(" zone"), "zone")
    parts: list[QuerySet[Any, Any]] = []
    # Whose project has people without groups asks its own backends for what they may.
    if _has_groups(person) and person.is_active and not person.is_superuser:
        groups = Group.objects.filter(pk__in=person.groups.values("pk"))
        own = person.user_permissions.values("pk")
        given = Q(pk__in=own) | Q(group__in=groups.values("pk"))
        permissions = Permission.objects.filter(given).order_by()
        parts = [
            groups.order_by().values_list(Value(" group"), "name"),
            permissions.values_list(F("content_type__app_label"), "codename"),
        ]
    found: dict[str, set[str]] = {}
    # No app label begins with a space, which tells the kinds of rows apart.
    for kind, name in _rows(zones, parts):
        found.setdefault(kind, set()).add(name)
    zone = "".join(found.pop(" zone", ()))
    groups_of = frozenset(found.pop(" group", ()))
    given_names = frozenset(f"{app}.{name}" for app, names in found.items() for name in names)
    return Profile(zone, given_names, groups_of)


def _has_groups(person: object) -> bool:
    return isinstance(person, PermissionsMixin)


def _rows(zones: QuerySet[Any, Any], parts: list[QuerySet[Any, Any]]) -> Iterator[Any]:
    """Yield the rows of all these, read in one query for each database that they stand in."""
    if persons.are_apart():
        yield from zones
        zones, *parts = parts or [zones.none()]
    yield from zones.union(*parts) if parts else zones


class PeopleBackend(ModelBackend):
    """Reads a person's permissions with one query instead of two; other backends sign people in."""

    def authenticate(self, *args: object, **kwargs: object) -> None:
        """Sign nobody in."""

    async def aauthenticate(self, *args: object, **kwargs: object) -> None:
        """Sign nobody in."""

    def get_all_permissions(self, user_obj: Any, obj: Model | None = None) -> set[str]:
        """Return all permissions of a person, as `app.codename`; none for single objects."""
        if not _has_groups(user_obj) or user_obj.is_superuser:
            return super().get_all_permissions(user_obj, obj)
        if not user_obj.is_active or obj is not None:
            return set()
        known = of(user_obj)
        actions.note_groups(user_obj, known.groups)
        # Django's own backend is asked next if this one says no, and then reads nothing again.
        user_obj.__dict__.setdefault("_perm_cache", set(known.permissions))
        return set(known.permissions)
