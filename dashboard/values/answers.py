"""The answers of people in one line, such as "approved, 'ok'". Long answers are not read here."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.utils.translation import gettext

from workflows_app import jsontext
from workflows_app.languages import gettext_lazy

from ..forms.wording import humanised
from . import sight
from .previews import Preview

#: The most characters of the line.
MOST: Final = 200
TOO_LONG: Final = gettext_lazy("an answer that is too long to be shown here")


@dataclass(frozen=True)
class Answer:
    """What was answered: as a line and as a value; `is_whole` is false if it is too long."""

    words: str = ""
    value: Any = None
    is_whole: bool = True

    @property
    def text(self) -> str:
        """The answer as JSON; secrets are masked, as they are wherever values are shown."""
        # Not `jsontext`, which would write a secret unmasked.
        return json.dumps(self.value, ensure_ascii=False) if self.is_whole and self.words else ""


def recorded(text: str | None, look: int) -> Answer:
    """Return the answer in an action's data, of which the first `look` characters were read."""
    if not text:
        return Answer()
    if not sight.values():
        return Answer(sight.locked(), is_whole=False)
    if len(text) >= look:
        return Answer(str(TOO_LONG), is_whole=False)
    try:
        data = jsontext.loads(text)
    except (ValueError, RecursionError):
        return Answer()
    if not isinstance(data, dict):
        return Answer()
    # An empty answer is left out of the data.
    value = data.get("resume_data")
    return Answer(words_of(value), value)


def line_of(payload: Preview | None) -> str:
    """Return the line for the answer of a step; empty if it has none."""
    if payload is None:
        return ""
    if payload.is_locked:
        return sight.locked()
    return str(TOO_LONG) if payload.is_cut else words_of(payload.value)


def words_of(value: Any) -> str:
    """Return one line for a JSON value: the names of what is true, texts in quotes."""
    if isinstance(value, Mapping):
        said = [part for key, inner in value.items() if (part := _part(str(key), inner))]
        line = ", ".join(said) or gettext("nothing filled in")
    else:
        line = _plain(value)
    return line if len(line) <= MOST else line[: MOST - 1] + "…"


def _part(key: str, value: Any) -> str:
    name = humanised(key).lower()
    if value is True:
        return name
    if value is False:
        return gettext("not {name}").format(name=name)
    if value is None or value in ("", [], {}):
        return ""
    return _plain(value) if isinstance(value, str) else f"{name}: {_plain(value)}"


def _plain(value: Any) -> str:
    match value:
        case True:
            return gettext("yes")
        case False:
            return gettext("no")
        case None:
            return gettext("nothing")
        case str():
            return f"'{' '.join(value.split())}'"
        case _:
            return json.dumps(value, ensure_ascii=False)
