"""Time zones: which exist, and which one is used to show and read a person's times.

A person's own choice comes first, then the zone that their browser names in a cookie, then UTC.
What is stored and what programs read is in UTC.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import tzinfo
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo, available_timezones

from django.http import HttpRequest
from django.utils import timezone

from . import person as people

UTC: Final = "UTC"
#: The cookie with the browser's own zone, set by the page's script.
COOKIE: Final = "signalbox_zone"

#: Names that mean a file of this machine, not a place.
_NO_PLACES: Final = frozenset({"localtime", "Factory", "posixrules"})


@lru_cache(maxsize=1)
def known() -> frozenset[str]:
    """Return the names of all zones that this installation has."""
    return frozenset(available_timezones() - _NO_PLACES) | {UTC}


@lru_cache(maxsize=1)
def by_area() -> Mapping[str, list[str]]:
    """Return the zones to choose from, by continent; old and duplicate names are left out."""
    found: dict[str, list[str]] = {"": [UTC]}
    for name in sorted(known()):
        area, _, place = name.partition("/")
        if place:
            found.setdefault(area, []).append(name)
    return found


def named(name: str | None) -> ZoneInfo | None:
    """Return the zone with this name; None if there is none."""
    return ZoneInfo(name) if name and name in known() else None


def chosen_by(request: HttpRequest) -> str:
    """Return the name of the zone that this person chose; empty if none."""
    if not request.user.is_authenticated:
        return ""
    return people.of(request.user).zone


def of_browser(request: HttpRequest) -> ZoneInfo | None:
    """Return the zone that the browser names; None if it names none that exists."""
    return named(request.COOKIES.get(COOKIE))


def of_form(data: Mapping[str, object]) -> tzinfo:
    """Return the zone in which a form was shown, which it carries, or else that of this request.

    The person's zone may have changed since, but what was typed means what the page said.
    """
    carried = data.get("zone")
    zone = named(carried) if isinstance(carried, str) else None
    return zone or timezone.get_current_timezone()


def current_name() -> str:
    """Return the name of the zone of this request."""
    return timezone.get_current_timezone_name()


def of(request: HttpRequest) -> ZoneInfo:
    """Return the zone in which a request is answered."""
    return named(chosen_by(request)) or of_browser(request) or ZoneInfo(UTC)
