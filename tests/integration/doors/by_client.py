"""`/api/workflows…` and `/api/schedules…`: the wire of the JavaScript client."""

from __future__ import annotations

from typing import Any, Final

from tests.integration.doors import by_api
from tests.integration.doors.table import Cell
from tests.integration.doors.world import Subject, Visitor, given, target

_NO_CALL: Final = "the client has no call for it"
NOT_OFFERED: Final = dict.fromkeys(
    ("retry", "pause", "skip-wait", "give-up", "proceed", "rerun", "fork", "fork past", "claim"),
    _NO_CALL,
)
#: As at the API, whose letters these are.
ASKS: Final[dict[str, tuple[str, str, Any]]] = {
    "view": ("GET", "/workflows/W/runs/R", None),
    "values": ("GET", "/workflows/W/runs/R", None),
    "start": ("POST", "/workflows/W/start-async?runId=R", {"inputData": "V"}),
    "resume": ("POST", "/workflows/W/resume-async?runId=R", {"resumeData": True}),
    "restart": ("POST", "/workflows/W/restart?runId=R", {}),
    "cancel": ("POST", "/workflows/W/runs/R/cancel", {}),
    "delete": ("DELETE", "/workflows/W/runs/R", None),
    **{
        row: ("POST", "/workflows/W/time-travel-async?runId=R", {"step": target(row), **given(row)})
        for row in ("time-travel", "time-travel past")
    },
    "create-schedule": ("POST", "/schedules", {"workflowId": "W", "cron": "0 6 * * *"}),
    "change-schedule": ("PATCH", "/schedules/S", {"cron": "0 7 * * *"}),
    "delete-schedule": ("DELETE", "/schedules/S", None),
    "pause-schedule": ("POST", "/schedules/S/pause", {}),
    "unpause-schedule": ("POST", "/schedules/S/resume", {}),
    "trigger-schedule": ("POST", "/schedules/S/run", {}),
}


def ask(visitor: Visitor, row: str, subject: Subject) -> Cell:
    """Ask for it; return what came."""
    method, path, body = ASKS[row]
    answer = by_api.call(visitor, method, "/api" + by_api.named(path, row, subject), body, subject)
    if row == "values" and answer.status_code == 200 and "payload" not in answer.json():
        assert subject.value not in answer.content.decode()
        return Cell.REFUSED
    return by_api.read(answer)
