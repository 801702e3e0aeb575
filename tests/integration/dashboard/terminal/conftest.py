"""The command in the test's own process: what it prints, and with which number it ends."""

import io
import json
import sys
from dataclasses import dataclass
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from dashboard.management.workflows import asking, exits
from tests.integration.dashboard.terminal import flows

#: Imported, so that its workflows are registered.
WORKFLOWS = (flows.plain, flows.asks, flows.each, flows.guarded)


@dataclass
class Done:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        (line,) = self.out.splitlines()
        return json.loads(line)

    @property
    def lines(self) -> list[Any]:
        return [json.loads(line) for line in self.out.splitlines()]


@pytest.fixture
def workflows(db):
    """Call `manage.py workflows`; a mistake in the call ends as it does for a shell."""

    def call(*words: object) -> Done:
        out, err = io.StringIO(), io.StringIO()
        try:
            call_command("workflows", *map(str, words), stdout=out, stderr=err)
            code = 0
        except SystemExit as end:
            code = int(end.code or 0)
        except CommandError as mistake:
            code, _ = exits.USAGE, err.write(str(mistake))
        return Done(code, out.getvalue(), err.getvalue())

    return call


@pytest.fixture
def typing(monkeypatch):
    """Let somebody sit at the terminal who types these lines."""

    class Typed(io.StringIO):
        def isatty(self) -> bool:
            return True

    def typed(*lines: str) -> None:
        monkeypatch.setattr("sys.stdin", Typed("".join(f"{line}\n" for line in lines)))
        # What is typed without being seen.
        monkeypatch.setattr(asking, "getpass", lambda _: sys.stdin.readline().rstrip("\n"))

    return typed
