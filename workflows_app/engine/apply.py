"""Writing what the planner decided, decision by decision, inside one `Change`. No opinions here."""

import uuid
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

from workflows_app.definition import Kind
from workflows_app.engine import payloads
from workflows_app.engine.change import Change
from workflows_app.jsontext import NULL, Raw, joined
from workflows_app.models import StepSnapshot, statements
from workflows_app.models.step import move_one
from workflows_app.planner import decisions as d
from workflows_app.planner.outcomes import Changes
from workflows_app.planner.statuses import RunStatus, StepStatus

#: Entries that have a record of their own, and so events of their own.
SHOWN = frozenset({Kind.STEP.value, Kind.MAP.value, Kind.WORKFLOW.value})

_COUNTED = {
    StepStatus.QUEUED: "active_count",
    StepStatus.WAITING: "waiting_count",
    StepStatus.SUSPENDED: "suspended_count",
    StepStatus.PAUSED: "paused_count",
}


def apply(change: Change, decided: Iterable[d.Decision]) -> None:
    """Write every decision, in order. The run itself is written by `change.save()`."""
    for decision in decided:
        _apply_one(change, decision)


def _apply_one(change: Change, decision: d.Decision) -> None:  # noqa: C901 - one case a decision
    match decision:
        case d.QueueStep():
            _queue(change, decision)
        case d.OpenContainer():
            _open(change, decision)
        case d.BecomeContainer():
            _become_container(change, decision)
        case d.RecordResult():
            _record(change, decision)
        case d.RecordSuspension():
            _suspend(change, decision)
        case d.RetryStep():
            _retry(change, decision)
        case d.CountPart(path):
            container = change.snapshot(path)
            container.unfinished -= 1
            _write(container, unfinished=container.unfinished)
        case d.CancelSteps(paths):
            _cancel(change, paths)
        case d.EndContainer(path, error):
            arm = change.snapshot(path)
            arm.ending = StepStatus.FAILED.value
            _write(arm, ending=arm.ending, error=error)
        case d.SetEnding():
            _set_ending(change, decision)
        case d.FinishRun():
            _finish(change, decision)


def text_of(change: Change, value: d.Value) -> tuple[Raw, str]:
    """Return a value as text, and where it stands when it is large: see `payloads`."""
    match value:
        case d.RunInput():
            return change.outputs[payloads.RUN_INPUT], payloads.RUN_INPUT
        case d.OutputOf(path):
            step = change.snapshot(path)
            if path not in change.outputs:
                change.outputs[path] = payloads.output_of(step)
            return change.outputs[path], step.output_from or str(step.pk)
        case d.Joined(path):
            return _join(change, change.snapshot(path)), ""
        case _:
            return value, ""


def _join(change: Change, container: StepSnapshot) -> Raw:
    """Read the outputs of a container's parts, in order; a part that failed gives null."""
    parts = StepSnapshot.objects.current().filter(parent=container.pk)
    rows = parts.annotate(text_=payloads.as_text("output")).order_by("position")
    texts: list[tuple[str, str]] = []
    for path, base_path, source, text in rows.values_list(
        "path", "base_path", "output_from", "text_"
    ):
        if source:
            text = payloads.read(StepSnapshot, source, "output")  # noqa: PLW2901
        texts.append((change.graph.nodes[base_path].key, change.outputs.get(path, text) or NULL))
    return joined(texts)


def _queue(change: Change, decision: d.QueueStep) -> None:
    step = _new(change, decision, StepStatus.QUEUED)
    step.queue = decision.queue
    statements.insert(step)
    change.remember(step)
    change.model.active_count += 1
    change.woken.append(step)


def _open(change: Change, decision: d.OpenContainer) -> None:
    step = _new(change, decision, StepStatus.RUNNING)
    step.unfinished = decision.unfinished
    step.started_at = change.now
    statements.insert(step)
    change.remember(step)


def _new(
    change: Change, decision: d.QueueStep | d.OpenContainer, status: StepStatus
) -> StepSnapshot:
    text, source = text_of(change, decision.payload)
    stands_elsewhere = bool(source) and payloads.is_large(text)
    change.outputs[f"{decision.path}:payload"] = text
    return StepSnapshot(
        run=change.model,
        path=decision.path,
        base_path=decision.base_path,
        kind=str(decision.kind),
        status=status.value,
        parent=change.snapshot(decision.parent) if decision.parent is not None else None,
        position=decision.position,
        timeline=change.model.timeline,
        payload=None if stands_elsewhere else text,
        payload_from=source if stands_elsewhere else "",
        queued_at=change.now,
    )


def _become_container(change: Change, decision: d.BecomeContainer) -> None:
    step = change.snapshot(decision.path)
    step.unfinished = decision.unfinished
    step.worker_id = None
    change.model.active_count -= 1
    _merge(change, decision.changes)
    accepted = {}
    if change.outputs.get(f"{step.path}:payload") != decision.payload:
        accepted = {"payload": decision.payload, "payload_from": ""}
    _write(
        step,
        **accepted,
        unfinished=step.unfinished,
        worker=None,
        settled_token=step.token,
        **_kept_changes(decision.changes),
    )


