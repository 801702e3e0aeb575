"""Writing what the planner decided, decision by decision, inside one `Change`. No opinions here."""

import uuid
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any, Final

from workflows_app import conf
from workflows_app.definition import Kind
from workflows_app.engine import payloads, snapshots, telling, values
from workflows_app.engine.change import Change
from workflows_app.models import StepSnapshot
from workflows_app.planner import decisions as d
from workflows_app.planner.outcomes import Changes
from workflows_app.planner.statuses import RunStatus, StepStatus

#: Which of the run's counts a step is in; a running one only while a worker holds it.
_COUNTED: Final = {
    StepStatus.QUEUED: "active_count",
    StepStatus.RUNNING: "active_count",
    StepStatus.WAITING: "waiting_count",
    StepStatus.SUSPENDED: "suspended_count",
    StepStatus.PAUSED: "paused_count",
}


def apply(change: Change, decided: Iterable[d.Decision]) -> None:
    """Write every decision, in order, each before the next is asked for.

    The run itself is written by `change.save()`.
    """
    for decision in decided:
        _apply_one(change, decision)


def _apply_one(change: Change, decision: d.Decision) -> None:  # noqa: C901, PLR0912 - one case each
    match decision:
        case d.QueueStep():
            snapshots.queue(change, decision)
        case d.QueueItems():
            snapshots.queue_items(change, decision)
        case d.StartSleep():
            snapshots.start_sleep(change, decision)
        case d.OpenContainer():
            snapshots.open_container(change, decision)
        case d.GiveResult():
            snapshots.give(change, decision)
        case d.Supersede(path):
            snapshots.supersede(change, path)
        case d.SupersedeAllBut(base_paths):
            snapshots.supersede_all_but(change, base_paths)
        case d.Adopt(path):
            snapshots.adopt(change, path)
        case d.Wait():
            _wait(change, decision)
        case d.BecomeContainer():
            _become_container(change, decision)
        case d.AskLoop(path):
            _test_loop(change, path)
        case d.RecordResult():
            _record(change, decision)
        case d.RecordSuspension():
            _suspend(change, decision)
        case d.RetryStep():
            _retry(change, decision)
        case d.CountPart(path):
            container = change.snapshot(path)
            change.write(container, unfinished=container.unfinished - 1)
        case d.CancelSteps(paths):
            _cancel(change, paths)
        case d.EndContainer(path, error):
            change.write(change.snapshot(path), ending=StepStatus.FAILED.value, error=error)
        case d.SetEnding():
            _set_ending(change, decision)
        case d.FinishRun():
            _finish(change, decision)


# Going on.


def _become_container(change: Change, decision: d.BecomeContainer) -> None:
    step = change.snapshot(decision.path)
    _count_out(change, step)
    _merge(change, decision.changes)
    accepted: dict[str, Any] = {}
    text = decision.payload
    if text is not None and change.outputs.get(f"{step.path}:payload") != text:
        change.outputs[f"{step.path}:payload"] = text
        accepted = {"payload": text, "payload_from": ""}
    change.write(
        step,
        **accepted,
        unfinished=decision.unfinished,
        opened=decision.opened,
        total=decision.total,
        concurrency=decision.concurrency,
        worker_id=None,
        settled_token=step.token,
        **_kept_changes(decision.changes),
    )


def _test_loop(change: Change, path: str) -> None:
    step = change.snapshot(path)
    change.move(step, StepStatus.QUEUED, wake_at=None, queued_at=change.now, lost_count=0)
    change.model.active_count += 1
    change.woken.append(step)


def _wait(change: Change, decision: d.Wait) -> None:
    step = change.snapshot(decision.path)
    _count_out(change, step)
    change.model.waiting_count += 1
    _merge(change, decision.changes)
    resume_at = snapshots.wake_time(change, decision.delay)
    change.move(
        step,
        StepStatus.WAITING,
        wake_at=resume_at,
        worker_id=None,
        settled_token=step.token,
        **_kept_changes(decision.changes),
    )
    telling.waiting(change, step, resume_at)
    change.woken.append(step)


