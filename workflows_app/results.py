"""What a verb returns: the result of a run as Pydantic models, read from its rows."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field

from workflows_app.definition import Kind
from workflows_app.engine import payloads
from workflows_app.engine.claims import HOOK
from workflows_app.jsontext import loads
from workflows_app.models import Run, StepSnapshot
from workflows_app.planner.statuses import STEP_ENDED, StepStatus

#: Entries without a record of their own, and what is no entry.
HIDDEN: Final = (Kind.PARALLEL.value, Kind.BRANCH.value, HOOK)


class ErrorInfo(BaseModel):
    """An error as it was kept: `type` is the bare class name."""

    type: str
    message: str
    traceback: str = ""
    cause: ErrorInfo | None = None
    #: Custom attributes of the exception that JSON can hold.
    details: dict[str, Any] = Field(default_factory=dict)


class StepResult(BaseModel):
    """What is known of one step of a run."""

    status: str
    payload: Any = None
    output: Any = None
    error: ErrorInfo | None = None
    suspend_payload: Any = None
    resume_payload: Any = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    suspended_at: datetime | None = None
    resumed_at: datetime | None = None
    retry_count: int = 0
    metadata: dict[str, Any] = Field(default_factory=dict)


class WorkflowResult(BaseModel):
    """Where a run stood when a verb returned, and what came of it."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    status: str
    run_id: str
    workflow_id: str
    input: Any = None
    steps: dict[str, StepResult] = Field(default_factory=dict)
    result: Any = None
    error: ErrorInfo | None = None
    #: Paths of the steps that wait for an answer, each as a list of ids.
    suspended: list[list[str]] = Field(default_factory=list)
    suspend_payload: dict[str, Any] = Field(default_factory=dict)
    state: dict[str, Any] | None = None
    resume_labels: dict[str, dict[str, Any]] | None = None
    trace_id: str | None = None
    span_id: str | None = None


def build(
    pk: uuid.UUID, *, include_state: bool = False, include_resume_labels: bool = False
) -> WorkflowResult:
    """Return the result of a run as it stands."""
    run = Run.objects.get(pk=pk)
    rows = visible(pk)
    suspended = [row for row in rows if row.status == StepStatus.SUSPENDED]
    return WorkflowResult(
        status=run.status,
        run_id=run.run_id,
        workflow_id=run.workflow_id,
        input=run.input,
        steps=step_results(rows),
        result=run.result,
        error=None if run.error is None else ErrorInfo(**run.error),
        suspended=[row.path.split(".") for row in suspended],
        suspend_payload={row.path: row.suspend_payload for row in suspended},
        state=run.state if include_state else None,
        resume_labels=labels_of(suspended) if include_resume_labels else None,
        trace_id=run.trace_id or None,
        span_id=run.span_id or None,
    )


def visible(pk: uuid.UUID) -> list[StepSnapshot]:
    """Return the run's current snapshots that people know as steps, in order of their making."""
    rows = StepSnapshot.objects.current().filter(run=pk).exclude(kind__in=HIDDEN)
    return list(rows.exclude(status=StepStatus.QUEUED).order_by("pk"))


def labels_of(suspended: list[StepSnapshot]) -> dict[str, dict[str, Any]]:
    """Return the resume labels of suspended steps, and which step each one means."""
    return {
        label: {"step": row.path, "foreach_index": None}
        for row in suspended
        for label in row.resume_labels
    }


def step_results(rows: list[StepSnapshot]) -> dict[str, StepResult]:
    """Return the results of these snapshots by path."""
    return {row.path: _step_result(row, rows) for row in rows}


def _step_result(row: StepSnapshot, rows: list[StepSnapshot]) -> StepResult:
    return StepResult(
        status=status_of(row, rows),
        payload=loads(payloads.payload_of(row)) if row.payload_from else row.payload,
        output=loads(payloads.output_of(row)) if row.output_from else row.output,
        error=None if row.error is None else ErrorInfo(**row.error),
        suspend_payload=row.suspend_payload,
        resume_payload=row.resume_payload,
        started_at=row.started_at,
        ended_at=row.ended_at,
        suspended_at=row.suspended_at,
        resumed_at=row.resumed_at,
        retry_count=row.retry_count,
        metadata=row.metadata,
    )


def status_of(row: StepSnapshot, rows: list[StepSnapshot]) -> str:
    """Return a snapshot's status; an open nested workflow has that of what goes on inside it."""
    if row.kind != Kind.WORKFLOW or row.status in STEP_ENDED or row.worker_id is not None:
        return row.status
    inside = {r.status for r in rows if r.path.startswith(f"{row.path}.") and r.kind == Kind.STEP}
    if inside & {StepStatus.RUNNING, StepStatus.QUEUED}:
        return row.status
    waits = (StepStatus.WAITING, StepStatus.SUSPENDED)
    return next((status.value for status in waits if status in inside), row.status)
