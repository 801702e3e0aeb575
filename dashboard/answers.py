"""What somebody answered, in one line: "approved, 'ok'". Long answers are not read here."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from dashboard.forms.wording import humanised
from dashboard.previews import Preview
from workflows_app import jsontext

#: Characters of the line.
MOST: Final = 200
TOO_LONG: Final = "an answer that is too long to be shown here"


@dataclass(frozen=True)
class Answer:
    """What was answered: as a line, and as it is; `is_whole` is false where it is too long."""

    words: str = ""
    value: Any = None
    is_whole: bool = True

    @property
    def text(self) -> str:
        """The answer as JSON; secrets are masked, as they are wherever values are read."""
        # Not `jsontext`, which writes a secret as it was.
        return json.dumps(self.value, ensure_ascii=False) if self.is_whole and self.words else ""


def recorded(text: str | None, look: int) -> Answer:
    """Return the answer in an action's data, of which the first `look` characters were read."""
    if not text:
        return Answer()
    if len(text) >= look:
        return Answer(TOO_LONG, is_whole=False)
    try:
        data = jsontext.loads(text)
    except (ValueError, RecursionError):
        return Answer()
    if not isinstance(data, dict):
        return Answer()
    # An answer of nothing is left out of the data.
    value = data.get("resume_data")
    return Answer(words_of(value), value)


def shown(payload: Preview | None) -> str:
    """Return the line of an answer that a step holds; empty where it holds none."""
    if payload is None:
        return ""
    return TOO_LONG if payload.is_cut else words_of(payload.value)


def words_of(value: Any) -> str:
    """Return a line that says a JSON value: the names of what is true, texts in quotes."""
    if isinstance(value, Mapping):
        said = [part for key, inner in value.items() if (part := _part(str(key), inner))]
        line = ", ".join(said) or "nothing filled in"
    else:
        line = _plain(value)
    return line if len(line) <= MOST else line[: MOST - 1] + "…"


def _part(key: str, value: Any) -> str:
    name = humanised(key).lower()
    if value is True:
        return name
    if value is False:
        return f"not {name}"
    if value is None or value in ("", [], {}):
        return ""
    return _plain(value) if isinstance(value, str) else f"{name}: {_plain(value)}"


def _plain(value: Any) -> str:
    match value:
        case True:
            return "yes"
        case False:
            return "no"
        case None:
            return "nothing"
        case str():
            return f"'{' '.join(value.split())}'"
        case _:
            return json.dumps(value, ensure_ascii=False)