def _record(change: Change, decision: d.RecordResult) -> None:
    step = change.snapshot(decision.path)
    fields: dict[str, Any] = {"ended_at": change.now, "worker": None, "wake_at": None}
    if decision.was_active:
        change.model.active_count -= 1
        fields["settled_token"] = step.token
    if decision.output is not None:
        fields |= _output_fields(change, decision)
    if decision.error is not None:
        fields["error"] = decision.error
    _merge(change, decision.changes)
    _move(step, decision.status, **fields, **_kept_changes(decision.changes))
    if step.kind in SHOWN:
        _tell_result(change, step, decision)


def _output_fields(change: Change, decision: d.RecordResult) -> dict[str, Any]:
    assert decision.output is not None  # noqa: S101 - the caller looked
    text, source = text_of(change, decision.output)
    change.outputs[decision.path] = text
    if source and payloads.is_large(text):
        change.snapshot(decision.path).output_from = source
        return {"output_from": source}
    return {"output": text}


def _tell_result(change: Change, step: StepSnapshot, decision: d.RecordResult) -> None:
    node = change.graph.nodes[step.base_path]
    named = {"id": node.key, "path": step.path}
    payload: dict[str, Any] = {**named, "status": decision.status.value}
    if decision.output is not None:
        payload["output"] = change.outputs[step.path]
    if decision.status is StepStatus.FAILED:
        payload["error"] = decision.error or step.error
    payload["ended_at"] = change.now.isoformat()
    if decision.changes.state:
        payload["state"] = change.model.state
    change.log.add("workflow-step-result", payload, {"output": f"{step.pk}.output"})
    change.log.add("workflow-step-finish", named)


def _suspend(change: Change, decision: d.RecordSuspension) -> None:
    step = change.snapshot(decision.path)
    suspension = uuid.uuid4()
    run = change.model
    run.active_count -= 1
    run.suspended_count += 1
    _merge(change, decision.changes)
    _move(
        step,
        StepStatus.SUSPENDED,
        suspension=suspension,
        suspend_payload=decision.payload,
        resume_labels=list(decision.labels),
        suspended_at=change.now,
        settled_token=step.token,
        worker=None,
        is_resuming=False,
        **_kept_changes(decision.changes),
    )
    payload = {
        "id": change.graph.nodes[step.base_path].key,
        "path": step.path,
        "suspension": str(suspension),
        "suspend_payload": decision.payload,
        "resume_labels": {
            label: {"step": step.path, "foreach_index": None} for label in decision.labels
        },
    }
    if decision.changes.state:
        payload["state"] = run.state
    change.log.add("workflow-step-suspended", payload)


def _retry(change: Change, decision: d.RetryStep) -> None:
    step = change.snapshot(decision.path)
    wake_at = change.now + timedelta(seconds=decision.delay_seconds)
    step.wake_at = wake_at
    _move(
        step,
        StepStatus.QUEUED,
        retry_count=decision.retry_count,
        wake_at=wake_at,
        error=decision.error,
        settled_token=step.token,
        worker=None,
    )
    change.woken.append(step)
    payload = {
        "id": change.graph.nodes[step.base_path].key,
        "path": step.path,
        "retry_count": decision.retry_count,
        "error": decision.error,
        "next_attempt_at": wake_at.isoformat(),
    }
    change.log.add("workflow-step-retry", payload)


def _cancel(change: Change, paths: tuple[str, ...]) -> None:
    run = change.model
    for path in paths:
        step = change.snapshot(path)
        if counted := _COUNTED.get(StepStatus(step.status)):
            setattr(run, counted, getattr(run, counted) - 1)
        _move(step, StepStatus.CANCELED, ended_at=change.now, wake_at=None)
        if step.kind in SHOWN:
            _tell_result(change, step, d.RecordResult(path, StepStatus.CANCELED))
    change.woken = [step for step in change.woken if step.status == StepStatus.QUEUED]


def _set_ending(change: Change, decision: d.SetEnding) -> None:
    run = change.model
    run.ending = decision.status.value
    if decision.error is not None:
        run.error = dict(decision.error)
        change.touch("error")
    if decision.result is not None:
        run.result = decision.result
        change.touch("result")


def _finish(change: Change, decision: d.FinishRun) -> None:
    run = change.model
    change.status = decision.status
    run.ending = ""
    if decision.result is not None:
        run.result, source = text_of(change, decision.result)
        change.result_from = f"{source}.output" if source else ""
        change.touch("result")
    if decision.status is not RunStatus.FAILED and change.status is not RunStatus.PENDING:
        run.error = None
        change.touch("error")


def _merge(change: Change, changes: Changes) -> None:
    run = change.model
    if changes.state:
        run.state = {**run.state, **changes.state}
        change.touch("state")
    if changes.context or changes.context_removed:
        kept = {k: v for k, v in run.request_context.items() if k not in changes.context_removed}
        run.request_context = {**kept, **changes.context}
        change.touch("request_context")


def _kept_changes(changes: Changes) -> Mapping[str, Any]:
    fields: dict[str, Any] = {}
    if changes.state:
        fields["state_changes"] = dict(changes.state)
    if changes.context or changes.context_removed:
        removed = list(changes.context_removed)
        fields["context_changes"] = {"set": dict(changes.context), "removed": removed}
    return fields


def _move(step: StepSnapshot, target: StepStatus, **fields: Any) -> None:
    """Move the snapshot, in the database and in hand."""
    move_one(step.pk, target, **fields)
    step.status = target.value
    if "worker" in fields:
        step.worker_id = None


def _write(step: StepSnapshot, **fields: Any) -> None:
    statements.update(StepSnapshot, step.pk, fields)
