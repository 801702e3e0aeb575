"""Characters that nobody sees, or that change how others look: pages show their code points.

A value may contain characters that reverse what is beside them ("Pay U+202E 00.1 €" would be read
as "Pay € 1.00"), that have no width, or that no page can carry, such as half of a surrogate pair.
This is the one rule for all pages. It is applied to the finished page, so that no template can
forget it. What scripts and forms read (names, addresses, the content of fields) is left alone; what
people read (text, tooltips, titles) shows `U+202E`. Pure: text in, text out.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from typing import Final

from django.utils.translation import gettext

#: Control characters except tab and line feed, soft hyphens, direction marks, letters without width
#: or look, tags, and halves of surrogate pairs. Joiners and variation selectors are included:
#: `_is_needed` says where writing or an emoji needs them.
_ODD: Final = (
    "\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f"
    "\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb"
    "\ud800-\udfff\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
ODD: Final = re.compile(f"[{_ODD}]")

#: Letters that are read from right to left, and direction marks: they move what is beside them.
_TURNS: Final = re.compile(
    "[\u0590-\u08ff\u200e\u200f\u202a-\u202e\u2066-\u2069\ufb1d-\ufdff\ufe70-\ufefe"
    "\U00010800-\U00010fff\U0001e800-\U0001efff]"
)
#: Characters that UTF-8 or HTML cannot represent.
_NOT_CARRIED: Final = re.compile("[\0\ud800-\udfff]")

#: A comment, a tag with its attributes, or the text up to the next one.
_PIECE: Final = re.compile(
    r"<!--.*?-->|</?[A-Za-z](?:[^<>\"']|\"[^\"]*\"|'[^']*')*>|[^<]+|<", re.DOTALL
)
_ATTRIBUTE: Final = re.compile(rf"([^\s\"'<>/=]+)(\s*=\s*)(\"[^\"]*\"|'[^']*')|[{_ODD}]")
_NAME: Final = re.compile(r"</?([A-Za-z][\w:-]*)")

#: Attributes that people read or hear.
_READ: Final = frozenset({
    "alt", "aria-description", "aria-label", "aria-placeholder", "aria-roledescription",
    "aria-valuetext", "data-label", "data-title", "label", "placeholder", "title",
})  # fmt: skip
#: Elements that contain only text, so that the spelled-out characters get no element of their own.
_TEXT_ONLY: Final = frozenset({"option", "text", "title"})
#: Elements whose text is sent or run, and is therefore left alone.
_EXACT: Final = frozenset({"script", "style", "textarea"})

_VARIATION: Final = "\ufe00-\ufe0f"
_JOINERS: Final = frozenset("\u200c\u200d")
#: Writing in which joiners are correct: Arabic, scripts of India and beyond, emoji.
_JOINED: Final = re.compile("[\u0600-\u109f\u1780-\u18af\ufe0f\u2190-\u2bff\U0001f000-\U0001faff]")
_VARIED: Final = re.compile("[#*0-9\xa9\xae\u1000-\ud7ff\uf900-\ufdff\U00010000-\U0003ffff]")


def made_visible(html: str) -> str:
    """Return a page, or a part of one, with all such characters made visible or harmless."""
    return "".join(_pieces(html)) if ODD.search(html) else html


def plain(text: str) -> str:
    """Return a text that is not HTML, such as a title, with these characters spelled out."""
    return ODD.sub(_spelled, text)


def turns(text: str) -> bool:
    """Return whether a text would move what is beside it on its line."""
    return not text.isascii() and _TURNS.search(text) is not None


def carried(text: str) -> str:
    """Return a text in which characters that no page can carry are spelled out."""
    return _NOT_CARRIED.sub(_spelled, text)


def _pieces(html: str) -> Iterator[str]:
    around = ""
    for found in _PIECE.finditer(html):
        piece = found[0]
        if piece.startswith("<"):
            around = _around(piece, around)
            yield _tag(piece) if ODD.search(piece) else piece
        elif not ODD.search(piece):
            yield piece
        elif around in _EXACT:
            yield ODD.sub(_exact, piece)
        else:
            yield ODD.sub(_spelled if around in _TEXT_ONLY else _marked, piece)


def _around(tag: str, around: str) -> str:
    """Return the element that contains the text after a tag, if it is one of the special ones."""
    name = _NAME.match(tag)
    if name is None:
        return around
    element = name[1].lower()
    if around:
        return "" if tag.startswith("</") and element == around else around
    is_opened = element in _TEXT_ONLY | _EXACT and not tag.startswith("</")
    return element if is_opened and not tag.endswith("/>") else ""


def _tag(tag: str) -> str:
    """Return a tag: what people read of its attributes is spelled out, the rest is unchanged."""
    if tag.startswith("<!--"):
        return ODD.sub("", tag)

    def attribute(found: re.Match[str]) -> str:
        name, equals, value = found.groups()
        if value is None:
            return ""
        return f"{name}{equals}{ODD.sub(_spelled if name.lower() in _READ else _exact, value)}"

    return _ATTRIBUTE.sub(attribute, tag)


def _marked(found: re.Match[str]) -> str:
    if _is_needed(found):
        return found[0]
    number, name = _number(found[0]), _name(found[0])
    title = gettext("{name}: a character that is not seen by itself").format(name=name)
    return f'<span class="odd" data-odd="{ord(found[0]):x}" title="{title}">{number}</span>'


def _spelled(found: re.Match[str]) -> str:
    return found[0] if _is_needed(found) else f"[{_number(found[0])}]"


def _exact(found: re.Match[str]) -> str:
    """Return the character so that a browser reads it unchanged, as far as HTML can carry it."""
    character = found[0]
    if "\ud800" <= character <= "\udfff" or character == "\0":
        return "\ufffd"
    # HTML has no numbers for control characters; a carriage return would be read as a line feed.
    if character != "\r" and unicodedata.category(character) == "Cc":
        return character
    return f"&#{ord(character)};"


def _is_needed(found: re.Match[str]) -> bool:
    """Return whether writing needs the character here: between joined letters, or in an emoji."""
    character, text, at = found[0], found.string, found.start()
    before, after = text[at - 1 : at], text[at + 1 : at + 2]
    if character in _JOINERS:
        return bool(_JOINED.match(before) and _JOINED.match(after))
    if "\ufe00" <= character <= "\ufe0f":
        return bool(_VARIED.match(before))
    return False


def _number(character: str) -> str:
    return f"U+{ord(character):04X}"


def _name(character: str) -> str:
    if "\ud800" <= character <= "\udfff":
        return gettext("half of a surrogate pair")
    return unicodedata.name(character, gettext("control character")).lower()
