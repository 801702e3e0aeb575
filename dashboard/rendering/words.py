"""Moments, lengths of time and sizes, as every page writes them."""

from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache

from django.utils import timezone
from django.utils.translation import gettext

from workflows_app import languages

MINUTE, HOUR, DAY = 60, 3600, 86400
MILLISECONDS = 1000


def exact(moment: datetime | None) -> str:
    """Return the moment to the second in the person's zone, with the zone and its offset."""
    if moment is None:
        return ""
    return _exact(moment, timezone.get_current_timezone(), languages.active())


# A page shows each moment more than once, and so does the next page.
@lru_cache(maxsize=4096)
def _exact(moment: datetime, zone: tzinfo, _language: str) -> str:
    return to_the_second(timezone.localtime(moment, zone))


def to_the_second(local: datetime) -> str:
    """Return a moment to the second in the zone that it has, with the zone and its offset."""
    return f"{languages.day(local)} {local:%H:%M:%S} {zone_at(local)}"


def zone_at(local: datetime) -> str:
    """Return the zone of a moment by its usual name, and its offset: `CET (+01:00)`, `+03:00`."""
    name, offset = local.strftime("%Z"), local.strftime("%z")
    if name == "UTC":
        return name
    offset = f"{offset[:3]}:{offset[3:5]}"
    return f"{name} ({offset})" if name.isalpha() else offset


def for_machines(moment: datetime) -> str:
    """Return a moment as the page's scripts read it, in UTC."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds")


def ago(moment: datetime, now: datetime) -> str:
    """Return how long before `now` the moment was, in the largest unit that fits."""
    seconds = int((now - moment).total_seconds())
    if seconds < 0:
        return gettext("in {time}").format(time=roughly(-seconds))
    if seconds < 5:  # noqa: PLR2004 - a moment
        return gettext("just now")
    return gettext("{time} ago").format(time=roughly(seconds))


def roughly(seconds: int) -> str:
    """Return a number of seconds in the largest unit that fits."""
    if seconds >= DAY:
        return gettext("{number} d").format(number=seconds // DAY)
    if seconds >= HOUR:
        return gettext("{number} h").format(number=seconds // HOUR)
    if seconds >= MINUTE:
        return gettext("{number} min").format(number=seconds // MINUTE)
    return gettext("{number} s").format(number=seconds)


def in_words(length: timedelta) -> str:
    """Return a length of time with two units at most."""
    seconds = max(length.total_seconds(), 0)
    if seconds < 1:
        return gettext("{number} ms").format(number=round(seconds * MILLISECONDS))
    if seconds < MINUTE:
        return gettext("{number} s").format(number=languages.number(seconds, 1))
    whole = int(seconds)
    if seconds < HOUR:
        text, large, small = gettext("{large} min {small} s"), whole // MINUTE, whole % MINUTE
    elif seconds < DAY:
        text, large, small = gettext("{large} h {small} min"), whole // HOUR, whole % HOUR // MINUTE
    else:
        text, large, small = gettext("{large} d {small} h"), whole // DAY, whole % DAY // HOUR
    return text.format(large=large, small=small)


def in_milliseconds(length: timedelta) -> int:
    """Return a length of time as exactly as pages show it at most."""
    return round(length.total_seconds() * MILLISECONDS)


def size(bytes_: int | None) -> str:
    """Return a number of bytes as people read it."""
    number = float(bytes_ or 0)
    for unit in ("B", "KB", "MB"):
        if number < 1000 or unit == "MB":  # noqa: PLR2004 - the step between units
            return f"{languages.number(number, 0 if unit == 'B' else 1)} {unit}"
        number /= 1000
    return ""
