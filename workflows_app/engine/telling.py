"""The events of a step, as they stand in the log of its run."""

from datetime import datetime
from typing import Any, Final

from workflows_app.definition import BODY, Kind
from workflows_app.engine.change import Change
from workflows_app.engine.places import index_of, label_place
from workflows_app.jsontext import Raw
from workflows_app.models import StepSnapshot
from workflows_app.planner import decisions as d
from workflows_app.planner.statuses import StepStatus

#: Entries that have a record of their own, and so events of their own.
SHOWN: Final = frozenset(kind.value for kind in Kind if kind not in {Kind.PARALLEL, Kind.BRANCH})


def named(change: Change, step: StepSnapshot) -> dict[str, Any]:
    """Return `id` and `path` of a step, also of one that this process has no code for."""
    node = change.node(step)
    return {"id": node.key if node is not None else step.name, "path": step.path}


def started(change: Change, step: StepSnapshot, payload: Raw, answer: Raw | None = None) -> None:
    """Tell that a worker took the step, or that an entry that needs none has begun."""
    if step.kind not in SHOWN:
        return
    told: dict[str, Any] = {
        **named(change, step),
        "payload": payload,
        "status": StepStatus.RUNNING.value,
        "started_at": change.now.isoformat(),
    }
    if answer is not None:
        told["resume_payload"] = answer
    change.log.add("workflow-step-start", told, {"payload": f"{step.pk}.payload"})


def waiting(change: Change, step: StepSnapshot, resume_at: datetime) -> None:
    """Tell until when a sleep waits."""
    told = {**named(change, step), "resume_at": resume_at.isoformat()}
    change.log.add("workflow-step-waiting", told)


def retrying(change: Change, step: StepSnapshot, decision: d.RetryStep, at: datetime) -> None:
    """Tell that a step failed and will be tried again."""
    told = {
        **named(change, step),
        "retry_count": decision.retry_count,
        "error": decision.error,
        "next_attempt_at": at.isoformat(),
    }
    change.log.add("workflow-step-retry", told)


def suspended(change: Change, step: StepSnapshot, decision: d.RecordSuspension) -> None:
    """Tell what a step asks."""
    told = {
        **named(change, step),
        "suspension": str(step.suspension),
        "suspend_payload": decision.payload,
        "resume_labels": {label: label_place(step) for label in decision.labels},
    }
    if decision.changes.state or decision.changes.made:
        told["state"] = change.model.state
    change.log.add("workflow-step-suspended", told)
    progress(change, step, StepStatus.SUSPENDED, None)


def ended(change: Change, step: StepSnapshot, decision: d.RecordResult) -> None:
    """Tell how a step ended, and how far its foreach is."""
    if step.kind not in SHOWN:
        return
    told: dict[str, Any] = {**named(change, step), "status": decision.status.value}
    if decision.output is not None:
        told["output"] = change.outputs[step.path]
    if decision.status is StepStatus.FAILED:
        told["error"] = decision.error or step.error
    told["ended_at"] = change.now.isoformat()
    if decision.changes.state or decision.changes.made:
        told["state"] = change.model.state
    change.log.add("workflow-step-result", told, {"output": f"{step.pk}.output"})
    change.log.add("workflow-step-finish", named(change, step))
    if decision.status in {StepStatus.SUCCESS, StepStatus.FAILED}:
        progress(change, step, decision.status, change.outputs.get(step.path))


def progress(change: Change, step: StepSnapshot, status: StepStatus, output: Raw | None) -> None:
    """Tell how many items of a foreach are done, when `step` is one of them."""
    if not step.base_path.endswith(BODY) or step.parent_id is None:
        return
    container = change.parent(step)
    if container.kind != Kind.FOREACH:
        return
    done = container.total - container.unfinished + (status is StepStatus.SUCCESS)
    told = {
        **named(change, container),
        "completed_count": done,
        "total_count": container.total,
        "current_index": index_of(step.path),
        "iteration_status": status.value,
        "iteration_output": output,
    }
    change.log.add("workflow-step-progress", told, {"iteration_output": f"{step.pk}.output"})
