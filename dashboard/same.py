"""One action of a page as it is done from outside: over HTTP with curl, and at a terminal."""

import json
import shlex
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, Final, NamedTuple
from urllib.parse import quote

from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse

#: The variable of the shell that has a token of the HTTP API.
TOKEN: Final = "$SIGNALBOX_TOKEN"  # noqa: S105 - the name of a variable


class Call(NamedTuple):
    """One call: its path below the API and its body, and the words of the terminal's command."""

    path: str
    body: Mapping[str, Any] = {}
    #: Empty where the terminal has no such command.
    words: Sequence[str] = ()
    #: What tells it from the other calls of a dialog.
    note: str = ""
    method: str = "POST"


class Way(NamedTuple):
    """One way to do the same, as a text to copy."""

    name: str
    text: str


def on_run(
    run_id: str,
    verb: str,
    body: Mapping[str, Any] = {},
    words: Sequence[str] = (),
    note: str = "",
) -> Call:
    """Return the call of a verb on a run; `words` follow the run at a terminal."""
    path = f"runs/{quote(run_id, safe='')}/{verb}"
    return Call(path, body, (verb, run_id, *words), note)


def ways(request: HttpRequest, python: str, calls: Sequence[Call]) -> list[Way]:
    """Return the ways to do what a dialog does: Python, curl, and the terminal if it can."""
    found = [Way("Python", python)]
    with suppress(NoReverseMatch):  # a project need not serve the API
        base = request.build_absolute_uri(reverse("signalbox_api:nothing"))
        found.append(Way("curl", "\n".join(_curl(base, call) for call in calls)))
    typed = [call for call in calls if call.words]
    if typed:
        found.append(Way("Terminal", "\n".join(_typed(call) for call in typed)))
    return [way for way in found if way.text]


def _curl(base: str, call: Call) -> str:
    parts = [f"curl -X {call.method} {shlex.quote(base + call.path)}"]
    parts.append(f'-H "Authorization: Bearer {TOKEN}"')
    if call.method != "DELETE":
        parts += ["-H 'Content-Type: application/json'", f"-d {shlex.quote(as_json(call.body))}"]
    return _noted(" \\\n  ".join(parts), call.note)


def _typed(call: Call) -> str:
    return _noted(f"python manage.py workflows {shlex.join(call.words)}", call.note)


def _noted(command: str, note: str) -> str:
    return f"# {note}\n{command}" if note else command


def as_json(value: Any) -> str:
    """Return a value as JSON on one line, in its own letters."""
    return json.dumps(value, ensure_ascii=False)
