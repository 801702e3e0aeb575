"""System checks of a project that installs the pages: what is missing, and what to write where.

`manage.py check` and every start report them; `manage.py signalbox_check` adds what it found.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from django.apps import apps
from django.apps.config import AppConfig
from django.conf import settings
from django.core import checks
from django.db import connections
from django.urls import NoReverseMatch, reverse

from workflows_app import conf, packages, redis_client

from . import mount
from .request import drafts

TAG: Final = "workflows_app"
_OURS: Final = f"{__package__}.middleware.SignalboxMiddleware"
#: What the pages need of Django, by the setting in which it must stand.
_APPS: Final = ("auth", "contenttypes", "sessions", "messages")
_BEFORE: Final = (
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
)
_INCLUDE: Final = f'path("ops/", include("{__package__}.urls"))'

Found = Iterator[checks.CheckMessage]


def register() -> None:
    """Add the checks to Django's."""
    for check in (_apps, _middleware, _addresses, _sockets, _time_zones, _mode):
        checks.register(_listed(check), TAG)


def _listed(check: Any) -> Any:
    def found(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[checks.CheckMessage]:
        return list(check())

    return found


def _apps() -> Found:
    if not apps.is_installed(worker := packages.named("worker")):
        yield checks.Error(
            f"The app {worker} is not installed, so nothing runs the steps of workflows.",
            hint=f'Add "{worker}" to INSTALLED_APPS.',
            id="workflows_app.E004",
        )
    for label in _APPS:
        if not apps.is_installed(f"django.contrib.{label}"):
            yield checks.Error(
                f"The pages need django.contrib.{label}, which is not installed.",
                hint=f'Add "django.contrib.{label}" to INSTALLED_APPS.',
                id="workflows_app.E004",
            )


def _middleware() -> Found:
    names = list(settings.MIDDLEWARE)
    if _OURS not in names:
        yield checks.Error(
            "The middleware of the pages is missing, so they have no time zone, no policy of what "
            "they may load and no ids.",
            hint=f'Add "{_OURS}" to MIDDLEWARE, after AuthenticationMiddleware.',
            id="workflows_app.E005",
        )
        return
    if missing := [name for name in _BEFORE if name not in names]:
        yield checks.Error(
            f"The pages need {', '.join(missing)}, which MIDDLEWARE does not have.",
            hint="Add it as `startproject` does.",
            id="workflows_app.E006",
        )
    elif any(names.index(_OURS) < names.index(name) for name in _BEFORE[:2]):
        yield checks.Error(
            "The middleware of the pages comes before Django's that says who asks.",
            hint=f'Move "{_OURS}" after AuthenticationMiddleware in MIDDLEWARE.',
            id="workflows_app.E006",
        )


def _addresses() -> Found:
    try:
        reverse(f"{mount.NAMESPACE}:home")
    except NoReverseMatch:
        yield checks.Warning(
            "The pages have no address in this project.",
            hint=f"Add {_INCLUDE} to the urlpatterns of {settings.ROOT_URLCONF}.",
            id="workflows_app.W002",
        )
        return
    if not drafts.is_there(drafts.door()):
        yield checks.Warning(
            f"LOGIN_URL is {settings.LOGIN_URL!r}, where this project has no page, so people who "
            "are not signed in cannot come to the pages.",
            hint="Set LOGIN_URL to the page where people sign in, or to its name.",
            id="workflows_app.W003",
        )


def _sockets() -> Found:
    module = asgi_module()
    if module == f"{__package__}.asgi" or not module:
        return
    source = _source(module)
    if source is not None and "websockets" not in source:
        yield checks.Warning(
            f"The ASGI application in {module} serves no live connections, so pages ask every few "
            "seconds for what is new.",
            hint=f"There: from {__package__}.asgi import websockets; "
            "application = websockets(get_asgi_application()). Over WSGI alone, silence this.",
            id="workflows_app.W004",
        )


def asgi_module() -> str:
    """Return the module of the project's ASGI application, as `startproject` names it by default.

    Empty where there is none.
    """
    named = getattr(settings, "ASGI_APPLICATION", None)
    module = (
        named.rpartition(".")[0] if named else f"{settings.ROOT_URLCONF.rpartition('.')[0]}.asgi"
    )
    try:
        return module if find_spec(module) is not None else ""
    except (ImportError, ValueError):
        return ""


def _source(module: str) -> str | None:
    spec = find_spec(module)
    if spec is None or spec.origin is None or not spec.origin.endswith(".py"):
        return None
    return Path(spec.origin).read_text(encoding="utf-8", errors="replace")


def _time_zones() -> Found:
    if not settings.USE_TZ:
        yield checks.Error(
            "USE_TZ is False; the times of runs have a zone.",
            hint="Set USE_TZ = True, Django's default.",
            id="workflows_app.E008",
        )


def _speaks_redis() -> bool:
    return bool(conf.redis_url()) or conf.get("BROKER").startswith("redis")


def _mode() -> Found:
    if _speaks_redis() and not redis_client.is_installed():
        yield checks.Error(
            "REDIS_URL or BROKER names a Redis, and the package redis is not installed.",
            hint='pip install "django-signalbox[redis]"',
            id="workflows_app.E010",
        )
        return
    if conf.get("EXECUTION") != "distributed":
        return
    from .status import redis_server  # noqa: PLC0415 - it takes long, and imports OpenTelemetry

    try:
        if conf.redis_url():  # without one, PostgreSQL carries the messages
            redis_server.round_trip()
    except redis_server.AWAY as reason:
        yield checks.Warning(
            f"EXECUTION is 'distributed', and Redis does not answer: {reason}",
            hint="Start it or correct REDIS_URL; until then steps wait for a look each second.",
            id="workflows_app.W005",
        )
    if connections[conf.get("DATABASE")].vendor == "sqlite":
        yield checks.Warning(
            "EXECUTION is 'distributed' over SQLite, whose file no other machine can reach.",
            hint="Use PostgreSQL, or EXECUTION 'embedded'.",
            id="workflows_app.W006",
        )
