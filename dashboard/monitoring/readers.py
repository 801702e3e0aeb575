"""Who may read `/metrics`: an address that is named in the settings, or a token with `read`."""

from __future__ import annotations

from typing import Final

from django.http import HttpRequest, JsonResponse

from workflows_app import actions, addresses, conf, permissions, tokens
from workflows_app.models import ApiToken, Workflow

READ: Final = "read"
_SCHEME: Final = "bearer"


class Refused(Exception):
    """Somebody may not read; `answer` says why."""

    def __init__(self, answer: JsonResponse) -> None:
        super().__init__()
        self.answer = answer


def workflows_of(request: HttpRequest) -> frozenset[str] | None:
    """Return the workflows whose figures a request may read; None: all. Raises Refused."""
    header = request.headers.get("Authorization")
    if header is not None:
        token = _token(header)
        return _known_to(token)
    address = addresses.parsed(addresses.client(request))
    if not addresses.is_within(address, conf.get("METRICS_ADDRESSES")):
        raise _not_authenticated("A token is needed, or an address in METRICS_ADDRESSES.")
    return None


def _known_to(token: ApiToken) -> frozenset[str] | None:
    """Return the workflows that the holder of a token may know of; None: all."""
    hidden = permissions.hidden_from(token.user)
    if token.workflows is not None:
        return frozenset(token.workflows) - hidden
    return frozenset(Workflow.objects.values_list("pk", flat=True)) - hidden if hidden else None


def _token(header: str) -> ApiToken:
    scheme, _, text = header.partition(" ")
    token = tokens.find(text.strip()) if scheme.lower() == _SCHEME else None
    if token is None:
        raise _not_authenticated("The token is none, or it works no more.")
    if READ not in token.scopes:
        raise _not_allowed(f"The token lacks the scope {READ!r}.", scope=READ)
    if not actions.may_view(token.user):
        raise _not_allowed(
            f"The token's user needs the permission {actions.VIEW!r}.", permission=actions.VIEW
        )
    return token


def _not_authenticated(message: str) -> Refused:
    answer = JsonResponse(_error("NotAuthenticated", message, {}), status=401)
    answer["WWW-Authenticate"] = 'Bearer realm="signalbox"'
    return Refused(answer)


def _not_allowed(message: str, **details: str) -> Refused:
    return Refused(JsonResponse(_error("NotAllowed", message, details), status=403))


def _error(kind: str, message: str, details: dict[str, str]) -> dict[str, object]:
    return {"error": {"type": kind, "message": message, "details": details}}
