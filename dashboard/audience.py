"""Who looks at a run over a socket: what decides which part they see, and that part itself."""

from __future__ import annotations

import io
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import unquote
from zoneinfo import ZoneInfo

from django.contrib.auth.models import AnonymousUser, User
from django.core.handlers.asgi import ASGIRequest
from django.http import Http404
from django.urls import reverse
from django.utils import timezone

from dashboard import zones
from dashboard.plain import plain
from dashboard.shared import Part
from dashboard.views import run as run_views
from workflows_app.actions import Person


@dataclass(frozen=True)
class Audience:
    """A person at a browser, with the time zone and the rights of when they were looked up."""

    scope: Mapping[str, Any]
    person: Person
    zone: ZoneInfo
    #: The same for all who may see the same, whatever part they look at.
    key: Hashable

    @classmethod
    def of(cls, scope: Mapping[str, Any], person: Person) -> Audience:
        """Look up what a person sees; asks the database."""
        request = _request(scope, person, scope["path"])
        zone = zones.of(request)
        return cls(
            scope, person, zone, (run_views.tab_of(request), zone.key, run_views.may(person))
        )

    def draw(self, run_id: str, address: str, seen: int) -> Part:
        """Return the part of the run's page at an address, holding at least event `seen`.

        Raises `Http404` for an address that is not a page of this run, or when the run is gone.
        """
        path = address.partition("?")[0]
        if path != reverse("run", args=[run_id]):
            raise Http404(f"{path} is not the page of run {run_id}.")
        with timezone.override(self.zone):
            return run_views.part(_request(self.scope, self.person, address), run_id, seen)


def _request(scope: Mapping[str, Any], person: Person, address: str) -> ASGIRequest:
    """Return the request by which this browser would fetch an address."""
    path, _, query = address.partition("?")
    told = {"type": "http", "method": "GET", "path": unquote(path), "query_string": query.encode()}
    request = ASGIRequest({**scope, **told}, io.BytesIO())
    request.GET = plain(request.GET)
    request.user = cast("User | AnonymousUser", person)
    return request
