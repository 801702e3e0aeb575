"""Converts between what people type and values: texts, numbers, moments."""

import math
import re
from collections.abc import Callable
from datetime import UTC, date, datetime, time, tzinfo
from uuid import UUID

from django.utils.translation import gettext

from workflows_app import languages
from workflows_app.definition.faithful import MOST_DIGITS

from .fields import JSON, Number, Text

WHOLE = re.compile(r"[+-]?[0-9]+")
DECIMAL = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")

#: How many characters of what was typed a message repeats.
SHOWN = 60

#: What an input loses or does not show: control characters, halves of surrogate pairs, and
#: characters that reverse the text or have no width. JSON escapes them.
HIDDEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff"
    "\u200b\u202a-\u202e\u2060-\u2069\ufeff\ufff9-\uffff]"
)
LINE_END = re.compile("\r\n|\r")


def is_visible(text: str) -> bool:
    """Return whether an input shows every character of a text and returns it unchanged."""
    return not HIDDEN.search(text)


def is_one_line(text: str) -> bool:
    """Return whether a field with one line shows a text as it is."""
    return is_visible(text) and "\n" not in text and "\r" not in text


def with_plain_lines(text: str) -> str:
    """Return the text with line ends as a browser shows them."""
    return LINE_END.sub("\n", text)


def number_of(text: str, field: Number) -> int | float | str | None:
    """Return the number typed, or None if it is not one; a decimal keeps its digits as text."""
    text = text.strip()
    if field.as_text:
        return text if DECIMAL.fullmatch(text) else None
    if len(text.lstrip("+-")) > MOST_DIGITS:
        return None
    if WHOLE.fullmatch(text):
        return int(text)
    if field.integer or not DECIMAL.fullmatch(text):
        return None
    number = float(text)
    return number if math.isfinite(number) else None


def is_number_of(value: JSON, field: Number) -> bool:
    """Return whether a JSON value is a number as the field makes it."""
    if field.as_text:
        return isinstance(value, str) and number_of(value, field) is not None
    kinds = int if field.integer else int | float
    return isinstance(value, kinds) and not isinstance(value, bool)


def number_problem(text: str, field: Number) -> str:
    """Return a sentence about a text that is not a number."""
    if re.fullmatch(r"\s*[+-]?[0-9]+,[0-9]{1,2}\s*", text):
        said, point = text.strip(), text.strip().replace(",", ".")
        return gettext("“{said}” has a comma; write {point}.").format(said=said, point=point)
    digits = text.strip().lstrip("+-")
    if not field.as_text and digits.isdecimal() and len(digits) > MOST_DIGITS:
        text = gettext("This number has {digits} digits; at most {most} can be read.")
        return text.format(
            digits=languages.number(len(digits), is_grouped=True),
            most=languages.number(MOST_DIGITS, is_grouped=True),
        )
    what = (
        gettext("a whole number such as 12") if field.integer else gettext("a number such as 12.5")
    )
    said = text.strip()
    said = said if len(said) <= SHOWN else f"{said[:SHOWN]}…"
    return gettext("“{said}” is not a number; write {what}.").format(said=said, what=what)


def text_of(raw: str, field: Text) -> str:
    """Return the string that the text of a field means."""
    if field.input == "datetime-local":
        return _moment(raw.strip(), field.zone)
    return raw.strip() if field.input in {"date", "time"} else with_plain_lines(raw)


def meant(raw: str, field: Text) -> object:
    """Return what a text means, so that two ways to write the same time are equal."""
    if field.input == "time":
        try:
            return time.fromisoformat(raw.strip())
        except ValueError:
            pass
    return text_of(raw, field)


def text_in_field(value: str, field: Text) -> str:
    """Return a string as its field shows it; moments are shown in the zone that the hint names.

    A moment without a zone is one in UTC. One that a clock shows twice keeps its offset. If the
    type takes no zones, a moment is shown unchanged.
    """
    zone = field.zone
    moment = _parsed(value) if field.input == "datetime-local" and zone else None
    if moment is None or zone is None:
        return value
    try:
        local = moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(zone)
    except OverflowError:  # the first and the last day that Python knows
        return value
    plain = local.replace(tzinfo=None, fold=0)
    return local.isoformat() if _is_twice(plain, zone) else plain.isoformat()


def moment_problem(raw: str, field: Text) -> str:
    """Return a sentence about a time that the zone's clocks skip or show twice; usually empty."""
    zone = field.zone
    moment = _parsed(raw.strip()) if field.input == "datetime-local" else None
    if moment is None or moment.tzinfo is not None or zone is None:
        return ""
    first, second = (moment.replace(tzinfo=zone, fold=fold) for fold in (0, 1))
    if first.utcoffset() == second.utcoffset():
        return ""
    said = f"“{moment.isoformat(' ', 'minutes')}”"
    if not _is_twice(moment, zone):
        return gettext("{said} does not exist in {zone}: the clocks go forward past it.").format(
            said=said, zone=zone
        )
    return gettext(
        "{said} occurs twice in {zone}, because the clocks go back. Write "
        "{first} for the first or {second} for the second."
    ).format(said=said, zone=zone, first=first.isoformat(), second=second.isoformat())


def fits_input(raw: str, field: Text) -> bool:
    """Return whether a browser's own date or time field would show this text, not swallow it."""
    match field.input:
        case "date":
            return not raw or bool(re.fullmatch(r"\d{4}-\d\d-\d\d", raw))
        case "time":
            return not raw or bool(re.fullmatch(r"\d\d:\d\d(:\d\d(\.\d{1,3})?)?", raw))
        case "datetime-local":
            shape = r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d{1,3})?)?"
            if raw and not re.fullmatch(shape, raw):
                return False
            moment = _parsed(raw)
            return moment is None or not field.zone or not _is_twice(moment, field.zone)
        case "email" | "url":  # browsers trim these
            return raw == raw.strip()
        case _:
            return True


def is_of_input(value: str, field: Text) -> bool:
    """Return whether a string is a date, a time, a moment or a UUID if the field asks for one."""
    readers: dict[str, Callable[[str], object]] = {
        "date": date.fromisoformat,
        "time": time.fromisoformat,
        "uuid": UUID,
    }
    if field.input == "datetime-local":
        return _parsed(value) is not None
    if reader := readers.get(field.input) or readers.get(field.format):
        try:
            reader(value)
        except ValueError:
            return False
    return True


def _moment(raw: str, zone: tzinfo | None) -> str:
    """Return what was typed as a moment with its offset: in UTC if none was typed.

    Without a zone it stays a moment without one.
    """
    moment = _parsed(raw)
    if moment is None:
        return raw
    if moment.tzinfo is None and zone is not None:
        try:
            moment = moment.replace(tzinfo=zone).astimezone(UTC)
        except OverflowError:
            return raw
    return moment.isoformat().replace("+00:00", "Z")


def _is_twice(moment: datetime, zone: tzinfo) -> bool:
    """Return whether the zone's clocks show this time twice because they are set back."""
    first, second = (moment.replace(tzinfo=zone, fold=fold).utcoffset() for fold in (0, 1))
    return first is not None and second is not None and first > second


def _parsed(text: str) -> datetime | None:
    if "T" not in text and " " not in text:
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None
