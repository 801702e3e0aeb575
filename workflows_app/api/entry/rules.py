"""What each operation needs: the one table of permissions and scopes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from workflows_app.actions import APP


@dataclass(frozen=True)
class Rule:
    """A permission that the user must hold, and a scope that the token must have.

    Empty: none is needed.
    """

    permission: str = ""
    scope: str = ""


def _rule(permission: str, scope: str) -> Rule:
    return Rule(f"{APP}.{permission}", scope)


VIEW: Final = _rule("view_run", "read")
#: The values of runs, on top of seeing them.
VALUES: Final = _rule("view_payload", "payloads")
START: Final = _rule("start_run", "start")
TRIGGER: Final = _rule("trigger_schedule", "start")
ANSWER: Final = _rule("resume_run", "answer")
CANCEL: Final = _rule("cancel_run", "steer")
STEER: Final = _rule("steer_run", "steer")
PAUSE_SCHEDULE: Final = _rule("pause_schedule", "steer")
DELETE_RUN: Final = _rule("delete_run", "admin")
ADD_SCHEDULE: Final = _rule("add_schedule", "admin")
CHANGE_SCHEDULE: Final = _rule("change_schedule", "admin")
DELETE_SCHEDULE: Final = _rule("delete_schedule", "admin")
AUDIT: Final = _rule("view_action", "admin")
#: One's own tokens: a session needs nothing, a token the scope.
TOKENS: Final = Rule(scope="admin")
#: Whoever came in.
ANYBODY: Final = Rule()

#: All of the above, for whoever asks what they may do.
ALL: Final = (
    VIEW, VALUES, START, TRIGGER, ANSWER, CANCEL, STEER, PAUSE_SCHEDULE, DELETE_RUN, ADD_SCHEDULE,
    CHANGE_SCHEDULE, DELETE_SCHEDULE, AUDIT,
)  # fmt: skip
