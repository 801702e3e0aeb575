"""Taking a step for a time: queued → running, with the next token. Of two claims, one wins."""

import logging
import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, Final

from workflows_app.definition import registry
from workflows_app.engine import payloads
from workflows_app.engine.apply import SHOWN
from workflows_app.engine.change import Change, change, leave
from workflows_app.engine.claims import HOOK, Claim
from workflows_app.jsontext import Raw
from workflows_app.models import Run, StepSnapshot, statements
from workflows_app.models.step import PAYLOAD_FIELDS, move_one
from workflows_app.planner.statuses import StepStatus

logger = logging.getLogger(__name__)

#: Seconds until a step is looked at again that this process has no code for.
UNKNOWN_SECONDS: Final = 30.0

_BY_KEY: Final = statements.Reader(StepSnapshot, "pk", leaving=PAYLOAD_FIELDS)


def claim(step: int, *, worker: uuid.UUID, now: datetime) -> Claim | None:
    """Claim one step; None when it is not there to be claimed any more, or not yet."""
    seen = _claimable(step, now)
    if seen is None:
        return None
    taken: Claim | None = None
    try:
        with change(seen.run_id, now) as changing:
            still = _claimable(step, now)
            if still is None:
                leave()
            if _is_known(changing, still):
                taken = take(changing, changing.remember(still), worker)
            else:
                _postpone(still, now)
    except Run.DoesNotExist:
        return None
    return taken


def _claimable(pk: int, now: datetime) -> StepSnapshot | None:
    try:
        step: StepSnapshot = _BY_KEY.get(pk)
    except StepSnapshot.DoesNotExist:
        return None
    is_due = step.wake_at is None or step.wake_at <= now
    is_free = step.status == StepStatus.QUEUED and step.superseded_on is None
    return step if is_free and is_due else None


def _is_known(changing: Change, step: StepSnapshot) -> bool:
    """Return whether this process has code for the step."""
    definition = registry.find(changing.model.workflow_id)
    return definition is not None and (step.kind == HOOK or step.base_path in definition.tree.nodes)


def _postpone(step: StepSnapshot, now: datetime) -> None:
    """Leave a step that this process has no code for to others, and look again later."""
    logger.warning(
        "No code here for step %s of a run that waits for it; is a module missing from "
        "WORKFLOWS_MODULES? Looking again in %s s.", step.path, UNKNOWN_SECONDS,
    )  # fmt: skip
    later = now + timedelta(seconds=UNKNOWN_SECONDS)
    statements.update(StepSnapshot, step.pk, {"wake_at": later})


def claim_next(*, worker: uuid.UUID, now: datetime, run: uuid.UUID | None = None) -> Claim | None:
    """Claim the oldest claimable step, of one run or of all; None when there is none."""
    for step in _candidates(run, now):
        if taken := claim(step, worker=worker, now=now):
            return taken
    return None


def _candidates(run: uuid.UUID | None, now: datetime) -> Iterator[int]:
    """Yield claimable steps, oldest first, a handful at a time: others claim them meanwhile."""
    steps = StepSnapshot.objects.claimable(now).order_by("pk").values_list("pk", flat=True)
    if run is not None:
        steps = steps.filter(run=run)
    seen = 0
    while batch := list(steps.filter(pk__gt=seen)[:10]):
        yield from batch
        seen = batch[-1]


def take(changing: Change, step: StepSnapshot, worker: uuid.UUID) -> Claim:
    """Claim a queued step inside a transaction that is open already, and log its start."""
    fields: dict[str, Any] = {"worker": worker, "token": step.token + 1, "wake_at": None}
    if step.started_at is None:
        fields["started_at"] = changing.now
    move_one(step.pk, StepStatus.RUNNING, **fields)
    step.status = StepStatus.RUNNING.value
    step.token += 1
    step.worker_id = worker
    step.started_at = step.started_at or changing.now
    changing.woken = [other for other in changing.woken if other is not step]
    taken = _describe(changing, step, worker)
    if step.kind in SHOWN and not (step.kind != "step" and step.token > 1):
        _log_start(changing, step, taken)
    return taken


def _describe(changing: Change, step: StepSnapshot, worker: uuid.UUID) -> Claim:
    run = changing.model
    payload = changing.outputs.get(f"{step.path}:payload")
    resumed = step.is_resuming
    return Claim(
        run=run.pk,
        run_id=run.run_id,
        workflow_id=run.workflow_id,
        resource_id=run.resource_id,
        trace_id=run.trace_id,
        step=step.pk,
        path=step.path,
        base_path=step.base_path,
        kind=step.kind,
        token=step.token,
        worker=worker,
        queue=step.queue,
        retry_count=step.retry_count,
        restarted=step.lost_count > 0,
        payload=payload if payload is not None else payloads.payload_of(step),
        is_resuming=resumed,
        resume_payload=_column(step, "resume_payload") if resumed else None,
        suspend_payload=_column(step, "suspend_payload") if resumed else None,
        state=run.state,
        request_context=run.request_context,
        claimed_at=changing.now,
    )


def _column(step: StepSnapshot, field: str) -> Raw:
    return payloads.read(StepSnapshot, step.pk, field)


def _log_start(changing: Change, step: StepSnapshot, taken: Claim) -> None:
    payload: dict[str, Any] = {
        "id": changing.graph.nodes[step.base_path].key,
        "path": step.path,
        "payload": taken.payload,
        "status": StepStatus.RUNNING.value,
        "started_at": changing.now.isoformat(),
    }
    if taken.is_resuming:
        payload["resume_payload"] = taken.resume_payload
    changing.log.add("workflow-step-start", payload, {"payload": f"{step.pk}.payload"})


def release(held: Claim, *, now: datetime) -> None:
    """Give a claim back unrecorded: its attempt was lost, and the step is free again at once."""
    with change(held.run, now) as changing:
        step = changing.snapshot(held.path)
        if step.pk != held.step or step.token != held.token or step.status != StepStatus.RUNNING:
            leave()
        hand_back(changing, step)


def hand_back(changing: Change, step: StepSnapshot, wake_at: datetime | None = None) -> None:
    """Let a lost or unwanted claim be claimed anew; its token stays, so a late result is dropped.

    The next claim has a higher one. Hooks are handed back without a word in the log.
    """
    StepSnapshot.objects.filter(pk=step.pk).move(
        StepStatus.QUEUED, worker=None, lost_count=step.lost_count + 1, wake_at=wake_at
    )
    step.status = StepStatus.QUEUED.value
    step.worker_id = None
    step.wake_at = wake_at
    changing.woken.append(step)
    if step.kind != HOOK:
        event = {"path": step.path, "actor": None, "timeline": changing.model.timeline}
        changing.log.add("workflow-restarted", event)
