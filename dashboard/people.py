"""What every page asks of a person: their time zone and what they may do, in one query.

Signing in and passwords stay with Django's own backend; so do the people it has signed in already.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import Group, Permission, User
from django.db.models import F, Model, Q, QuerySet, Value

from workflows_app import actions
from workflows_app.models import Preference

_KEPT: Final = "_signalbox_person"


@dataclass(frozen=True)
class Known:
    """What is stored of a person besides their name."""

    #: The name of the zone that they chose; empty: none.
    zone: str
    #: `app.codename` of what they were given, themselves or by a group.
    permissions: frozenset[str]
    #: The names of their groups.
    groups: frozenset[str]


def of(person: Any) -> Known:
    """Return what is stored of a signed-in person, asked for once per person object.

    Superusers need no permissions to be given, so theirs are not read.
    """
    # By attribute: a request's person stands behind a proxy with a dictionary of its own.
    known: Known | None = getattr(person, _KEPT, None)
    if known is None:
        known = _read(person)
        setattr(person, _KEPT, known)
    return known


def _read(person: Any) -> Known:
    zones = Preference.objects.filter(user=person.pk).order_by().values_list(Value(" zone"), "zone")
    parts: list[QuerySet[Any, Any]] = []
    if person.is_active and not person.is_superuser:
        groups = Group.objects.filter(user=person.pk)
        given = Q(user=person.pk) | Q(group__in=groups.values("pk"))
        permissions = Permission.objects.filter(given).order_by()
        parts = [
            groups.order_by().values_list(Value(" group"), "name"),
            permissions.values_list(F("content_type__app_label"), "codename"),
        ]
    found: dict[str, set[str]] = {}
    # No label of an app begins with a space, so the kinds of rows are told apart.
    for kind, name in zones.union(*parts) if parts else zones:
        found.setdefault(kind, set()).add(name)
    zone = "".join(found.pop(" zone", ()))
    groups_of = frozenset(found.pop(" group", ()))
    given_names = frozenset(f"{app}.{name}" for app, names in found.items() for name in names)
    return Known(zone, given_names, groups_of)


class PeopleBackend(ModelBackend):
    """Says what people may do by one query instead of two; who they are, others say."""

    def authenticate(self, *args: object, **kwargs: object) -> None:
        """Sign nobody in."""

    async def aauthenticate(self, *args: object, **kwargs: object) -> None:
        """Sign nobody in."""

    def get_all_permissions(self, user_obj: Any, obj: Model | None = None) -> set[str]:
        """Return all that a person was given, as `app.codename`; none for one thing alone."""
        if not isinstance(user_obj, User) or user_obj.is_superuser:
            return super().get_all_permissions(user_obj, obj)
        if not user_obj.is_active or obj is not None:
            return set()
        known = of(user_obj)
        actions.note_groups(user_obj, known.groups)
        # Django's own backend is asked next where this one says no, and reads nothing again.
        user_obj.__dict__.setdefault("_perm_cache", set(known.permissions))
        return set(known.permissions)
