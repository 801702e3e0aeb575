"""Writes what the planner decided, decision by decision, inside one `Change`; decides nothing."""

import uuid
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any, Final

from workflows_app import conf
from workflows_app.definition import Kind
from workflows_app.engine.run import payloads, snapshots, step_events, values, waits
from workflows_app.engine.run.change import Change
from workflows_app.models import EarlierQuestion, StepSnapshot
from workflows_app.models.step import USED_UP
from workflows_app.planner import decisions as d
from workflows_app.planner.outcomes import Changes
from workflows_app.planner.statuses import RunStatus, StepStatus

#: The count of the run that includes a step; a running step only while a worker holds it.
_COUNTED: Final = {
    StepStatus.QUEUED: "active_count",
    StepStatus.RUNNING: "active_count",
    StepStatus.WAITING: "waiting_count",
    StepStatus.SUSPENDED: "suspended_count",
    StepStatus.PAUSED: "paused_count",
}


def apply(change: Change, decided: Iterable[d.Decision]) -> None:
    """Write every decision in order, each before the next is asked for.

    `change.save()` writes the run itself.
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
        case d.AskLoop(path, is_paused):
            _test_loop(change, path, is_paused=is_paused)
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


# Continuing.


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


def _test_loop(change: Change, path: str, *, is_paused: bool) -> None:
    step = change.snapshot(path)
    target = StepStatus.PAUSED if is_paused else StepStatus.QUEUED
    change.move(step, target, wake_at=None, queued_at=change.now, lost_count=0)
    if is_paused:
        change.model.paused_count += 1
        return
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
    step_events.waiting(change, step, resume_at)
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
    if decision.given_by:
        fields["given_by"] = decision.given_by
    _merge(change, decision.changes)
    change.move(step, decision.status, **fields, **_kept_changes(decision.changes))
    step_events.ended(change, step, decision)


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
    if step.suspension is not None:
        asked = EarlierQuestion(suspension=step.suspension, run=change.model, path=step.path)
        change.also_insert(asked)
    change.model.suspended_count += 1
    _merge(change, decision.changes)
    awaited, is_used_up = decision.awaited, decision.error is not None
    failed = {"error": decision.error} if is_used_up else {}
    change.move(
        step,
        StepStatus.SUSPENDED,
        suspension=uuid.uuid4(),
        suspend_payload=decision.payload,
        resume_labels=list(decision.labels),
        suspended_at=change.now,
        settled_token=step.token,
        worker_id=None,
        # What somebody answered before stays the answer while the step waits for something else.
        is_resuming=step.is_resuming and (awaited is not None or is_used_up),
        awaits=USED_UP if is_used_up else "" if awaited is None else awaited.kind,
        **failed,
        **_kept_changes(decision.changes),
    )
    step_events.suspended(change, step, decision)
    waits.begin(change, step, decision)


def _retry(change: Change, decision: d.RetryStep) -> None:
    step = change.snapshot(decision.path)
    delay = min(decision.delay_seconds, conf.get("MAX_RETRY_DELAY_SECONDS"))
    again_at = change.now + timedelta(seconds=delay)
    if decision.is_paused:
        _count_out(change, step)
        change.model.paused_count += 1
    change.move(
        step,
        StepStatus.PAUSED if decision.is_paused else StepStatus.QUEUED,
        retry_count=decision.retry_count,
        wake_at=again_at,
        error=decision.error,
        settled_token=step.token,
        worker_id=None,
    )
    if not decision.is_paused:
        change.woken.append(step)
    step_events.retrying(change, step, decision, again_at)


# Ending.


def _cancel(change: Change, paths: tuple[str, ...]) -> None:
    for path in paths:
        step = change.snapshot(path)
        _count_out(change, step)
        change.move(step, StepStatus.CANCELED, ended_at=change.now, wake_at=None)
        step_events.ended(change, step, d.RecordResult(path, StepStatus.CANCELED))
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


# Shared.


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
