"""Cron expressions in the reader's language: "At 03:00 every day" for `0 3 * * *`.

The library that reads an expression says it in English alone. What it takes an expression apart
into is said here in every language; in English both say the same, which a test holds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import time
from typing import Final

from cronsim.explain import Expression, Field
from cronsim.explain import Sequence as Part
from django.utils.dates import MONTHS, WEEKDAYS
from django.utils.translation import gettext, override

from workflows_app import languages
from workflows_app.definition.schedules import cron_fields
from workflows_app.languages import gettext_lazy, pgettext_lazy

#: How many times of a day are named one by one.
MOST_TIMES: Final = 4
#: What the library calls the last day of a month, and the last one from Monday to Friday.
_LAST, _LAST_WEEKDAY = -1, -2

_ORDINALS: Final[Mapping[int, str]] = {
    _LAST: pgettext_lazy("ordinal", "last"),
    1: pgettext_lazy("ordinal", "first"),
    2: pgettext_lazy("ordinal", "second"),
    3: pgettext_lazy("ordinal", "third"),
    4: pgettext_lazy("ordinal", "fourth"),
    5: pgettext_lazy("ordinal", "fifth"),
    6: pgettext_lazy("ordinal", "sixth"),
    7: pgettext_lazy("ordinal", "seventh"),
    8: pgettext_lazy("ordinal", "eighth"),
    9: pgettext_lazy("ordinal", "ninth"),
}


@dataclass(frozen=True)
class _Words:
    """How one field of an expression is said, part by part."""

    every: str
    every_nth: str
    span: str
    span_of_nth: str
    one: str
    #: Several single values in one; without it each is said for itself.
    several: str = ""
    #: One of these values; without it the number.
    one_of_several: str = ""
    labels: Mapping[int, str] | None = None

    def label(self, value: int) -> str:
        """Return what people call a value."""
        return str(value if self.labels is None else self.labels[value])


_SECOND: Final = _Words(
    gettext_lazy("every second"),
    gettext_lazy("every {nth} second"),
    gettext_lazy("every second from {start} through {stop}"),
    gettext_lazy("every {nth} second from {start} through {stop}"),
    gettext_lazy("second {start}"),
    gettext_lazy("seconds {values}"),
)
_MINUTE: Final = _Words(
    gettext_lazy("every minute"),
    gettext_lazy("every {nth} minute"),
    gettext_lazy("every minute from {start} through {stop}"),
    gettext_lazy("every {nth} minute from {start} through {stop}"),
    gettext_lazy("minute {start}"),
    gettext_lazy("minutes {values}"),
)
_HOUR: Final = _Words(
    gettext_lazy("every hour"),
    gettext_lazy("every {nth} hour"),
    gettext_lazy("every hour from {start} through {stop}"),
    gettext_lazy("every {nth} hour from {start} through {stop}"),
    gettext_lazy("hour {start}"),
    gettext_lazy("hours {values}"),
)
_DAY: Final = _Words(
    gettext_lazy("every day of month"),
    gettext_lazy("every {nth} day of month"),
    gettext_lazy("every day of month from {start} through {stop}"),
    gettext_lazy("every {nth} day of month from {start} through {stop}"),
    gettext_lazy("the {nth} day of month"),
    gettext_lazy("{values} day of month"),
    gettext_lazy("the {nth}"),
)
_MONTH: Final = _Words(
    gettext_lazy("every month"),
    gettext_lazy("every {nth} month"),
    gettext_lazy("every month from {start} through {stop}"),
    gettext_lazy("every {nth} month from {start} through {stop}"),
    pgettext_lazy("in a month", "{start}"),
    labels=MONTHS,
)
_WEEKDAY: Final = _Words(
    gettext_lazy("every day of week"),
    gettext_lazy("every {nth} day of week"),
    pgettext_lazy("days of the week", "{start} through {stop}"),
    gettext_lazy("every {nth} day of week from {start} through {stop}"),
    pgettext_lazy("on a day of the week", "{start}"),
    # Django begins with Monday; here Sunday is 0, and 7.
    labels={number: WEEKDAYS[(number + 6) % 7] for number in range(8)},
)


def cron_words(cron: str) -> str:
    """Return a cron expression in the language of the page; empty if it is not one."""
    parts = cron_fields(cron)
    if not parts:
        return ""
    # Names of days and months have more languages than our sentences.
    with override(languages.shown()):
        said = _sentence(Expression(list(parts)))
    return said[0].upper() + said[1:]


def _sentence(expression: Expression) -> str:
    at = _clock(expression)
    when = at or _span(expression) or _often(expression)
    date = _date(expression, is_at=bool(at))
    if date:
        return gettext("{time} {date}").format(time=when, date=date)
    return gettext("{time} every day").format(time=when) if at else when


# Times of the day.


def _clock(e: Expression) -> str:
    """Return the times of the day one by one, if they are few."""
    fields = (e.hour, e.minute, e.second)
    if e.hour.star or not all(field.all_singles for field in fields):
        return ""
    hours, minutes, seconds = (sorted(field.singles()) for field in fields)
    if len(hours) * len(minutes) * len(seconds) > MOST_TIMES:
        return ""
    to = "minutes" if e.second.zero else "seconds"
    times = [time(h, m, s).isoformat(to) for h in hours for m in minutes for s in seconds]
    return gettext("at {times}").format(times=_joined(times))


def _span(e: Expression) -> str:
    """Return from when to when each minute, or each so many minutes, of consecutive hours is."""
    hours, minutes = e.hour.parsed, e.minute.parsed
    if e.hour.star or len(minutes) > 1 or not e.second.zero:
        return ""
    (of_minutes,), first = minutes, hours[0]
    if e.hour.single_value and of_minutes.start is not None and of_minutes.step == 1:
        begin, end = time(e.hour.single_value, of_minutes.start), of_minutes.stop or 0
        return _from(_MINUTE.every, begin, time(e.hour.single_value, end))
    if len(hours) == 1 and of_minutes.start is None and first.start is not None and first.step == 1:
        return _from(_parts(e.minute, _MINUTE), time(first.start), time(first.stop or 0, 59))
    return ""


def _from(minutes: str, first: time, last: time) -> str:
    text = gettext("{minutes} from {first} through {last}")
    return text.format(minutes=minutes, first=f"{first:%H:%M}", last=f"{last:%H:%M}")


def _often(e: Expression) -> str:
    """Return the seconds, minutes and hours for themselves."""
    seconds, minutes = _at(e.second, _SECOND), _at(e.minute, _MINUTE)
    if e.hour.star and e.minute.star:
        every = {e.second.star: _SECOND.every, e.second.zero: _MINUTE.every}.get(True)
        return str(every or gettext("{seconds} of every minute").format(seconds=seconds))
    if e.hour.star and e.second.zero:
        if e.minute.single_value == 0:
            return gettext("at the start of every hour")
        return gettext("{minutes} of every hour").format(minutes=minutes)
    hours = gettext("past {hours}").format(hours=_parts(e.hour, _HOUR))
    if e.second.zero:
        return gettext("{minutes} {hours}").format(minutes=minutes, hours=hours)
    text = gettext("{seconds} {minutes} {hours}")
    return text.format(seconds=seconds, minutes=minutes, hours=hours)


def _at(field: Field, words: _Words) -> str:
    said = _parts(field, words)
    return gettext("at {parts}").format(parts=said) if field.any_singles else said


# Days.


def _date(e: Expression, *, is_at: bool) -> str:
    if single := _single_date(e):
        return single
    months = gettext("in {months}").format(months=_parts(e.month, _MONTH))
    if is_at and e.day.star and e.dow.star and e.month.all_singles:
        return gettext("every day {months}").format(months=months)
    days = gettext("on {days}").format(days=_parts(e.day, _DAY))
    weekdays = gettext("on {weekdays}").format(weekdays=_parts(e.dow, _WEEKDAY))
    if not e.day.star and not e.dow.star:
        both = (
            gettext("{days} if it's {weekdays}") if e.day_and else gettext("{days} and {weekdays}")
        )
        days = both.format(days=days, weekdays=weekdays)
    elif e.day.star:
        days = "" if e.dow.star else weekdays
    return " ".join(filter(None, [days, "" if e.month.star else months]))


def _single_date(e: Expression) -> str:
    """Return the one day of the month, if there is one, whatever day of the week it is."""
    day, month = e.day.single_value, e.month.single_value
    if not e.dow.star or not day:
        return ""
    if day == _LAST_WEEKDAY:
        text = gettext("on the last weekday of {months}")
    elif month and day != _LAST:
        text = gettext("on {month} {day}")
    else:
        text = gettext("on the {nth} day of {months}")
    name = _MONTH.label(month) if month else ""
    return text.format(day=day, nth=_nth(day), month=name, months=_parts(e.month, _MONTH))


# Parts of fields.


def _parts(field: Field, words: _Words) -> str:
    """Return all parts of a field, joined."""
    values = field.singles()
    if (
        words.several
        and len(field.parsed) > 1
        and field.all_singles
        and _LAST_WEEKDAY not in values
    ):
        one = words.one_of_several or "{start}"
        each = [one.format(start=value, nth=_nth(value)) for value in values]
        return words.several.format(values=_joined(each))
    return _joined([_part(each, words) for each in field.parsed])


def _part(each: Part, words: _Words) -> str:
    if each.start is None:
        return (words.every if each.step == 1 else words.every_nth).format(nth=_nth(each.step))
    if each.nth is not None:
        return _of_month(each, words)
    start, nth = words.label(each.start), _nth(each.start)
    if each.stop is None or each.stop == each.start:
        return words.one.format(start=start, nth=nth)
    text = words.span if each.step == 1 else words.span_of_nth
    return text.format(start=start, stop=words.label(each.stop), nth=_nth(each.step))


def _of_month(each: Part, words: _Words) -> str:
    """Return the last day of a month, or one of its days of the week by its number."""
    if words is _DAY:
        if each.start == _LAST_WEEKDAY:
            return gettext("the last weekday of the month")
        return gettext("the last day of the month")
    text = gettext("the last {day} of the month")
    if each.nth != _LAST:
        text = gettext("the {nth} {day} of the month")
    return text.format(nth=_nth(each.nth or 1), day=words.label(each.start or 0))


def _nth(number: int) -> str:
    if number in _ORDINALS:
        return str(_ORDINALS[number])
    return gettext("{number}th").format(number=number)


def _joined(parts: Sequence[str]) -> str:
    *before, last = parts
    if not before:
        return last
    text = gettext("{first} and {last}") if len(before) == 1 else gettext("{first}, and {last}")
    return text.format(first=", ".join(before), last=last)
