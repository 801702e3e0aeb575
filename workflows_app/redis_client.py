"""The client of Redis, from a package that only projects with a Redis need to have installed."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final

from django.core.exceptions import ImproperlyConfigured

if TYPE_CHECKING:
    from redis import Redis
    from redis.exceptions import RedisError

__all__ = ["MISSING", "RedisError", "client", "is_installed"]

#: The words for whoever has a Redis, and not the package.
MISSING: Final = (
    "The package redis is not installed, which a project with a Redis needs. "
    'Install it: pip install "django-signalbox[redis]".'
)


class _Absent(Exception):
    """Stands for the errors of a client that is not there, and is never raised."""


def __getattr__(name: str) -> type[Exception]:
    """Return RedisError; nobody imports the package, and all that it imports, before it is used."""
    if name != "RedisError":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        from redis.exceptions import RedisError  # noqa: PLC0415 - an extra
    except ImportError:
        return _Absent
    return RedisError


def is_installed() -> bool:
    """Return whether there is a client."""
    return find_spec("redis") is not None


def client(url: str, **options: Any) -> Redis:
    """Return a client that sends nothing twice. Raises ImproperlyConfigured if there is none."""
    try:
        from redis import Redis  # noqa: PLC0415 - an extra
        from redis.backoff import NoBackoff  # noqa: PLC0415
        from redis.retry import Retry  # noqa: PLC0415
    except ImportError:
        raise ImproperlyConfigured(MISSING) from None
    return Redis.from_url(url, retry=Retry(NoBackoff(), 0), **options)
