"""`manage.py workflows`, with `--as USER` for whoever has a name."""

from __future__ import annotations

import io
import json
from typing import Any, Final

from django.core.management import call_command

from tests.integration.doors.table import Cell
from tests.integration.doors.world import Subject, Visitor, given, target

_NO_WORD: Final = "the terminal has no word for it"
NOT_OFFERED: Final = {
    "delete": "runs are deleted by `manage.py prune`, which nobody is named to",
    "claim": "whoever is at the terminal answers at once",
    **dict.fromkeys(
        (
            "create-schedule", "change-schedule", "delete-schedule", "pause-schedule",
            "unpause-schedule", "trigger-schedule",
        ),
        _NO_WORD,
    ),
}  # fmt: skip
_REFUSED, _ABSENT = 4, 5


def ask(visitor: Visitor, row: str, subject: Subject) -> Cell:
    """Ask for it; return what came."""
    code, out = call(visitor, *_words(row, subject))
    if row == "values" and code == 0:
        return Cell.ALLOWED if json.loads(out)["input"] == subject.value else Cell.REFUSED
    return read(code, out)


def call(visitor: Visitor, *words: str) -> tuple[int, str]:
    """Call the command; return the number that it ends with, and what it printed."""
    named = ["--as", visitor.user.username] if visitor.user is not None else []
    out = io.StringIO()
    try:
        call_command("workflows", *words, "--json", *named, stdout=out, stderr=out)
    except SystemExit as end:
        return int(end.code or 0), out.getvalue()
    return 0, out.getvalue()


def read(code: int, out: str) -> Cell:
    """Return what the end of the command says."""
    if code == _REFUSED:
        return Cell.REFUSED
    if code == _ABSENT:
        return Cell.ABSENT
    assert code in {0, 1, 3}, (code, out)
    return Cell.ALLOWED


def _words(row: str, subject: Subject) -> list[str]:
    run_id = subject.runs[row].run_id
    name, _, past = row.partition(" ")
    if name in {"view", "values"}:
        return ["show", run_id]
    if name == "start":
        return ["start", subject.flow.id, "--run-id", run_id, "--input", json.dumps(subject.value)]
    if name == "resume":
        return ["resume", run_id, "--data", "true"]
    words = [name, run_id]
    if name in {"fork", "time-travel"}:
        words += ["--step", target(row)]
        more: dict[str, Any] = given(row)
        words += ["--context", json.dumps(more["context"])] if past else []
    return [*words, "--no-wait"]
