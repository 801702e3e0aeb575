"""Who asks: a signed-in person, or the holder of a token; and what they may see and do.

Called in threads alone: all of it may ask the database.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from importlib import import_module
from typing import Any, Final, TypeVar

from django.conf import settings
from django.contrib.auth import get_user
from django.db.models import Model, QuerySet
from django.http import HttpRequest, QueryDict
from django.middleware.csrf import CsrfViewMiddleware
from django.utils.datastructures import MultiValueDict

from workflows_app import permissions, tokens
from workflows_app.api.entry import rules
from workflows_app.api.entry.refusals import Refusal
from workflows_app.api.entry.rules import Rule
from workflows_app.models import ApiToken

M = TypeVar("M", bound=Model)

SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
CHALLENGE: Final = 'Bearer realm="signalbox"'


@dataclass
class Caller:
    """Whoever asks: their account, and the token that they came with, if any."""

    user: Any
    token: ApiToken | None = None
    scopes: frozenset[str] = field(default_factory=lambda: frozenset(tokens.SCOPES))

    @property
    def through(self) -> str:
        """How they came in."""
        return "session" if self.token is None else "token"

    @property
    def subject(self) -> str:
        """Whose requests are counted together."""
        return f"user:{self.user.pk}" if self.token is None else f"token:{self.token.pk}"

    # What they may do.

    def require(self, rule: Rule) -> None:
        """Refuse, naming what is missing, unless the rule is met."""
        if rule.permission and not self.user.has_perm(rule.permission):
            raise Refusal(
                "NotAllowed",
                f"You need the permission {rule.permission!r} to do this.",
                permission=rule.permission,
            )
        if rule.scope and rule.scope not in self.scopes:
            raise Refusal(
                "NotAllowed", f"The token lacks the scope {rule.scope!r}.", scope=rule.scope
            )

    def meets(self, rule: Rule) -> bool:
        """Return whether the rule is met."""
        has_permission = not rule.permission or self.user.has_perm(rule.permission)
        return bool(has_permission) and (not rule.scope or rule.scope in self.scopes)

    @cached_property
    def sees_values(self) -> bool:
        """Whether they may see the values of runs."""
        return self.meets(rules.VALUES)

    # What they may know of.

    def knows_of(self, workflow_id: str) -> bool:
        """Return whether a workflow is there for them."""
        if self._chosen is not None and workflow_id not in self._chosen:
            return False
        return permissions.knows_of(self.user, workflow_id)

    def known(self, rows: QuerySet[M], field_name: str = "workflow_id") -> QuerySet[M]:
        """Return those rows that belong to a workflow which is there for them."""
        if self._chosen is not None:
            chosen = sorted(filter(self.knows_of, self._chosen))
            return rows.filter(**{f"{field_name}__in": chosen})
        return permissions.visible(self.user, rows, field_name)

    @cached_property
    def _chosen(self) -> frozenset[str] | None:
        chosen = None if self.token is None else self.token.workflows
        return None if chosen is None else frozenset(chosen)


# Coming in.


def of_request(request: HttpRequest) -> Caller:
    """Return who asks. Raises NotAuthenticated."""
    header = request.headers.get("Authorization")
    if header is not None:
        return _of_header(header)
    user = _session_user(request)
    if not user.is_authenticated or not user.is_active:
        raise not_authenticated("Sign in, or send a token: Authorization: Bearer …")
    return Caller(user)


def not_authenticated(message: str) -> Refusal:
    """Return the refusal of somebody who did not come in."""
    refusal = Refusal("NotAuthenticated", message)
    refusal.headers["WWW-Authenticate"] = CHALLENGE
    return refusal


def _of_header(header: str) -> Caller:
    scheme, _, text = header.partition(" ")
    token = tokens.find(text.strip()) if scheme.lower() == "bearer" else None
    if token is None:
        raise not_authenticated("The token is none, or it works no more.")
    return Caller(token.user, token, frozenset(token.scopes))


def _session_user(request: HttpRequest) -> Any:
    """Return whose session the cookie is, also where no middleware has looked."""
    if not hasattr(request, "user"):
        store = import_module(settings.SESSION_ENGINE).SessionStore
        key = request.COOKIES.get(settings.SESSION_COOKIE_NAME, "")
        request.session = store(None if "\0" in key or not key else key)
        request.user = get_user(request)
    return request.user


class _Csrf(CsrfViewMiddleware):
    """Says why a request is not to be trusted, instead of showing a page."""

    def _reject(self, _request: HttpRequest, reason: str) -> Any:
        return reason


def read_csrf(request: HttpRequest) -> None:
    """Take the CSRF cookie of a request, so that a page may give the token that fits it."""
    _Csrf(lambda _: None).process_request(request)  # type: ignore[arg-type]


def check_csrf(request: HttpRequest) -> None:
    """Refuse an unsafe request of a session that another site may have sent. Raises CsrfFailed."""
    if request.method in SAFE:
        return
    if not hasattr(request, "_post"):
        # The token comes in a header: no form is read, however broken it is.
        request._post, request._files = QueryDict(), MultiValueDict()  # type: ignore[attr-defined]  # noqa: SLF001
    check = _Csrf(lambda _: None)  # type: ignore[arg-type]
    check.process_request(request)
    reason: Any = check.process_view(request, lambda _: None, (), {})  # type: ignore[arg-type, return-value]
    if reason is not None:
        raise Refusal(
            "CsrfFailed",
            f"{reason} Send the page's token as X-CSRFToken, or use an API token.",
        )
