"""`/api/v1/`: people by their session, and programs by a token."""

from __future__ import annotations

from typing import Any, Final

from tests.integration.doors.table import Cell
from tests.integration.doors.world import Subject, Visitor, given, target

NOT_OFFERED: Final[dict[str, str]] = {}
#: Method, path and body. R is the run, Q its question, S the schedule, W the workflow, V a value.
ASKS: Final[dict[str, tuple[str, str, Any]]] = {
    "view": ("GET", "/runs/R", None),
    "values": ("GET", "/runs/R?include=input", None),
    "start": ("POST", "/runs/R/start", {"input_data": "V"}),
    "resume": ("POST", "/runs/R/resume", {"resume_data": True}),
    "claim": ("POST", "/inbox/Q/claim", {}),
    "retry": ("POST", "/runs/R/retry", {}),
    "skip-wait": ("POST", "/runs/R/skip-wait", {}),
    "give-up": ("POST", "/runs/R/give-up", {}),
    "pause": ("POST", "/runs/R/pause", {}),
    "proceed": ("POST", "/runs/R/proceed", {}),
    "rerun": ("POST", "/runs/R/rerun", {}),
    "restart": ("POST", "/runs/R/restart", {}),
    "cancel": ("POST", "/runs/R/cancel", {}),
    "delete": ("DELETE", "/runs/R", None),
    **{
        row: ("POST", f"/runs/R/{row.partition(' ')[0]}", {"step": target(row), **given(row)})
        for row in ("time-travel", "time-travel past", "fork", "fork past")
    },
    "create-schedule": ("POST", "/schedules", {"workflow_id": "W", "cron": "0 6 * * *"}),
    "change-schedule": ("PATCH", "/schedules/S", {"cron": "0 7 * * *"}),
    "delete-schedule": ("DELETE", "/schedules/S", None),
    "pause-schedule": ("POST", "/schedules/S/pause", {}),
    "unpause-schedule": ("POST", "/schedules/S/unpause", {}),
    "trigger-schedule": ("POST", "/schedules/S/trigger", {}),
}


def ask(visitor: Visitor, row: str, subject: Subject) -> Cell:
    """Ask for it; return what came."""
    method, path, body = ASKS[row]
    answer = call(visitor, method, "/api/v1" + named(path, row, subject), body, subject)
    if row == "values" and answer.status_code == 200:
        shown = answer.json()
        assert ("input" in shown) is (shown.get("withheld") != ["input"])
        return Cell.ALLOWED if shown.get("input") == subject.value else Cell.REFUSED
    return read(answer)


def named(path: str, row: str, subject: Subject) -> str:
    """Return a path with the ids of what it stands for."""
    named = {"W": subject.flow.id}
    if row in subject.runs:
        named["R"] = subject.runs[row].run_id
    if row in subject.questions:
        named["Q"] = subject.questions[row]
    if row in subject.schedules:
        named["S"] = subject.schedules[row].pk
    path, mark, query = path.partition("?")
    parts = (named.get(part, part) for part in path.split("/"))
    return "/".join(parts) + mark + query.replace("runId=R", f"runId={named.get('R')}")


def call(visitor: Visitor, method: str, path: str, body: Any, subject: Subject) -> Any:
    """Send a request as JSON."""
    sent = {}
    if body is not None:
        letters = {"W": subject.flow.id, "V": subject.value}
        said = {key: letters.get(str(value), value) for key, value in body.items()}
        sent = {"data": said, "content_type": "application/json"}
    send = getattr(visitor.browser, method.lower())
    return send(path, headers=visitor.headers, **sent)


def read(answer: Any) -> Cell:
    """Return what an answer says."""
    if answer.status_code in {401, 403}:
        return Cell.REFUSED
    if answer.status_code == 404:
        return Cell.ABSENT
    assert answer.status_code < 300, (answer.status_code, answer.content)
    return Cell.ALLOWED
