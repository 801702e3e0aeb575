"""Adds the events of a step to the log of its run."""

from datetime import datetime
from typing import Any, Final

from workflows_app.definition import BODY, Kind
from workflows_app.engine.run import events
from workflows_app.engine.run.change import Change
from workflows_app.engine.run.step_paths import index_of, label_place
from workflows_app.jsontext import Raw
from workflows_app.models import StepSnapshot
from workflows_app.planner import decisions as d
from workflows_app.planner.outcomes import Changes
from workflows_app.planner.statuses import StepStatus

#: Kinds of entries that have a record and events of their own.
SHOWN: Final = frozenset(kind.value for kind in Kind if kind not in {Kind.PARALLEL, Kind.BRANCH})


def named(change: Change, step: StepSnapshot) -> dict[str, Any]:
    """Return the `id` and `path` of a step, even if this process has no code for it."""
    node = change.node(step)
    return {"id": node.key if node is not None else step.name, "path": step.path}


def started(change: Change, step: StepSnapshot, payload: Raw, answer: Raw | None = None) -> None:
    """Add that a worker took the step, or that an entry without a worker began."""
    if step.kind not in SHOWN:
        return
    change.log.add(events.step_started(named(change, step), step.pk, payload, change.now, answer))


def waiting(change: Change, step: StepSnapshot, resume_at: datetime) -> None:
    """Add until when a sleep waits."""
    change.log.add(events.step_waiting(named(change, step), resume_at))


def retrying(change: Change, step: StepSnapshot, decision: d.RetryStep, at: datetime) -> None:
    """Add that a step failed and will be tried again."""
    change.log.add(
        events.step_retried(named(change, step), decision.retry_count, decision.error, at)
    )


def suspended(change: Change, step: StepSnapshot, decision: d.RecordSuspension) -> None:
    """Add what a step asks."""
    labels = {label: label_place(step) for label in decision.labels}
    state = {"state": change.model.state} if _touched(decision.changes) else {}
    change.log.add(
        events.step_suspended(
            named(change, step), str(step.suspension), decision.payload, labels, **state
        )
    )
    progress(change, step, StepStatus.SUSPENDED, None)


def ended(change: Change, step: StepSnapshot, decision: d.RecordResult) -> None:
    """Add how a step ended, and how far its foreach is."""
    if step.kind not in SHOWN:
        return
    came: dict[str, Any] = {}
    if decision.output is not None:
        came["output"] = change.outputs[step.path]
    if decision.status is StepStatus.FAILED:
        came["error"] = decision.error or step.error
    if decision.given_by:
        came["given_by"] = decision.given_by
    if decision.is_bail:
        came["is_bailed"] = True
    state = {"state": change.model.state} if _touched(decision.changes) else {}
    change.log.add(
        *events.step_ended(named(change, step), step.pk, decision.status, change.now, came, **state)
    )
    if decision.status in {StepStatus.SUCCESS, StepStatus.FAILED}:
        progress(change, step, decision.status, change.outputs.get(step.path))


def progress(change: Change, step: StepSnapshot, status: StepStatus, output: Raw | None) -> None:
    """Add how many items of a foreach are done, if `step` is one of them."""
    if not step.base_path.endswith(BODY) or step.parent_id is None:
        return
    container = change.parent(step)
    if container.kind != Kind.FOREACH:
        return
    done = container.total - container.unfinished + (status is StepStatus.SUCCESS)
    change.log.add(
        events.progressed(
            named(change, container), step.pk, index_of(step.path), status, output,
            done=done, of_all=container.total,
        )
    )  # fmt: skip


def _touched(changes: Changes) -> bool:
    """Return whether the attempt changed the run's state."""
    return bool(changes.state or changes.made)
