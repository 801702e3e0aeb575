"""The admin: lists of rows, and the actions that need no form."""

from __future__ import annotations

from typing import Any, Final

from tests.integration.doors import by_page
from tests.integration.doors.table import Cell
from tests.integration.doors.world import Subject, Visitor, state

_FORM: Final = "it needs a form, which a page has"
_READ_ONLY: Final = "the admin only shows schedules"
NOT_OFFERED: Final = {
    **dict.fromkeys(
        ("start", "resume", "claim", "fork", "fork past", "time-travel", "time-travel past"), _FORM
    ),
    **dict.fromkeys(
        (
            "create-schedule", "change-schedule", "delete-schedule", "pause-schedule",
            "unpause-schedule", "trigger-schedule",
        ),
        _READ_ONLY,
    ),
}  # fmt: skip
LIST: Final = "/admin/workflows_app/run/"


def ask(visitor: Visitor, row: str, subject: Subject) -> Cell:
    """Choose the run and confirm; return what came of it."""
    run = subject.runs[row]
    seen = _seen(visitor.browser.get(f"{LIST}{run.pk}/change/"), row, subject)
    if row in {"view", "values"}:
        return seen
    before = state()
    chosen = {"action": row, "op": row, "_selected_action": [run.pk]}
    answer = visitor.browser.post(LIST, chosen)
    assert answer.status_code in {200, 302, 403}, answer.status_code
    refused = Cell.ABSENT if seen is Cell.ABSENT else Cell.REFUSED
    return refused if state() == before else Cell.ALLOWED


def _seen(answer: Any, row: str, subject: Subject) -> Cell:
    if answer.status_code == 302:
        assert "/login/" in answer.url or answer.url == "/admin/", answer.url
        return Cell.ABSENT if answer.url == "/admin/" else Cell.REFUSED
    return by_page.shown(answer, row, subject)
