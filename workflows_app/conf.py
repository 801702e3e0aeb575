"""Every setting of the library: its name, its default, its meaning, and what it refuses.

A value comes from the `WORKFLOWS` dictionary of Django's settings, else from `WORKFLOWS_<NAME>` in
the environment, else it is the default. Values are read here and nowhere else.
"""

import math
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias, overload

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

Seconds: TypeAlias = Literal[
    "LEASE_SECONDS",
    "HEARTBEAT_SECONDS",
    "CANCEL_GRACE_SECONDS",
    "VERSION_GRACE_SECONDS",
    "MAX_RETRY_DELAY_SECONDS",
]
Count: TypeAlias = Literal["MAX_LOST_ATTEMPTS", "MAX_PAYLOAD_BYTES", "MAX_LIST_BYTES"]
Text: TypeAlias = Literal["EXECUTION", "DISPATCHER", "NOTIFIER"]


#: The longest span of a setting, about thirty years: with it every time stays within the calendar.
MOST_SECONDS: Final = 1e9


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting: `default` is a value, or a function of what was resolved before it."""

    name: str
    default: object
    read: Callable[[object], object]
    meaning: str


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


def _path(value: object) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"[^\W\d]\w*(\.[^\W\d]\w*)+", value):
        raise ValueError("the dotted path of a class, as 'package.module.Class'")
    return value


def _execution(value: object) -> str:
    if value not in ("inline", "embedded", "distributed"):
        raise ValueError("'inline', 'embedded' or 'distributed'")
    return str(value)


def _default_execution(_: Mapping[str, Any]) -> str:
    return "distributed" if getattr(settings, "REDIS_URL", "") else "embedded"


def _default_heartbeat(resolved: Mapping[str, Any]) -> float:
    return min(2.0, float(resolved["LEASE_SECONDS"]) / 3)


def _default_notifier(resolved: Mapping[str, Any]) -> str:
    if resolved["EXECUTION"] == "distributed":
        return "worker.live.RedisNotifier"
    return "workflows_app.engine.live.InProcessNotifier"


def _default_dispatcher(resolved: Mapping[str, Any]) -> str:
    return f"worker.dispatch.{str(resolved['EXECUTION']).title()}Dispatcher"


SETTINGS: Final = (
    Setting(
        "EXECUTION",
        _default_execution,
        _execution,
        "Who runs the steps. `inline`: the calling process, in the calling thread; no recovery. "
        "`embedded`: worker threads in this process. `distributed`: worker processes, "
        "hinted at over Redis (`REDIS_URL`).",
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
        "How long a canceled run waits for a running step before it gives it up.",
    ),
    Setting(
        "VERSION_GRACE_SECONDS",
        600.0,
        _grace,
        "How long a step waits for a worker whose code has its workflow as the run knows it.",
    ),
    Setting(
        "MAX_RETRY_DELAY_SECONDS",
        86_400.0,
        _seconds,
        "How long a step waits for its next attempt at most, however its delay grows.",
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
        "DISPATCHER",
        _default_dispatcher,
        _path,
        "The class that tells workers that there is work; by default the one of the execution.",
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
#: What container platforms put there for a service that happens to be called "workflows".
_PLATFORM: Final = re.compile(r"SERVICE_(HOST|PORT.*)|PORT(_.*)?")

#: The dictionary that was resolved last, and what came of it.
_last: tuple[dict[str, object], dict[str, Any]] | None = None


@overload
def get(name: Seconds) -> float: ...
@overload
def get(name: Count) -> int: ...
@overload
def get(name: Text) -> str: ...
def get(name: str) -> float | int | str:
    """Return the value of one setting as it stands now.

    Cheap enough for every call; a change of `settings.WORKFLOWS` counts at once, one of the
    environment does not. Raises ImproperlyConfigured for what `resolve` refuses.
    """
    global _last  # noqa: PLW0603  # one reading for the process, replaced as a whole
    given: dict[str, object] = getattr(settings, "WORKFLOWS", {})
    if _last is None or _last[0] != given:
        _last = (dict(given), resolve(given, os.environ))
    value: float | int | str = _last[1][name]
    return value


def resolve(given: Mapping[str, object], environment: Mapping[str, str]) -> dict[str, Any]:
    """Return the value of every setting by name.

    Raises ImproperlyConfigured for an unknown name, a value that a setting cannot have, and
    settings that contradict each other.
    """
    _refuse_unknown(given, environment)
    resolved: dict[str, Any] = {}
    for setting in SETTINGS:
        resolved[setting.name] = _value(setting, given, environment, resolved)
    _refuse_contradictions(resolved)
    return resolved


def _value(
    setting: Setting,
    given: Mapping[str, object],
    environment: Mapping[str, str],
    resolved: Mapping[str, object],
) -> object:
    """Return one value, from the first place that has one."""
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
        raise ImproperlyConfigured(f"{place} is {value!r}; it must be {rule}.") from None


def _refuse_unknown(given: Mapping[str, object], environment: Mapping[str, str]) -> None:
    """Refuse names that mean nothing, since a misspelt one would be passed over in silence."""
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


def _refuse_contradictions(resolved: Mapping[str, Any]) -> None:
    """Refuse settings that are well formed each by itself but cannot hold together."""
    if resolved["EXECUTION"] == "distributed" and not getattr(settings, "REDIS_URL", ""):
        raise ImproperlyConfigured(
            "WORKFLOWS_EXECUTION is 'distributed' but REDIS_URL is not set. Set it to the Redis "
            "that all processes share (redis://host:6379/0), or leave WORKFLOWS_EXECUTION out."
        )
    lease, heartbeat = resolved["LEASE_SECONDS"], resolved["HEARTBEAT_SECONDS"]
    if heartbeat > lease / 3:
        raise ImproperlyConfigured(
            f"HEARTBEAT_SECONDS is {heartbeat:g} with LEASE_SECONDS {lease:g}; it may be a third "
            f"of the lease at most, or a healthy worker could seem lost. Give {lease / 3:g} or "
            "less, or leave it out."
        )
