"""Between what people type and JSON values: numbers, moments, whole documents."""

import json
import math
import re
from datetime import UTC, date, datetime, time, tzinfo
from typing import Any

from dashboard.forms.fields import JSON, Number, Text

WHOLE = re.compile(r"[+-]?[0-9]+")
DECIMAL = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")

#: Python refuses to read longer integers; nobody types them.
MAX_DIGITS = 4000


class NotJson(ValueError):
    """A text that is not JSON; the message says where it stops being JSON."""


def number_of(text: str, field: Number) -> int | float | str | None:
    """Return the number typed, or None where it is none; a decimal stays text, digit by digit."""
    text = text.strip()
    if len(text) > MAX_DIGITS:
        return None
    if field.as_text:
        return text if DECIMAL.fullmatch(text) else None
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
    what = "a whole number such as 12" if field.integer else "a number such as 12.5"
    return f"“{text.strip()}” is not a number; write {what}."


def text_of(raw: str, field: Text) -> str:
    """Return the string that was meant by what a field held."""
    if field.input == "textarea":
        return raw.replace("\r\n", "\n")
    if field.input == "datetime-local":
        return _moment(raw.strip(), field.zone)
    return raw.strip() if field.input in {"date", "time"} else raw


def shown(value: str, field: Text) -> str:
    """Return a string as its field shows it; a moment is shown in the zone that the hint names.

    A moment without a zone is one in UTC. One that a clock shows twice keeps its offset.
    """
    moment = _parsed(value) if field.input == "datetime-local" else None
    if moment is None:
        return value
    try:
        local = moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(field.zone)
    except OverflowError:  # the first and the last day of all time
        return value
    plain = local.replace(tzinfo=None, fold=0)
    return local.isoformat() if _is_twice(plain, field.zone) else plain.isoformat()


def moment_problem(raw: str, field: Text) -> str:
    """Return what to say about a time that the zone's clocks skip, or show twice; often nothing."""
    moment = _parsed(raw.strip()) if field.input == "datetime-local" else None
    if moment is None or moment.tzinfo is not None:
        return ""
    first, second = (moment.replace(tzinfo=field.zone, fold=fold) for fold in (0, 1))
    if first.utcoffset() == second.utcoffset():
        return ""
    said = f"“{moment.isoformat(' ', 'minutes')}”"
    if not _is_twice(moment, field.zone):
        return f"{said} does not exist in {field.zone}: the clocks go forward past it."
    return (
        f"{said} comes twice in {field.zone}, since the clocks go back. Write {first.isoformat()} "
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
            return moment is None or not _is_twice(moment, field.zone)
        case _:
            return True


def is_of_input(value: str, field: Text) -> bool:
    """Whether a string is a date, a time or a moment where the field asks for one."""
    readers = {"date": date.fromisoformat, "time": time.fromisoformat}
    if field.input == "datetime-local":
        return _parsed(value) is not None
    if reader := readers.get(field.input):
        try:
            reader(value)
        except ValueError:
            return False
    return True


def _moment(raw: str, zone: tzinfo) -> str:
    """Return what was typed as a moment with its offset: in UTC where none was typed."""
    moment = _parsed(raw)
    if moment is None:
        return raw
    if moment.tzinfo is None:
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


def dump(value: JSON) -> str:
    """Return JSON for people: indented, in their own letters."""
    return json.dumps(value, indent=2, ensure_ascii=False)


def load(text: str) -> JSON:
    """Read JSON as it was typed; raises `NotJson`. `NaN` and doubled keys are refused, too."""
    try:
        return json.loads(text, parse_constant=_no_constant, object_pairs_hook=_no_doubles)
    except json.JSONDecodeError as mistake:
        where = f"line {mistake.lineno}, column {mistake.colno}"
        raise NotJson(f"This is not JSON: {mistake.msg} at {where}.") from None
    except RecursionError:
        raise NotJson("This JSON is nested too deeply to be read.") from None
    except NotJson:
        raise
    except ValueError:  # Python reads no number of more than 4300 digits
        raise NotJson("A number in this JSON has too many digits to be read.") from None


def _no_constant(name: str) -> Any:
    raise NotJson(f"This is not JSON: {name} is not a JSON number.")


def _no_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        double = next(key for key in keys if keys.count(key) > 1)
        raise NotJson(f"The key “{double}” stands twice in one object; keep one of them.")
    return found
