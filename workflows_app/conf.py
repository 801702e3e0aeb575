"""Every setting of the library: its name, default and meaning, and the values that it refuses.

A value comes from the `WORKFLOWS` dictionary of Django's settings, else from `WORKFLOWS_<NAME>` in
the environment, else it is the default. Values are read here and nowhere else.
"""

import math
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any, Final, Literal, TypeAlias, overload
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import DEFAULT_DB_ALIAS

from workflows_app import contradictions, packages

Seconds: TypeAlias = Literal[
    "LEASE_SECONDS",
    "HEARTBEAT_SECONDS",
    "CANCEL_GRACE_SECONDS",
    "VERSION_GRACE_SECONDS",
    "MAX_RETRY_DELAY_SECONDS",
    "EVENT_WINDOW_SECONDS",
]
Count: TypeAlias = Literal[
    "MAX_LOST_ATTEMPTS", "MAX_PAYLOAD_BYTES", "MAX_LIST_BYTES", "MAX_BODY_BYTES"
]
Text: TypeAlias = Literal[
    "EXECUTION", "DATABASE", "BROKER", "DISPATCHER", "NOTIFIER", "API_RATE", "SITE_URL"
]
Flag: TypeAlias = Literal["API_DOCS_PUBLIC"]
Addresses: TypeAlias = Literal["METRICS_ADDRESSES"]
Networks: TypeAlias = tuple[IPv4Network | IPv6Network, ...]


#: The longest time span of a setting, about thirty years, so that every moment stays within the
#: calendar.
MOST_SECONDS: Final = 1e9


#: By how much a request may be larger than the largest value that it brings.
BESIDES_THE_VALUE: Final = 64 * 1024

