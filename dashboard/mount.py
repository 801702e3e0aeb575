"""Where a project put the pages: under which path, and whether a request is for them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.db import connections, transaction
from django.http import HttpRequest
from django.urls import (
    NoReverseMatch,
    Resolver404,
    ResolverMatch,
    get_script_prefix,
    resolve,
    reverse,
    set_script_prefix,
)

#: The namespace of all addresses of the pages.
NAMESPACE: Final = "signalbox"
_HOME: Final = f"{NAMESPACE}:home"
#: The key of a connection's scope that says that live connections are served.
SOCKETS: Final = "signalbox.sockets"
#: What the addresses of live connections begin with, below the pages.
WS: Final = "ws/"


def holds(request: HttpRequest) -> bool:
    """Return whether a request is for one of the pages."""
    urlconf = getattr(request, "urlconf", None)
    try:
        home = reverse(_HOME, urlconf)
    except NoReverseMatch:
        return False
    path = request.path_info
    if not path.startswith("/" + home.removeprefix(get_script_prefix())):
        return False
    try:
        return is_ours(resolve(path, urlconf))
    except Resolver404:
        return False


def page(view: Callable[..., Any]) -> Callable[..., Any]:
    """Return a view as a page of ours, whatever a project says of views in general.

    Each looks itself after who may see it. None runs in one transaction: what a verb did is known
    to others, and to workers, before the answer is there.
    """
    for alias in connections:
        view = transaction.non_atomic_requests(alias)(view)
    return login_not_required(view)


def is_ours(match: ResolverMatch | None) -> bool:
    """Return whether an address leads to one of the pages."""
    return match is not None and NAMESPACE in match.app_names


def below(path: str) -> str | None:
    """Return what follows the pages' own path in the address of a live connection.

    None for an address that is not below the pages. `path` is without the script prefix.
    """
    start = path.find(f"/{WS}")
    while start >= 0:
        try:
            match = resolve(path[: start + 1])
        except Resolver404:
            match = None
        if match is not None and is_ours(match) and match.url_name == "home":
            return path[start:]
        start = path.find(f"/{WS}", start + 1)
    return None


def sockets(request: HttpRequest | None) -> str:
    """Return the path of live connections as browsers see it; empty where none are served."""
    scope: Mapping[str, Any] = getattr(request, "scope", {})
    return reverse(_HOME) + WS if scope.get(SOCKETS) else ""


def script_name(scope: Mapping[str, Any]) -> str:
    """Return the prefix that is not for Django, without a slash at its end."""
    return (settings.FORCE_SCRIPT_NAME or scope.get("root_path") or "").rstrip("/")


@contextmanager
def prefixed(scope: Mapping[str, Any]) -> Iterator[None]:
    """Make addresses for the browser of this connection, as Django does for a request."""
    before = get_script_prefix()
    set_script_prefix(script_name(scope) + "/")
    try:
        yield
    finally:
        set_script_prefix(before)
