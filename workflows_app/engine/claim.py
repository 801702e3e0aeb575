"""Taking a step for a time: queued → running, with the next token. Of two claims, one wins."""

import logging
import uuid
from collections.abc import Collection, Iterator
from datetime import datetime
from typing import Any, Final

from workflows_app.definition import LOOPS, Kind
from workflows_app.engine import definitions, payloads, telling
from workflows_app.engine.apply import apply
from workflows_app.engine.change import Change, change, leave
from workflows_app.engine.claims import HOOK, Claim
from workflows_app.jsontext import Raw
from workflows_app.models import Run, StepSnapshot, statements
from workflows_app.models.step import PAYLOAD_FIELDS, move_one
from workflows_app.planner.decide import wake
from workflows_app.planner.statuses import StepStatus

logger = logging.getLogger(__name__)

_BY_KEY: Final = statements.Reader(StepSnapshot, "pk", leaving=PAYLOAD_FIELDS)


def claim(
    step: int, *, worker: uuid.UUID, now: datetime, queues: Collection[str] | None = None
) -> Claim | None:
    """Claim one step; None when it is not there to be claimed any more, or not yet.

    A sleep that is over is ended, and what follows it is claimed, on one of these queues (None:
    on any).
    """
    seen = _claimable(step, now)
    if seen is None or not _is_served(seen, queues):
        return None
    taken: Claim | None = None
    try:
        with change(seen.run_id, now) as changing:
            still = _claimable(step, now)
            if still is None:
                leave()
            changing.remember(still)
            if still.kind != HOOK and (problem := definitions.problem_at(changing, still)):
                definitions.leave_to_others(changing, still, problem)
            elif still.status == StepStatus.WAITING:
                taken = _wake(changing, still, worker, queues)
            else:
                taken = take(changing, still, worker)
    except Run.DoesNotExist:
        return None
    return taken


def _claimable(pk: int, now: datetime) -> StepSnapshot | None:
    try:
        step: StepSnapshot = _BY_KEY.get(pk)
    except StepSnapshot.DoesNotExist:
        return None
    is_free = step.superseded_on is None and (
        step.status == StepStatus.QUEUED
        or (step.status == StepStatus.WAITING and step.wake_at is not None)
    )
    is_due = step.wake_at is None or step.wake_at <= now
    return step if is_free and is_due else None


def _wake(
    changing: Change, step: StepSnapshot, worker: uuid.UUID, queues: Collection[str] | None
) -> Claim | None:
    """End a sleep that is over, and take the first step that it has kept waiting."""
    apply(changing, wake(changing.graph, changing, step.path))
    free = [each for each in changing.woken if each.wake_at is None and each.kind != HOOK]
    ready = [each for each in free if _is_served(each, queues)]
    return take(changing, ready[0], worker) if ready else None


def _is_served(step: StepSnapshot, queues: Collection[str] | None) -> bool:
    return queues is None or step.queue in queues


def claim_next(
    *,
    worker: uuid.UUID,
    now: datetime,
    run: uuid.UUID | None = None,
    queues: Collection[str] | None = None,
) -> Claim | None:
    """Claim the oldest claimable step, of one run or of all; None when there is none.

    `queues` names those that the worker serves; None: all.
    """
    for step in _candidates(run, now, queues):
        if taken := claim(step, worker=worker, now=now, queues=queues):
            return taken
    return None


def _candidates(
    run: uuid.UUID | None, now: datetime, queues: Collection[str] | None
) -> Iterator[int]:
    """Yield claimable steps, oldest first, a handful at a time: others claim them meanwhile."""
    claimable = StepSnapshot.objects.claimable(now).served(queues).order_by("pk")
    waiting = StepSnapshot.objects.slept(now).served(queues).order_by("wake_at")
    steps, slept = (found.values_list("pk", flat=True) for found in (claimable, waiting))
    if run is not None:
        steps, slept = steps.filter(run=run), slept.filter(run=run)
    yield from slept[:10]
    seen = 0
    while batch := list(steps.filter(pk__gt=seen)[:10]):
        yield from batch
        seen = batch[-1]


def take(changing: Change, step: StepSnapshot, worker: uuid.UUID) -> Claim:
    """Claim a queued step inside a transaction that is open already, and log its start."""
    fields: dict[str, Any] = {"worker": worker, "token": step.token + 1, "wake_at": None}
    if step.unknown_since is not None:
        fields["unknown_since"] = None
    if step.started_at is None:
        fields["started_at"] = changing.now
    move_one(step.pk, StepStatus.RUNNING, **fields)
    step.status = StepStatus.RUNNING.value
    step.token += 1
    step.worker_id = worker
    step.started_at = step.started_at or changing.now
    changing.woken = [other for other in changing.woken if other is not step]
    taken = _describe(changing, step, worker)
    if _begins(step):
        answer = taken.resume_payload if taken.is_resuming else None
        telling.started(changing, step, taken.payload, answer)
    return taken


def _begins(step: StepSnapshot) -> bool:
    """Return whether this claim is news: glue that was lost, or a loop's test, is none."""
    return step.kind == Kind.STEP or (step.token == 1 and step.kind not in LOOPS)


def _describe(changing: Change, step: StepSnapshot, worker: uuid.UUID) -> Claim:
    run = changing.model
    resumed = step.is_resuming
    return Claim(
        run=run.pk,
        run_id=run.run_id,
        workflow_id=run.workflow_id,
        resource_id=run.resource_id,
        trace_id=run.trace_id,
        span_id=run.span_id,
        is_sampled=bool(run.trace_id) and run.tracing.get("sampled", True),
        step=step.pk,
        path=step.path,
        base_path=step.base_path,
        kind=step.kind,
        token=step.token,
        worker=worker,
        queue=step.queue,
        retry_count=step.retry_count,
        restarted=step.lost_count > 0,
        payload=_payload(changing, step),
        is_resuming=resumed,
        resume_payload=_column(step, "resume_payload") if resumed else None,
        suspend_payload=_column(step, "suspend_payload") if resumed else None,
        state=run.state,
        request_context=run.request_context,
        claimed_at=changing.now,
        round=step.opened - 1 if step.kind in LOOPS else None,
    )


def _payload(changing: Change, step: StepSnapshot) -> Raw:
    """Return what the worker gets: the input; for a loop to be tested, its last output."""
    if step.kind in LOOPS:
        return payloads.output_of(changing.snapshot(f"{step.path}[{step.opened - 1}]"))
    known = changing.outputs.get(f"{step.path}:payload")
    return known if known is not None else payloads.payload_of(step)


def _column(step: StepSnapshot, field: str) -> Raw:
    return payloads.read(StepSnapshot, step.pk, field)


def hand_back(changing: Change, step: StepSnapshot, *, is_told: bool = True) -> None:
    """Let a lost or unwanted claim be claimed anew; its token stays, so a late result is dropped.

    The next claim has a higher one. Hooks are handed back without a word in the log.
    """
    StepSnapshot.objects.filter(pk=step.pk).move(
        StepStatus.QUEUED, worker=None, lost_count=step.lost_count + 1, wake_at=None
    )
    step.status = StepStatus.QUEUED.value
    step.worker_id = None
    step.wake_at = None
    step.lost_count += 1
    changing.woken.append(step)
    if is_told and step.kind != HOOK:
        event = {"path": step.path, "actor": None, "timeline": changing.model.timeline}
        changing.log.add("workflow-restarted", event)