def _record(change: Change, decision: d.RecordResult) -> None:
    step = change.snapshot(decision.path)
    fields: dict[str, Any] = {"ended_at": change.now, "worker_id": None, "wake_at": None}
    if _count_out(change, step):
        fields["settled_token"] = step.token
    if decision.output is not None:
        fields |= _output_fields(change, step, decision.output)
    if decision.error is not None:
        fields["error"] = decision.error
    _merge(change, decision.changes)
    change.move(step, decision.status, **fields, **_kept_changes(decision.changes))
    if decision.status is not StepStatus.SUCCESS:
        snapshots.drop_planned(change, step)
    telling.ended(change, step, decision)


def _output_fields(change: Change, step: StepSnapshot, output: d.Value) -> dict[str, Any]:
    text, source = values.text_of(change, output)
    change.outputs[step.path] = text
    if step.kind == Kind.FOREACH and isinstance(output, d.Joined):
        source = payloads.PARTS
    elif not payloads.is_large(text):
        source = ""
    return {"output_from": source} if source else {"output": text}


def _suspend(change: Change, decision: d.RecordSuspension) -> None:
    step = change.snapshot(decision.path)
    _count_out(change, step)
    change.model.suspended_count += 1
    _merge(change, decision.changes)
    change.move(
        step,
        StepStatus.SUSPENDED,
        suspension=uuid.uuid4(),
        suspend_payload=decision.payload,
        resume_labels=list(decision.labels),
        suspended_at=change.now,
        settled_token=step.token,
        worker_id=None,
        is_resuming=False,
        **_kept_changes(decision.changes),
    )
    telling.suspended(change, step, decision)


def _retry(change: Change, decision: d.RetryStep) -> None:
    step = change.snapshot(decision.path)
    delay = min(decision.delay_seconds, conf.get("MAX_RETRY_DELAY_SECONDS"))
    again_at = change.now + timedelta(seconds=delay)
    change.move(
        step,
        StepStatus.QUEUED,
        retry_count=decision.retry_count,
        wake_at=again_at,
        error=decision.error,
        settled_token=step.token,
        worker_id=None,
    )
    change.woken.append(step)
    telling.retrying(change, step, decision, again_at)


# Ending.


def _cancel(change: Change, paths: tuple[str, ...]) -> None:
    for path in paths:
        step = change.snapshot(path)
        _count_out(change, step)
        change.move(step, StepStatus.CANCELED, ended_at=change.now, wake_at=None)
        snapshots.drop_planned(change, step)
        telling.ended(change, step, d.RecordResult(path, StepStatus.CANCELED))
    alive = {StepStatus.QUEUED, StepStatus.WAITING}
    change.woken = [step for step in change.woken if step.status in alive]


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
        run.result, source = values.text_of(change, decision.result)
        change.result_from = f"{source}.output" if source.isdecimal() else source
        change.touch("result")
    if decision.status is not RunStatus.FAILED:
        run.error = None
        change.touch("error")


# Common to all.


def _count_out(change: Change, step: StepSnapshot) -> bool:
    """Take a step out of the run's counts; return whether a worker held it."""
    status = StepStatus(step.status)
    is_held = status is StepStatus.RUNNING and step.worker_id is not None
    counted = _COUNTED.get(status)
    if counted is not None and (is_held or status is not StepStatus.RUNNING):
        setattr(change.model, counted, getattr(change.model, counted) - 1)
    return is_held


def _merge(change: Change, changes: Changes) -> None:
    run = change.model
    if changes.state or changes.made:
        run.state = changes.over(run.state)
        change.touch("state")
    if changes.context or changes.context_removed:
        run.request_context = changes.over_context(run.request_context)
        change.touch("request_context")


def _kept_changes(changes: Changes) -> Mapping[str, Any]:
    fields: dict[str, Any] = {}
    if changes.state or changes.made:
        fields["state_changes"] = changes.over({})
    if changes.context or changes.context_removed:
        removed = list(changes.context_removed)
        fields["context_changes"] = {"set": dict(changes.context), "removed": removed}
    return fields
