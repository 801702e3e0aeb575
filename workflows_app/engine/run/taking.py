"""Taking a step inside a change of its run (queued → running), and handing it back."""

import uuid
from collections.abc import Mapping
from typing import Any

from workflows_app.definition import LOOPS, Kind
from workflows_app.engine.run import events, holds, payloads, step_events
from workflows_app.engine.run.change import Change
from workflows_app.engine.run.claims import HOOK, Claim, describe
from workflows_app.engine.run.sessions import Session
from workflows_app.jsontext import Raw
from workflows_app.models import StepSnapshot
from workflows_app.planner.statuses import StepStatus


def take(changing: Change, step: StepSnapshot, session: Session, worker: uuid.UUID) -> Claim:
    """Claim a queued step inside a transaction that is already open, and log its start."""
    fields: dict[str, Any] = {"worker_id": worker, "token": step.token + 1, "wake_at": None}
    if step.unknown_since is not None:
        fields["unknown_since"] = None
    if step.started_at is None:
        fields["started_at"] = changing.now
    changing.move(step, StepStatus.RUNNING, **fields)
    changing.woken = [other for other in changing.woken if other is not step]
    payload = _payload(changing, step)
    taken = describe(changing.model, step, session, payload, changing.now)
    if _begins(step):
        answer = taken.resume_payload if taken.is_resuming else None
        step_events.started(changing, step, taken.payload, answer)
    return taken


def _begins(step: StepSnapshot) -> bool:
    """Return whether the claim is logged as a start: of other entries than steps, the first is.

    The test of a loop is never logged.
    """
    return step.kind == Kind.STEP or (step.token == 1 and step.kind not in LOOPS)


def _payload(changing: Change, step: StepSnapshot) -> Raw:
    """Return what the worker gets: the input, or for the test of a loop its last output."""
    if step.kind in LOOPS:
        path = f"{step.path}[{step.opened - 1}]"
        last = changing.outputs.get(path)
        return last if last is not None else payloads.output_of(changing.snapshot(path))
    known = changing.outputs.get(f"{step.path}:payload")
    return known if known is not None else payloads.payload_of(step)


def hand_back(
    changing: Change,
    step: StepSnapshot,
    *,
    is_told: bool = True,
    is_lost: bool = True,
    cause: Mapping[str, Any] | None = None,
) -> None:
    """Hand back a lost or unwanted claim, so that its step can be claimed again.

    Of a run that is held, it waits until the run is let on. The next claim has a higher token, so a
    late result is dropped. Hooks are handed back without
    an event in the log. `cause` says what ended the attempt.
    """
    lost = step.lost_count + int(is_lost)
    is_stopped = holds.is_stopped(changing.model) and step.kind != HOOK
    target = StepStatus.PAUSED if is_stopped else StepStatus.QUEUED
    changing.move(step, target, worker_id=None, lost_count=lost, wake_at=None)
    if is_stopped:
        changing.model.active_count -= 1
        changing.model.paused_count += 1
    else:
        changing.woken.append(step)
    if is_told and step.kind != HOOK:
        timeline = changing.model.timeline
        why = {} if cause is None else {"cause": dict(cause)}
        changing.log.add(events.steered("workflow-restarted", [step.path], None, timeline, **why))