#: The brokers that may carry hints, by the scheme of their URL.
BROKER_SCHEMES: Final = frozenset({"redis", "rediss", "amqp", "amqps"})


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting: `default` is a value, or a function of the settings resolved before it."""

    name: str
    default: object
    read: Callable[[object], object]
    meaning: str
    #: Whether the value may hold a password, so that no message repeats it.
    is_secret: bool = False


def _seconds(value: object) -> float:
    number = _number(value)
    if not (number > 0 and math.isfinite(number)):
        raise ValueError("a number of seconds above 0")
    if number > MOST_SECONDS:
        raise ValueError(f"a number of seconds up to {MOST_SECONDS:g}")
    return number


def _grace(value: object) -> float:
    return 0.0 if _number(value) == 0 else _seconds(value)


def _count(value: object) -> int:
    number = _number(value)
    if number < 1 or number != int(number):
        raise ValueError("a whole number, at least 1")
    return int(number)


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise ValueError("a number")  # noqa: TRY004  # the caller words every refusal alike
    try:
        return float(value)
    except ValueError:
        raise ValueError("a number") from None


def networks(value: object) -> Networks:
    """Return addresses and networks, from a list or from text with commas.

    Raises ValueError, with the rule as its text, for what is neither.
    """
    words = value.split(",") if isinstance(value, str) else value
    if not isinstance(words, (list, tuple, set, frozenset)):
        raise ValueError("a list of addresses or networks, as ['10.0.0.7', '10.1.0.0/16']")  # noqa: TRY004  # see `_number`
    try:
        return tuple(ip_network(str(w).strip(), strict=False) for w in words if str(w).strip())
    except ValueError:
        raise ValueError("addresses or networks, as '10.0.0.7, 10.1.0.0/16, ::1'") from None


def _flag(value: object) -> bool:
    word = str(value).strip().lower()
    if word in ("1", "true", "yes", "on"):
        return True
    if word in ("0", "false", "no", "off"):
        return False
    raise ValueError("1 or 0")


def _rate(value: object) -> str:
    text = str(value).strip()
    if text == "off" or re.fullmatch(r"[1-9]\d{0,8}/[smhd]", text):
        return text
    raise ValueError("so many requests in a second, minute, hour or day, as '600/m', or 'off'")


def _site(value: object) -> str:
    parts = urlsplit(str(value).strip().rstrip("/"))
    if parts.scheme in ("http", "https") and parts.hostname and not (parts.query or parts.fragment):
        return parts.geturl()
    raise ValueError("the address of a site, as 'https://signalbox.example.com'")


def _path(value: object) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"[^\W\d]\w*(\.[^\W\d]\w*)+", value):
        raise ValueError("the dotted path of a class, as 'package.module.Class'")
    return value


def _execution(value: object) -> str:
    if value not in ("inline", "embedded", "distributed"):
        raise ValueError("'inline', 'embedded' or 'distributed'")
    return str(value)


def _alias(value: object) -> str:
    if isinstance(value, str) and value in settings.DATABASES:
        return value
    raise ValueError(f"an alias in DATABASES: {', '.join(settings.DATABASES)}")


def _broker(value: object) -> str:
    if value == "" or _is_broker_url(str(value)):
        return str(value)
    raise ValueError(
        "the URL of a Redis or a RabbitMQ, as 'redis://host:6379/0' (or rediss://) or "
        "'amqp://user:password@host:5672/vhost' (or amqps://); leave it out for our own lists"
    )


def _is_broker_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return parts.scheme in BROKER_SCHEMES and bool(parts.hostname) and parts.port != 0
    except ValueError:  # its brackets or its port make no sense
        return False


def _default_body(resolved: Mapping[str, Any]) -> int:
    return int(resolved["MAX_PAYLOAD_BYTES"]) + BESIDES_THE_VALUE


def _default_execution(_: Mapping[str, Any]) -> str:
    return "distributed" if redis_url() else "embedded"


def _default_heartbeat(resolved: Mapping[str, Any]) -> float:
    return min(2.0, float(resolved["LEASE_SECONDS"]) / 3)


def redis_url() -> str:
    """Return the setting REDIS_URL, which a project need not have; empty without one."""
    return getattr(settings, "REDIS_URL", "") or ""


def _default_notifier(resolved: Mapping[str, Any]) -> str:
    if resolved["EXECUTION"] == "distributed":
        kind = "Redis" if redis_url() else "Postgres"
        return f"{packages.named('worker')}.live.{kind}Notifier"
    return "workflows_app.engine.host.live.InProcessNotifier"


def _default_dispatcher(resolved: Mapping[str, Any]) -> str:
    execution = str(resolved["EXECUTION"]).title()
    return f"{packages.named('worker')}.dispatch.{execution}Dispatcher"


SETTINGS: Final = (
    Setting(
        "EXECUTION",
        _default_execution,
        _execution,
        "Who runs the steps. `inline`: the calling process, in the calling thread; no recovery. "
        "`embedded`: worker threads in this process. `distributed`: worker processes, "
        "which get hints over Redis (`REDIS_URL`), or without it over PostgreSQL.",
    ),
    Setting(
        "DATABASE",
        DEFAULT_DB_ALIAS,
        _alias,
        "The alias in `DATABASES` of the database that holds runs and everything about them.",
    ),
    Setting(
        "LEASE_SECONDS",
        15.0,
        _seconds,
        "How long a worker may be silent before its steps count as lost and are run again.",
    ),
    Setting(
        "HEARTBEAT_SECONDS",
        _default_heartbeat,
        _seconds,
        "How often a worker says that it is alive: 2, and never more than a third of the lease.",
    ),
    Setting(
        "MAX_LOST_ATTEMPTS",
        5,
        _count,
        "How often one step may lose its worker before it fails with `WorkerLost`.",
    ),
    Setting(
        "CANCEL_GRACE_SECONDS",
        30.0,
        _grace,
        "How long a canceled run waits for a running step before it gives up waiting.",
    ),
    Setting(
        "VERSION_GRACE_SECONDS",
        600.0,
        _grace,
        "How long a step waits for a worker whose code fits the run.",
    ),
    Setting(
        "MAX_RETRY_DELAY_SECONDS",
        86_400.0,
        _seconds,
        "The longest wait before the next attempt, however the delay grows.",
    ),
    Setting(
        "EVENT_WINDOW_SECONDS",
        86_400.0,
        _seconds,
        "How long an event is kept for a step to come, and how long a repeated one is known.",
    ),
    Setting(
        "SITE_URL",
        "http://127.0.0.1:8000",
        _site,
        "Where others reach this server: what the URLs of `ctx.callback_url()` begin with.",
    ),
    Setting(
        "MAX_PAYLOAD_BYTES",
        4 * 1024 * 1024,
        _count,
        "The largest value, as JSON, that a verb takes or a step returns.",
    ),
    Setting(
        "MAX_LIST_BYTES",
        64 * 1024 * 1024,
        _count,
        "The largest joined list of results.",
    ),
    Setting(
        "MAX_BODY_BYTES",
        _default_body,
        _count,
        "The largest body of a request to the HTTP API; a larger one is refused before it is read.",
    ),
    Setting(
        "METRICS_ADDRESSES",
        (),
        networks,
        "Addresses and networks that may read `/metrics` without a token.",
    ),
    Setting(
        "API_RATE",
        "600/m",
        _rate,
        "How many requests to the HTTP API one token, person or address may send in a second, "
        "minute, hour or day; `off`: as many as it likes.",
    ),
    Setting(
        "API_DOCS_PUBLIC",
        False,  # noqa: FBT003 - a default, not an argument
        _flag,
        "Whether anybody may read the documentation of the HTTP API without signing in.",
    ),
    Setting(
        "BROKER",
        "",
        _broker,
        "The URL of a Redis or RabbitMQ whose Dramatiq queues carry the hints of the distributed "
        "mode; empty: lists in the Redis of `REDIS_URL`, which are faster (docs/broker.md).",
        is_secret=True,
    ),
    Setting(
        "DISPATCHER",
        _default_dispatcher,
        _path,
        "The class that tells workers about work; the default depends on EXECUTION.",
    ),
    Setting(
        "NOTIFIER",
        _default_notifier,
        _path,
        "The class that tells browsers and streams that a run has changed.",
    ),
)
NAMES: Final = tuple(setting.name for setting in SETTINGS)

_PREFIX: Final = "WORKFLOWS_"
#: Read from the environment by `dashboard.settings`; not a setting of the dictionary.
_ELSEWHERE: Final = frozenset({"MODULES"})
#: Variables that container platforms set for a service that happens to be called "workflows".
_PLATFORM: Final = re.compile(r"SERVICE_(HOST|PORT.*)|PORT(_.*)?")

#: The dictionary that was resolved last, and the result.
_last: tuple[dict[str, object], dict[str, Any]] | None = None


@overload
def get(name: Seconds) -> float: ...
@overload
def get(name: Count) -> int: ...
@overload
def get(name: Text) -> str: ...
@overload
def get(name: Addresses) -> Networks: ...
@overload
def get(name: Flag) -> bool: ...
def get(name: str) -> float | int | str | bool | Networks:
    """Return the current value of one setting.

    Cheap enough for every call. A change of `settings.WORKFLOWS` takes effect at once, a change of
    the environment does not. Raises ImproperlyConfigured for what `resolve` refuses.
    """
    global _last  # noqa: PLW0603  # one reading for the process, replaced as a whole
    given: dict[str, object] = getattr(settings, "WORKFLOWS", {})
    if _last is None or _last[0] != given:
        _last = (dict(given), resolve(given, os.environ))
    value: float | int | str | bool | Networks = _last[1][name]
    return value


def resolve(given: Mapping[str, object], environment: Mapping[str, str]) -> dict[str, Any]:
    """Return the value of every setting by name.

    Raises ImproperlyConfigured for an unknown name, an impossible value, and settings that
    contradict each other.
    """
    _refuse_unknown(given, environment)
    resolved: dict[str, Any] = {}
    for setting in SETTINGS:
        resolved[setting.name] = _value(setting, given, environment, resolved)
    contradictions.refuse(resolved, redis_url())
    return resolved


def _value(
    setting: Setting,
    given: Mapping[str, object],
    environment: Mapping[str, str],
    resolved: Mapping[str, object],
) -> object:
    """Return one value from the first source that has one."""
    variable = _PREFIX + setting.name
    if setting.name in given:
        place, value = f"WORKFLOWS[{setting.name!r}]", given[setting.name]
    elif environment.get(variable, "").strip():
        place, value = variable, environment[variable].strip()
    else:
        return setting.default(resolved) if callable(setting.default) else setting.default
    try:
        return setting.read(value)
    except ValueError as rule:
        what = "is not what it can be" if setting.is_secret else f"is {value!r}"
        raise ImproperlyConfigured(f"{place} {what}; it must be {rule}.") from None


def _refuse_unknown(given: Mapping[str, object], environment: Mapping[str, str]) -> None:
    """Refuse unknown names, because a misspelt one would otherwise be ignored."""
    variables = (name.removeprefix(_PREFIX) for name in environment if name.startswith(_PREFIX))
    unknown = [f"WORKFLOWS[{name!r}]" for name in given if name not in NAMES]
    unknown += [
        _PREFIX + name
        for name in variables
        if name not in NAMES and name not in _ELSEWHERE and not _PLATFORM.fullmatch(name)
    ]
    if unknown:
        raise ImproperlyConfigured(
            f"There is no setting {', '.join(sorted(unknown))}. There are: {', '.join(NAMES)}."
        )
