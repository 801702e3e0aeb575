"""Bounded views of payloads: the database returns the first characters, never a huge value."""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from django.db.models import Model, QuerySet
from django.db.models.functions import Substr
from django.utils.translation import gettext

from workflows_app import engine_words, jsontext
from workflows_app.engine.run import payloads

from . import markdown, sight

#: How many characters of a value a page with many values shows.
LIMIT: Final = 4000

#: How many characters a value may have to be read whole and drawn as a tree.
TREE_LIMIT: Final = 64 * 1024

#: How many characters of an error a page shows: room for type, message, traceback and causes.
ERROR_LIMIT: Final = 100_000

#: The keys under which authors put the text of a question.
QUESTIONS: Final = ("question", "reason", "message", "title", "prompt", "ask")

#: How what is asked about a step begins whose attempts are used up.
_USED_UP: Final = re.compile(r'\{"kind": ?"exhausted", ?"error": ?\{')

M = TypeVar("M", bound=Model)


@dataclass(frozen=True)
class Preview:
    """The beginning of a JSON value as text, its whole size in bytes, and where the rest is."""

    text: str
    size: int
    url: str = ""

    #: Whether the person who looks may not see the value.
    is_locked: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        """Mask secrets, and lock the value for whoever may not see it, whoever made this object."""
        if not sight.values():
            text = json.dumps(sight.locked(), ensure_ascii=False)
            for name, value in (("text", text), ("size", len(text)), ("is_locked", True)):
                object.__setattr__(self, name, value)
            object.__setattr__(self, "url", "")
            return
        shown = jsontext.masked_text(self.text)
        if shown is not self.text:
            object.__setattr__(self, "size", self.size + len(shown) - size_of(self.text))
            object.__setattr__(self, "text", shown)

    @property
    def is_cut(self) -> bool:
        """Whether there is more than is shown."""
        # Most texts have as many bytes as characters, so that encoding them is rarely needed.
        return self.size > len(self.text) and self.size > size_of(self.text)

    @property
    def pretty(self) -> str:
        """The text for people: indented if it is complete."""
        if self.is_cut:
            return self.text[:LIMIT] + "…"
        try:
            text = json.dumps(jsontext.loads(self.text), indent=2, ensure_ascii=False)
            text.encode()
        except (ValueError, RecursionError):
            return self.text
        return text

    @property
    def is_short(self) -> bool:
        """Whether the value fits on a few lines."""
        return len(self.text) < 200  # noqa: PLR2004 - a matter of looks

    @property
    def value(self) -> Any:
        """The value itself, or None if only a part of it is known."""
        if self.is_cut:
            return None
        try:
            return jsontext.loads(self.text)
        except (ValueError, RecursionError):
            return None

    @property
    def mark(self) -> str:
        """A few characters that change if the value does."""
        return f"{self.size:x}-{zlib.crc32(self.text.encode(errors='replace')):x}"


def with_previews(rows: QuerySet[M], fields: Iterable[str], limit: int = LIMIT) -> QuerySet[M]:
    """Add the size and the beginning of JSON columns to each row, and defer the columns."""
    extra: dict[str, Any] = {}
    for name in fields:
        text = payloads.as_text(name)
        extra[f"{name}_size"] = payloads.ByteLength(text)
        extra[f"{name}_text"] = Substr(text, 1, limit)
    found: QuerySet[M] = rows.annotate(**extra)
    return found


def size_of(text: str) -> int:
    """Return how many bytes of UTF-8 a text has."""
    return len(text.encode(errors="surrogatepass"))


def preview_of(row: Model, field: str, url: str = "") -> Preview | None:
    """Return the preview of a column that `with_previews` added; None if it is empty."""
    text = getattr(row, f"{field}_text")
    return None if text is None else Preview(text, getattr(row, f"{field}_size"), url)


def words_in(text: str | None) -> str:
    """Return the text of a question, in Markdown, from the beginning of its suspend payload.

    Empty if the payload has no text.
    """
    if not text or text == "null":
        return ""
    if not sight.values():
        return sight.locked()
    try:
        value = jsontext.loads(text)
    except (ValueError, RecursionError):
        return next((found for key in QUESTIONS if (found := text_at(text, key))), "")
    if isinstance(value, dict):
        said = (value[key] for key in QUESTIONS if isinstance(value.get(key), str))
        return next(said, "")
    return value if isinstance(value, str) else ""


def question_in(text: str | None) -> str:
    """Return what a suspend payload asks on one plain line, from the beginning of its JSON."""
    if words := words_in(text):
        return brief(markdown.line_of(words))
    if not text or text == "null":
        return ""
    if _USED_UP.match(text):
        return brief(gettext("All attempts failed. {error}").format(error=message_in(text)))
    try:
        value = jsontext.loads(text)
    except (ValueError, RecursionError):
        return ""
    if isinstance(value, dict):
        value = ", ".join(f"{k}: {brief(v)}" for k, v in value.items())
    return brief(value)


def message_in(text: str | None) -> str:
    """Return `Type: message` from the beginning of an error's JSON."""
    if not text:
        return ""
    kind, message = text_at(text, "type"), text_at(text, "message")
    first = engine_words.retold(message.strip().splitlines()[0]) if message.strip() else ""
    return f"{kind}: {first}" if first else kind


def text_at(text: str, key: str) -> str:
    """Return the first string under `key` in JSON that may be cut off."""
    found = re.search(rf'"{key}":\s*"((?:[^"\\]|\\.)*)', text)
    if not found:
        return ""
    # An escape that was cut off at the end means nothing.
    body = re.sub(r"(?<!\\)((?:\\\\)*)\\u[0-9a-fA-F]{0,3}$", r"\1", found[1])
    try:
        return jsontext.clean_text(str(json.loads(f'"{body}"')))
    except ValueError:
        return body


def brief(value: object) -> str:
    """Return a JSON value as one short line."""
    text = value if isinstance(value, str) else jsontext.dumps(value)
    text = " ".join(text.split())
    return text if len(text) <= 160 else text[:159] + "…"  # noqa: PLR2004 - one line of a table
