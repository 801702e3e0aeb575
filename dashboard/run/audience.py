"""An audience: the person who looks at a run over a socket, and the part of the page they see."""

from __future__ import annotations

import io
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, replace
from typing import Any, cast
from urllib.parse import unquote
from zoneinfo import ZoneInfo

from django.contrib.auth.models import AnonymousUser, User
from django.core.handlers.asgi import ASGIRequest
from django.http import Http404
from django.urls import reverse
from django.utils import timezone, translation

from workflows_app.actions import Person

from .. import mount
from ..live.shared import Part
from ..request import zones
from ..request.plain import plain
from ..values import sight
from . import views as run_views


@dataclass(frozen=True)
class Audience:
    """A person at a browser, with the zone, the language and the rights that they had then."""

    scope: Mapping[str, Any]
    person: Person
    zone: ZoneInfo
    #: The language in which this browser reads.
    language: str
    #: Equal for all who may see the same, whichever part they look at.
    key: Hashable
    sees_values: bool

    @classmethod
    def of(cls, scope: Mapping[str, Any], person: Person) -> Audience:
        """Look up what a person may see; asks the database."""
        request = _request(scope, person, scope["path"])
        zone, language = zones.of(request), translation.get_language_from_request(request)
        with sight.seen_by(person):
            key = run_views.tab_of(request), zone.key, run_views.may(person), sight.key()
            sees_values = sight.values()
        return cls(scope, person, zone, language, (*key, language), sees_values)

    def reading(self, language: str) -> Audience:
        """Return this audience with the language that its page says; an unknown one counts not.

        The host may choose the language of a page by other means than the request.
        """
        try:
            known = translation.get_supported_language_variant(language)
        except LookupError:
            return self
        return replace(self, language=known, key=(self.key, known))

    def draw(self, run_id: str, address: str, seen: int) -> Part:
        """Return the part of the run's page at an address, showing at least event number `seen`.

        Raises `Http404` for an address that is not a page of this run, or if the run is gone.
        """
        path = address.partition("?")[0]
        with (
            mount.prefixed(self.scope),
            timezone.override(self.zone),
            translation.override(self.language),
            sight.seen_by(self.person),
        ):
            if path != reverse("signalbox:run", args=[run_id]):
                raise Http404(f"{path} is not the page of run {run_id}.")
            return run_views.part(_request(self.scope, self.person, address), run_id, seen)


def _request(scope: Mapping[str, Any], person: Person, address: str) -> ASGIRequest:
    """Return the request with which this browser would fetch an address."""
    path, _, query = address.partition("?")
    asked = {
        mount.SOCKETS: True,
        "type": "http",
        "method": "GET",
        "path": unquote(path),
        "query_string": query.encode(),
    }
    request = ASGIRequest({**scope, **asked}, io.BytesIO())
    request.GET = plain(request.GET)
    request.user = cast("User | AnonymousUser", person)
    return request
