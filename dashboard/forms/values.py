"""Between what people type and values: texts, numbers, moments."""

import math
import re
from collections.abc import Callable
from datetime import UTC, date, datetime, time, tzinfo
from uuid import UUID

from dashboard.forms.fields import JSON, Number, Text
from workflows_app.definition.faithful import MOST_DIGITS

WHOLE = re.compile(r"[+-]?[0-9]+")
DECIMAL = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")

#: Characters of what was typed that a message repeats.
SHOWN = 60

#: What an input loses or does not show: control characters, halves of a pair, and signs that turn
#: the text around or take no room. JSON writes them out.
HIDDEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff"
    "\u200b\u202a-\u202e\u2060-\u2069\ufeff\ufff9-\uffff]"
)
LINE_END = re.compile("\r\n|\r")


def is_visible(text: str) -> bool:
    """Whether an input shows every character of a text, and gives it back."""
    return not HIDDEN.search(text)


def is_one_line(text: str) -> bool:
    """Whether a field of one line shows a text as it is."""
    return is_visible(text) and "\n" not in text and "\r" not in text


def with_plain_lines(text: str) -> str:
    """Return the text with each line ended as a browser shows it."""
    return LINE_END.sub("\n", text)


def number_of(text: str, field: Number) -> int | float | str | None:
    """Return the number typed, or None where it is none; a decimal stays text, digit by digit."""
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
    """Whether a JSON value is a number as the field makes it."""
    if field.as_text:
        return isinstance(value, str) and number_of(value, field) is not None
    kinds = int if field.integer else int | float
    return isinstance(value, kinds) and not isinstance(value, bool)


def number_problem(text: str, field: Number) -> str:
    """Return what to say about a text that is not a number."""
    if re.fullmatch(r"\s*[+-]?[0-9]+,[0-9]{1,2}\s*", text):
        return f"“{text.strip()}” has a comma; write {text.strip().replace(',', '.')}."
    digits = text.strip().lstrip("+-")
    if not field.as_text and digits.isdecimal() and len(digits) > MOST_DIGITS:
        return f"This number has {len(digits):,} digits; at most {MOST_DIGITS:,} can be read."
    what = "a whole number such as 12" if field.integer else "a number such as 12.5"
    said = text.strip()
    said = said if len(said) <= SHOWN else f"{said[:SHOWN]}…"
    return f"“{said}” is not a number; write {what}."


def text_of(raw: str, field: Text) -> str:
    """Return the string that was meant by what a field held."""
    if field.input == "datetime-local":
        return _moment(raw.strip(), field.zone)
    return raw.strip() if field.input in {"date", "time"} else with_plain_lines(raw)


def meant(raw: str, field: Text) -> object:
    """Return what a text stands for, so that two ways to write one time are the same."""
    if field.input == "time":
        try:
            return time.fromisoformat(raw.strip())
        except ValueError:
            pass
    return text_of(raw, field)


def shown(value: str, field: Text) -> str:
    """Return a string as its field shows it; a moment is shown in the zone that the hint names.

    A moment without a zone is one in UTC. One that a clock shows twice keeps its offset. Where the
    type knows no zones, a moment is shown as it is.
    """
    zone = field.zone
    moment = _parsed(value) if field.input == "datetime-local" and zone else None
    if moment is None or zone is None:
        return value
    try:
        local = moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(zone)
    except OverflowError:  # the first and the last day of all time
        return value
    plain = local.replace(tzinfo=None, fold=0)
    return local.isoformat() if _is_twice(plain, zone) else plain.isoformat()


def moment_problem(raw: str, field: Text) -> str:
    """Return what to say about a time that the zone's clocks skip, or show twice; often nothing."""
    zone = field.zone
    moment = _parsed(raw.strip()) if field.input == "datetime-local" else None
    if moment is None or moment.tzinfo is not None or zone is None:
        return ""
    first, second = (moment.replace(tzinfo=zone, fold=fold) for fold in (0, 1))
    if first.utcoffset() == second.utcoffset():
        return ""
    said = f"“{moment.isoformat(' ', 'minutes')}”"
    if not _is_twice(moment, zone):
        return f"{said} does not exist in {zone}: the clocks go forward past it."
    return (
        f"{said} comes twice in {zone}, since the clocks go back. Write {first.isoformat()} "
        f"for the first or {second.isoformat()} for the second."
    )


def fits_input(raw: str, field: Text) -> bool:
    """Whether a browser's own date or time field would show this text, not swallow it."""
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
        case "email" | "url":  # which browsers trim
            return raw == raw.strip()
        case _:
            return True


def is_of_input(value: str, field: Text) -> bool:
    """Whether a string is a date, a time, a moment or a UUID where the field asks for one."""
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
    """Return what was typed as a moment with its offset: in UTC where none was typed.

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
    """Return whether the zone's clocks show this time twice, since they are put back."""
    first, second = (moment.replace(tzinfo=zone, fold=fold).utcoffset() for fold in (0, 1))
    return first is not None and second is not None and first > second


def _parsed(text: str) -> datetime | None:
    if "T" not in text and " " not in text:
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None
