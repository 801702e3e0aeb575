"""Recording what came of a claim, behind the fence of its token, and going on from there."""

import logging
import time
from datetime import timedelta
from typing import Final

from django.db import InterfaceError, OperationalError, connection

from workflows_app import errors
from workflows_app.engine import clock, failures, payloads, ports, transactions
from workflows_app.engine.apply import apply
from workflows_app.engine.change import Change, change, leave
from workflows_app.engine.claim import take
from workflows_app.engine.claims import HOOK, Claim
from workflows_app.models import Run, StepSnapshot
from workflows_app.planner.decide import decide, refuse_join
from workflows_app.planner.outcomes import Aborted, Bailed, Outcome
from workflows_app.planner.statuses import StepStatus

logger = logging.getLogger(__name__)

#: Seconds between attempts to record an outcome while the database is away.
_BACKOFF: Final = (0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0)


def settle(
    held: Claim,
    outcome: Outcome,
    *,
    go_on: bool,
    events: list[tuple[str, dict[str, object]]] | None = None,
) -> Claim | None:
    """Record an outcome, once; return the claim of a step to go on with, if there is one.

    Settling again with the same token changes nothing. Raises LostLease when another claim owns
    the step by now: the outcome was dropped.
    """
    try:
        try:
            return _record(held, outcome, go_on=go_on, events=events)
        except payloads.ListTooLarge as refused:
            return _record(held, outcome, go_on=go_on, events=events, refused=refused)
    except Run.DoesNotExist:
        raise errors.LostLease(
            f"Run {held.run_id} was deleted while {held.path} ran, so its result was dropped."
        ) from None


def _record(
    held: Claim,
    outcome: Outcome,
    *,
    go_on: bool,
    events: list[tuple[str, dict[str, object]]] | None,
    refused: payloads.ListTooLarge | None = None,
) -> Claim | None:
    """Record an outcome in one transaction; `refused` is why its foreach cannot be joined."""
    following: Claim | None = None
    with change(held.run, clock.now()) as changing:
        if not _owns(changing, held):
            leave()
        for kind, payload in events or ():
            changing.log.add(kind, payload)
        if refused is None or changing.model.ending:
            following = _settle(changing, held, outcome, go_on=go_on)
        else:
            error = failures.describe(refused.as_error())
            apply(
                changing,
                refuse_join(changing.graph, changing, (held.path, outcome), refused.path, error),
            )
    return following


def settle_hook(held: Claim) -> None:
    """Record that the hooks of one settling were called."""
    with change(held.run, clock.now()) as changing:
        if not _owns(changing, held):
            leave()
        now = changing.now
        steps = StepSnapshot.objects.filter(pk=held.step)
        steps.move(StepStatus.SUCCESS, worker=None, ended_at=now, settled_token=held.token)
        changing.model.hooks_pending -= 1


def settle_until_recorded(
    held: Claim,
    outcome: Outcome,
    *,
    go_on: bool,
    events: list[tuple[str, dict[str, object]]] | None = None,
) -> Claim | None:
    """Settle; while the database is away, keep the outcome and try again until it is back."""
    attempt = 0
    while True:
        try:
            return settle(held, outcome, go_on=go_on, events=events)
        except (OperationalError, InterfaceError):
            if connection.in_atomic_block:
                raise
            logger.warning("Could not record the outcome of %s yet.", held.path, exc_info=True)
            connection.close()
        time.sleep(_BACKOFF[min(attempt, len(_BACKOFF) - 1)])
        attempt += 1


def _owns(changing: Change, held: Claim) -> bool:
    """Return whether the claim still holds its step; False when it settled it already."""
    try:
        step = changing.snapshot(held.path)
    except StepSnapshot.DoesNotExist:
        step = None
    if step is not None and step.pk == held.step:
        if step.token == held.token and step.status == StepStatus.RUNNING and step.worker_id:
            return True
        if step.settled_token == held.token:
            return False
    raise errors.LostLease(
        f"Claim {held.token} of {held.path} in run {held.run_id} was taken over or given up, "
        "so its result was dropped."
    )


def _settle(changing: Change, held: Claim, outcome: Outcome, *, go_on: bool) -> Claim | None:
    if isinstance(outcome, Aborted):
        changing.model.cancel_requested_at = changing.now
    apply(changing, decide(changing.graph, changing, held.path, outcome))
    if isinstance(outcome, (Aborted, Bailed)) and changing.model.ending:
        transactions.after_commit(lambda: ports.dispatcher().abort(held.run))
    if not go_on:
        return None
    ready = [step for step in changing.woken if _is_ready(step, held, changing)]
    return take(changing, ready[0], held.worker) if ready else None


def _is_ready(step: StepSnapshot, held: Claim, changing: Change) -> bool:
    soon = changing.now + timedelta(milliseconds=1)
    is_due = step.wake_at is None or step.wake_at < soon
    is_queued = step.status == StepStatus.QUEUED
    return is_due and is_queued and step.queue == held.queue and step.kind != HOOK
