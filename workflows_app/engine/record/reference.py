"""The reference: it records outcomes of claims of one run through the planner and a change.

It can record everything, on either database. The other recorders write what it would write.
"""

from collections.abc import Sequence
from contextlib import nullcontext, suppress
from datetime import timedelta
from functools import partial

from workflows_app import errors
from workflows_app.engine.host import alarms, clock, ports, transactions
from workflows_app.engine.host.rare import Rare, note
from workflows_app.engine.record.recorder import DONE, Ended, Followed, Recorded, Refused
from workflows_app.engine.run import events, failures, payloads, waits
from workflows_app.engine.run.apply import apply
from workflows_app.engine.run.change import Change
from workflows_app.engine.run.claims import HOOK, Claim
from workflows_app.engine.run.failing import is_away
from workflows_app.engine.run.performing import perform
from workflows_app.engine.run.taking import take
from workflows_app.jsontext import dumps
from workflows_app.models import Run, StepSnapshot
from workflows_app.planner.decide import decide, refuse_join
from workflows_app.planner.outcomes import (
    NO_CHANGES,
    Aborted,
    Awaited,
    Bailed,
    Changes,
    Failed,
    Outcome,
    Suspended,
)
from workflows_app.planner.statuses import StepStatus


def record(ended: Sequence[Ended]) -> list[Recorded]:
    """Record outcomes of claims of one run, in one change if possible.

    The caller holds the lock of their session.
    """
    is_together = len(ended) > 1 and not any(map(_awaited, ended))
    together = _together(ended) if is_together else None
    return [_alone(each) for each in ended] if together is None else together


def _awaited(ended: Ended) -> Awaited | None:
    """Return what a step is about to wait for, if that is an event or the end of a run."""
    return ended.outcome.awaited if isinstance(ended.outcome, Suspended) else None


def record_hook(held: Claim) -> None:
    """Record that the hooks for one settling of a run were called. Raises LostLease."""

    def act(changing: Change) -> None:
        step = _require_owned(changing, held)
        changing.move(
            step,
            StepStatus.SUCCESS,
            worker_id=None,
            ended_at=changing.now,
            settled_token=held.token,
        )
        changing.model.hooks_pending -= 1

    with held.session.lock, suppress(_RecordedBefore):
        perform(held.session, clock.now(), act)


def _together(ended: Sequence[Ended]) -> list[Recorded] | None:
    """Record several outcomes in one change; None if they have to be recorded one by one."""

    def act(changing: Change) -> list[Recorded]:
        return [_record(changing, each) for each in ended]

    try:
        return perform(ended[0].claim.session, clock.now(), act)
    except Exception as error:  # noqa: BLE001 - recording each by itself shows which one failed
        if is_away(error):
            return [Refused(error)] * len(ended)
        note(Rare.RECORDED_APART)
        return None


def _alone(ended: Ended) -> Recorded:
    try:
        return _written(ended)
    except _RecordedBefore:
        note(Rare.RECORDED_BEFORE)
        return DONE
    except Run.DoesNotExist:
        claim = ended.claim
        note(Rare.LATE_RESULT_DROPPED)
        gone = f"Run {claim.run_id} was deleted while {claim.path} ran, so its result was dropped."
        return Refused(errors.LostLease(gone))
    except errors.LostLease as lost:
        note(Rare.LATE_RESULT_DROPPED)
        return Refused(lost)
    except Exception as error:  # noqa: BLE001 - the thread that worked on the claim decides
        return Refused(error)


def _written(ended: Ended) -> Recorded:
    session, now = ended.claim.session, clock.now()
    awaited = _awaited(ended)
    try:
        with nullcontext() if awaited is None else waits.holding(awaited):
            recorded = perform(session, now, lambda changing: _record(changing, ended))
    except payloads.ListTooLarge as refused:
        recorded = perform(session, now, partial(_record_refused, ended=ended, why=refused))
    if awaited is not None and awaited.timeout is not None:
        alarms.arm(awaited.timeout)
    return DONE if recorded is None else recorded


def _record(changing: Change, ended: Ended) -> Recorded:
    """Record one outcome in a change of its run, and claim what follows."""
    _begin_recording(changing, ended)
    held, outcome = ended.claim, _with_room(changing, ended)
    if isinstance(outcome, Aborted):
        changing.model.cancel_requested_at = changing.now
    apply(changing, decide(changing.graph, changing, held.path, outcome))
    if isinstance(outcome, (Aborted, Bailed)) and changing.model.ending:
        transactions.after_commit(lambda: ports.dispatcher().abort(held.run))
    ready = next((step for step in changing.woken if _is_ready(step, held, changing)), None)
    node = None if ready is None else changing.node(ready)
    if ready is None or node is None or not ended.keep(held, node):
        return DONE
    return Followed(take(changing, ready, held.session, held.worker))


def _record_refused(changing: Change, *, ended: Ended, why: payloads.ListTooLarge) -> Recorded:
    """Record an outcome whose foreach is too large to be joined: the foreach fails."""
    if changing.model.ending:
        return _record(changing, ended)
    _begin_recording(changing, ended)
    error = failures.describe(why.as_error())
    apply(
        changing,
        refuse_join(changing.graph, changing, (ended.claim.path, ended.outcome), why.path, error),
    )
    return DONE


def _begin_recording(changing: Change, ended: Ended) -> None:
    _require_owned(changing, ended.claim)
    for kind, payload in ended.said:
        changing.log.add(events.of(kind, payload))


class _RecordedBefore(Exception):
    """The claim's outcome has already been recorded."""


def _require_owned(changing: Change, held: Claim) -> StepSnapshot:
    """Return the step that the claim still holds. Raises LostLease and _RecordedBefore."""
    try:
        step = changing.snapshot(held.path)
    except StepSnapshot.DoesNotExist:
        step = None
    if step is not None and step.pk == held.step:
        if step.token == held.token and step.status == StepStatus.RUNNING and step.worker_id:
            return step
        if step.settled_token == held.token:
            raise _RecordedBefore
    raise errors.LostLease(
        f"Claim {held.token} of {held.path} in run {held.run_id} was taken over or given up, "
        "so its result was dropped."
    )


def _with_room(changing: Change, ended: Ended) -> Outcome:
    """Return the outcome, or a failure if it makes the state or the request context too large.

    The attempt checked its own changes, but other steps may have added to both since.
    """
    run, held = changing.model, ended.claim
    changes: Changes = getattr(ended.outcome, "changes", NO_CHANGES)
    try:
        if (changes.state or changes.made) and run.state != held.state:
            whole = dumps(changes.over(run.state))
            payloads.check_size(whole, f"The state as {held.path} changed it")
        if changes.context and run.request_context != held.request_context:
            whole = dumps(changes.over_context(run.request_context))
            payloads.check_size(whole, f"The request context as {held.path} changed it")
    except errors.PayloadTooLarge as refused:
        return Failed(failures.describe(refused), may_retry=False)
    return ended.outcome


def _is_ready(step: StepSnapshot, held: Claim, changing: Change) -> bool:
    soon = changing.now + timedelta(milliseconds=1)
    is_due = step.wake_at is None or step.wake_at < soon
    is_queued = step.status == StepStatus.QUEUED
    return is_due and is_queued and step.queue == held.queue and step.kind != HOOK
