"""The queries of a change: the run, one step by its path or key, the revision."""

from typing import Final

from workflows_app.models import Run, StepSnapshot, statements
from workflows_app.models import run as run_fields
from workflows_app.models import step as step_fields

#: Payload columns that every change needs.
_NEEDED: Final = {"state", "request_context", "answers_ahead", "tracing"}
LEAVING: Final = [name for name in run_fields.PAYLOAD_FIELDS if name not in _NEEDED]
LOCKED: Final = statements.Reader(Run, "pk", leaving=LEAVING)
BY_PATH: Final = statements.Reader(
    StepSnapshot,
    "run",
    leaving=step_fields.PAYLOAD_FIELDS,
    and_where="AND path = %s AND superseded_on IS NULL",
)
BY_KEY: Final = statements.Reader(StepSnapshot, "pk", leaving=step_fields.PAYLOAD_FIELDS)
REVISION: Final = statements.Reader(
    Run,
    "pk",
    leaving=[f.name for f in Run._meta.concrete_fields if f.name not in {"id", "revision"}],  # noqa: SLF001 - documented API
)
#: Columns of a run that a change may write.
WRITTEN: Final = (
    "status", "ending", "timeline", "revision", "event_seq", "active_count", "stretches",
    "waiting_count", "suspended_count", "paused_count", "hooks_pending", "cancel_requested_at",
    "canceled_by", "ended_reason", "is_timed", "started_at", "settled_at", "ended_at",
    "started_by_id", "allowance",
)  # fmt: skip
SETTLED_AT: Final = WRITTEN.index("settled_at")
