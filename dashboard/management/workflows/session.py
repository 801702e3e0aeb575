"""One call of the command: who acts, what was asked for, and where what is said goes."""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from collections.abc import Mapping
from dataclasses import dataclass, field
from getpass import getuser
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final, NoReturn, TextIO

from django.contrib.auth.models import User
from rich.console import Console

from workflows_app import jsontext
from workflows_app.api.entry import answers
from workflows_app.api.entry.callers import Caller
from workflows_app.api.entry.doorway import Call

#: What the audit trail says of acts that come from here.
DOOR: Final = "terminal"
#: Where the API stands, for references to values.
BASE: Final = "/api/v1/"
#: Columns of what is printed into a file or to another program.
PIPED: Final = 200


@dataclass
class Session:
    """What the parts of the command share."""

    options: Namespace
    out: TextIO
    err: TextIO
    actor: Any
    is_colored: bool | None = None
    console: Console = field(init=False)

    def __post_init__(self) -> None:
        self.console = self._console(self.out)

    @property
    def is_json(self) -> bool:
        """Whether a program reads what is printed."""
        return bool(self.options.json)

    @property
    def beside(self) -> Console:
        """Where people are asked and told things that are no result."""
        return self._console(self.err)

    def _console(self, file: TextIO) -> Console:
        width = None if file.isatty() else PIPED
        is_plain = True if self.is_colored is False else None
        return Console(
            file=file,
            width=width,
            highlight=False,
            force_terminal=True if self.is_colored else None,
            no_color=is_plain,
        )

    def call(self, query: Any = None) -> Call:
        """Return a request of somebody who may see all, as the API's own code takes one."""
        asked = SimpleNamespace(path=f"terminal:{self.options.what}", headers={})
        everything = User(username=audit_name(), is_superuser=True, is_active=True)
        call = Call(request=asked, caller=Caller(everything), path={}, base=BASE)  # type: ignore[arg-type]
        call.query = query
        return call

    def print_json(self, data: Any) -> None:
        """Print one JSON document on a line."""
        self.out.write(answers.dumps(data).decode() + "\n")
        self.out.flush()

    def wrong_use(self, message: str) -> NoReturn:
        """End with the usage, and what is wrong with the call."""
        self.options.parser.error(message)
        raise AssertionError  # the parser does not return

    @property
    def acts(self) -> dict[str, Any]:
        """Who acts, and through which door, as verbs take it."""
        return {"actor": self.actor, "door": DOOR}

    # What was given as JSON.

    def value(self, name: str) -> Any:
        """Return a value that was given as JSON, as `@file` or as `-` for standard input.

        None where it was not given.
        """
        text = getattr(self.options, name)
        if text is None:
            return None
        if text == "-":
            text = sys.stdin.read()
        elif text.startswith("@"):
            text = self._text_of(name, text[1:])
        try:
            return jsontext.loads(text)
        except (ValueError, RecursionError) as mistake:
            self.wrong_use(f"{_flag(name)} is not JSON: {mistake}")

    def object(self, name: str) -> Mapping[str, Any] | None:
        """Return the same where only an object will do."""
        found = self.value(name)
        if found is not None and not isinstance(found, dict):
            self.wrong_use(f'{_flag(name)} must be a JSON object, as {{"key": 1}}.')
        return found

    def _text_of(self, name: str, file: str) -> str:
        try:
            return Path(file).read_text(encoding="utf-8-sig")
        except (OSError, UnicodeError) as problem:
            why = getattr(problem, "strerror", None) or problem
            self.wrong_use(f"{_flag(name)}: the file {file} cannot be read: {why}.")


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")


def audit_name() -> str:
    """Return what the audit trail calls whoever is signed in to this machine."""
    try:
        return f"cli:{getuser()}"
    except (KeyError, OSError):  # a container without names of users
        return "cli:unknown"


def pretty(value: Any) -> str:
    """Return a value as people read JSON."""
    return json.dumps(json.loads(answers.dumps(value)), indent=2, ensure_ascii=False)
