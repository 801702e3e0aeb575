"""Time zones: which there are, and in which one a person's pages are shown and their times read.

A person's own choice comes first, then what their browser told in a cookie, then UTC. What is
stored and what programs read stays in UTC.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import tzinfo
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo, available_timezones

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils import timezone

from dashboard import people

UTC: Final = "UTC"
#: The browser's own zone, as its page's script tells it.
COOKIE: Final = "signalbox_zone"

#: Names that mean a file of this machine, not a place.
_NO_PLACES: Final = frozenset({"localtime", "Factory", "posixrules"})


@lru_cache(maxsize=1)
def known() -> frozenset[str]:
    """Return the names of all zones that this installation knows."""
    return frozenset(available_timezones() - _NO_PLACES) | {UTC}


@lru_cache(maxsize=1)
def by_area() -> Mapping[str, list[str]]:
    """Return the zones to choose from, by continent; old and doubled names without one are left."""
    found: dict[str, list[str]] = {"": [UTC]}
    for name in sorted(known()):
        area, _, place = name.partition("/")
        if place:
            found.setdefault(area, []).append(name)
    return found


def named(name: str | None) -> ZoneInfo | None:
    """Return the zone with this name; None where there is none, whoever sent it."""
    return ZoneInfo(name) if name and name in known() else None


def chosen_by(request: HttpRequest) -> str:
    """Return the name of the zone that this person chose; empty: none."""
    if not request.user.is_authenticated:
        return ""
    return people.of(request.user).zone


def of_browser(request: HttpRequest) -> ZoneInfo | None:
    """Return the zone that the browser told; None where it told none that is known."""
    return named(request.COOKIES.get(COOKIE))


def of_form(data: Mapping[str, object]) -> tzinfo:
    """Return the zone that a form was shown in, as it carried it; else that of this request.

    The person's zone may have changed since: what was typed means what the page said.
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


class ZoneMiddleware:
    """Show and read the times of each request in its person's zone."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer the request; the next one begins without a zone."""
        with timezone.override(of(request)):
            return self.get_response(request)
