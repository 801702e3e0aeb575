"""The words and numbers that people read, in their language: typed doors to Django's.

Programs read English and plain numbers: nothing of this belongs in JSON, logs or addresses.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Final, cast

from django.utils import formats, translation

#: The language that the words are written in.
SOURCE: Final = "en"
#: The date of every page in the language of the source: the same for all who read English.
ISO: Final = "Y-m-d"
#: Says that what follows is read from right to left.
MARK: Final = "\u200f"


def gettext_lazy(text: str) -> str:
    """Return a text for a table of a module; each page that shows it translates it.

    It is declared as the text that it becomes, because it can do all that a text can but
    `str.join` and JSON.
    """
    return cast("str", translation.gettext_lazy(text))


def pgettext_lazy(context: str, text: str) -> str:
    """Return the same for a text that means different things in different places."""
    return cast("str", translation.pgettext_lazy(context, text))


def active() -> str:
    """Return the language in which words are returned now; part of the key of what is kept."""
    return translation.get_language() or SOURCE


def shown() -> str:
    """Return the language of the words that pages show: that of the source if there is no other."""
    return translation.gettext("en")


def is_source() -> bool:
    """Return whether words are shown as they are written here."""
    return active().partition("-")[0] == SOURCE


def number(value: float, decimals: int | None = None, *, is_grouped: bool = False) -> str:
    """Return a number as the reader's language writes it.

    With `is_grouped` its thousands are always apart; otherwise if the settings say so.
    """
    # Django cuts digits off instead of rounding.
    exact = value if decimals is None else Decimal(f"{value:.{decimals}f}")
    return formats.number_format(exact, decimals, use_l10n=True, force_grouping=is_grouped)


def plain_number(value: float) -> str:
    """Return a number with at most six significant digits and no zeros at its end: `0.5`, `10`."""
    text = f"{value:g}"
    return number(value, len(text.partition(".")[2])) if "e" not in text else text


def day(value: date | datetime) -> str:
    """Return a date as the reader's language writes it; in English as ISO 8601 does."""
    shape = ISO if is_source() else "SHORT_DATE_FORMAT"
    # Arabic dates have marks of direction, which a page would show, because nobody sees them.
    return formats.date_format(value, shape, use_l10n=True).replace(MARK, "")


def inside(label: str) -> str:
    """Return a label as it is written inside a sentence: in English without its capitals."""
    return label.lower() if shown() == SOURCE else label


def read_back(sentence: str, said: str) -> dict[str, str] | None:
    """Return what was filled into a lazy sentence when it was said in the source language.

    None if something else was said. So a sentence that a program has said, or that was stored, can
    be said in the reader's language.
    """
    with in_source():
        pattern = _pattern(str(sentence))
    found = pattern.fullmatch(said)
    return None if found is None else found.groupdict()


@lru_cache(maxsize=256)
def _pattern(sentence: str) -> re.Pattern[str]:
    holes = re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>.+?)", re.escape(sentence))
    # Pydantic says "1 character" where it says "2 characters" otherwise.
    return re.compile(re.sub(r"\b(character|item)s\b", r"\1s?", holes), re.DOTALL)


@contextmanager
def in_source() -> Iterator[None]:
    """Use the language of the source for a while, because a program reads the words."""
    with translation.override(SOURCE):
        yield
