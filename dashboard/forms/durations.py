"""Converts between ISO 8601 durations and a number with a unit."""

import re
from decimal import Decimal

#: The seconds of each unit, the largest first; months and years have no fixed length.
UNITS = {"weeks": 604800, "days": 86400, "hours": 3600, "minutes": 60, "seconds": 1}

#: Stands in place of a unit for a duration that is typed in ISO 8601.
AS_WRITTEN = "iso"

_PLAIN = re.compile(r"([+-]?)([0-9]{1,18}(?:\.[0-9]{0,9})?|\.[0-9]{1,9})", re.ASCII)
_NUMBER = r"([0-9]{1,18}(?:[.,][0-9]{1,9})?)"
_ISO = re.compile(
    rf"([+-]?)P(?:{_NUMBER}W)?(?:{_NUMBER}D)?"
    rf"(?:T(?=[0-9])(?:{_NUMBER}H)?(?:{_NUMBER}M)?(?:{_NUMBER}S)?)?",
    re.ASCII | re.IGNORECASE,
)


def read(text: str) -> tuple[str, str]:
    """Return a duration as a number and its unit: the largest in which it is a whole number.

    Years, months and text that is not a duration are returned unchanged.
    """
    found = _ISO.fullmatch(text.strip())
    if not found or not any(found.groups()[1:]):
        return text, AS_WRITTEN
    numbers = [Decimal((part or "0").replace(",", ".")) for part in found.groups()[1:]]
    seconds = sum(number * size for number, size in zip(numbers, UNITS.values(), strict=True))
    unit = next((u for u, size in UNITS.items() if seconds and not seconds % size), "seconds")
    sign = "-" if found[1] == "-" and seconds else ""
    return sign + _plain(Decimal(seconds) / UNITS[unit]), unit


def written(amount: str, unit: str) -> str | None:
    """Return the duration in ISO 8601; None if the amount is not a plain number."""
    if unit not in UNITS:
        return amount.strip()
    found = _PLAIN.fullmatch(amount.strip())
    if not found:
        return None
    number = Decimal(found[2])
    if number != number.to_integral_value():
        number, unit = number * UNITS[unit], "seconds"
    sign, text = found[1].replace("+", ""), _plain(number)
    if unit in {"weeks", "days"}:
        return f"{sign}P{text}{unit[0].upper()}"
    return f"{sign}PT{text}{unit[0].upper()}"


def _plain(number: Decimal) -> str:
    text = f"{number:f}"
    return (text.rstrip("0").rstrip(".") if "." in text else text) or "0"
