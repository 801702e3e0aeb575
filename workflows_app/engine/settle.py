"""Recording what came of a claim, behind the fence of its token, and going on from there."""

import logging
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from itertools import zip_longest
from typing import Final

from django.db import connection

from workflows_app import errors
from workflows_app.definition import registry
from workflows_app.engine import (
    clock,
    express_items,
    failing,
    failures,
    payloads,
    ports,
    surroundings,
    transactions,
)
from workflows_app.engine.apply import apply
from workflows_app.engine.change import Change, perform
from workflows_app.engine.claim import take
from workflows_app.engine.claims import HOOK, Claim
from workflows_app.engine.failing import is_away
from workflows_app.engine.rare import Rare, note
from workflows_app.engine.sessions import Session
from workflows_app.engine.writer import Said
from workflows_app.jsontext import dumps
from workflows_app.models import Run, StepSnapshot
from workflows_app.models.sqltext import connection_here
from workflows_app.planner.decide import decide, refuse_join
from workflows_app.planner.outcomes import (
    NO_CHANGES,
    Aborted,
    Bailed,
    Changes,
    Failed,
    Outcome,
)
from workflows_app.planner.statuses import StepStatus

logger = logging.getLogger(__name__)

#: Outcomes of one run that are recorded in one change.
MOST_TOGETHER: Final = 16

#: Seconds between attempts to record an outcome while the database is away.
_BACKOFF: Final = (0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0)


@dataclass(eq=False, slots=True)
class _Brought:
    """What one thread brings to be recorded, and what comes of that."""

    held: Claim
    outcome: Outcome
    go_on: bool
    events: Sequence[Said]
    #: Whether the express lane for items of a foreach can take it.
    is_plain_item: bool = False
    is_done: bool = False
    following: Claim | None = None
    error: Exception | None = None

    def result(self) -> Claim | None:
        """Return the claim to go on with, or raise why there is none."""
        if self.error is not None:
            raise self.error
        return self.following


def settle(
    held: Claim, outcome: Outcome, *, go_on: bool, events: Sequence[Said] = ()
) -> Claim | None:
    """Record an outcome, once; return the claim of a step to go on with, if there is one.

    Outcomes of one run that threads of this process bring at the same time are recorded together.
    Settling again with the same token changes nothing. Raises LostLease when another claim owns
    the step by now: the outcome was dropped.
    """
    mine = _Brought(held, outcome, go_on, events)
    if connection.in_atomic_block:
        # An atomic step, or a test: it is its own transaction that counts, and locks nobody waits
        # for while it goes on.
        _settle_alone(Session(held.run), mine)
        return mine.result()
    graph = registry.get(held.workflow_id).tree
    mine.is_plain_item = go_on and not events and express_items.is_plain(graph, held, outcome)
    _bring(held.session, [mine])
    return mine.result()


def settle_items(ended: Sequence[tuple[Claim, Outcome]], *, go_on: bool) -> list[Claim]:
    """Settle plain items of one run until all are recorded; return the claims to go on with.

    Outcomes whose claim is lost are dropped, with a warning. Like `settle_until_recorded`, this
    waits for a database that is away.
    """
    left, following, attempt = list(ended), list[Claim](), 0
    while left:
        brought = [
            _Brought(held, outcome, go_on, (), is_plain_item=go_on) for held, outcome in left
        ]
        _bring(left[0][0].session, brought)
        left = [(each.held, each.outcome) for each in brought if is_away(each.error)]
        for each in brought:
            if each.error is not None and not is_away(each.error):
                _fail(each.held, each.error)
        following += [each.following for each in brought if each.following is not None]
        if left:
            _wait_for_database(left[0][0], attempt)
            attempt += 1
    return following


def _fail(held: Claim, error: Exception) -> None:
    """Let a step fail whose outcome could not be recorded; one whose claim is lost is left."""
    if not isinstance(error, errors.LostLease):
        try:
            failing.fail(held, error)
        except errors.LostLease as lost:
            error = lost
        else:
            return
    logger.warning("%s", error)


def _bring(session: Session, mine: Sequence[_Brought]) -> None:
    """Have outcomes recorded, by this thread or by one that is at it."""
    session.brought.extend(mine)
    with session.lock:
        while not all(each.is_done for each in mine):
            _settle_all(session)


def _settle_all(session: Session) -> None:
    """Record what threads have brought, together if that is possible."""
    brought: list[_Brought] = []
    while session.brought and len(brought) < _most(brought, session.brought[0]):
        brought.append(session.brought.popleft())
    brought = _settle_items(brought)
    if len(brought) > 1 and _settle_together(session, brought):
        return
    for each in brought:
        _settle_alone(session, each)


def _most(brought: Sequence[_Brought], another: _Brought) -> int:
    is_plain = all(each.is_plain_item for each in (*brought, another))
    return express_items.MOST if is_plain else MOST_TOGETHER


def _settle_items(brought: list[_Brought]) -> list[_Brought]:
    """Record plain items of a foreach by their express lane; return what is left."""
    plain = [each for each in brought if each.is_plain_item]
    if not plain or len({each.held.base_path for each in plain}) > 1:
        return brought
    graph = registry.get(plain[0].held.workflow_id).tree
    try:
        followings = express_items.settle(graph, [(each.held, each.outcome) for each in plain])
    except Exception as error:
        if is_away(error):
            plain[0].held.session.forget()
            _end(plain, error)
            return [each for each in brought if not each.is_done]
        logger.exception("Items of %s take the long way.", plain[0].held.run_id)
        plain[0].held.session.forget()
        return brought
    if followings is None:
        return brought
    for each, following in zip_longest(plain, followings):
        each.following, each.is_done = following, True
    return [each for each in brought if not each.is_done]


def _settle_together(session: Session, brought: Sequence[_Brought]) -> bool:
    """Record several outcomes in one change; False: they have to be recorded one by one."""

    def act(changing: Change) -> list[Claim | None]:
        return [_record(changing, session, each) for each in brought]

    try:
        followings = perform(session, clock.now(), act)
    except Exception as error:  # noqa: BLE001 - whose it is shows when each is recorded by itself
        if is_away(error):
            _end(brought, error)
            return True
        note(Rare.RECORDED_APART)
        return False
    for each, following in zip(brought, followings or (), strict=True):
        each.following, each.is_done = following, True
    return True


def _settle_alone(session: Session, mine: _Brought) -> None:
    now = clock.now()
    try:
        try:
            mine.following = perform(session, now, lambda c: _record(c, session, mine))
        except payloads.ListTooLarge as refused:
            perform(session, now, partial(_record_refused, session=session, mine=mine, why=refused))
    except _SettledBefore:
        note(Rare.RECORDED_BEFORE)
    except Run.DoesNotExist:
        mine.error = errors.LostLease(
            f"Run {mine.held.run_id} was deleted while {mine.held.path} ran, so its result was "
            "dropped."
        )
    except Exception as error:  # noqa: BLE001 - raised again by the thread that it belongs to
        mine.error = error
    if isinstance(mine.error, errors.LostLease):
        note(Rare.LATE_RESULT_DROPPED)
    mine.is_done = True


def _end(brought: Sequence[_Brought], error: Exception) -> None:
    for each in brought:
        each.error, each.is_done = error, True


def _record(changing: Change, session: Session, mine: _Brought) -> Claim | None:
    """Record one outcome in a change of its run; return the claim of what follows."""
    _require_owned(changing, mine.held)
    for kind, payload in mine.events:
        changing.log.add(kind, payload)
    return _settle(changing, session, mine)


def _record_refused(
    changing: Change, *, session: Session, mine: _Brought, why: payloads.ListTooLarge
) -> Claim | None:
    """Record an outcome whose foreach cannot be joined: the foreach fails."""
    if changing.model.ending:
        return _record(changing, session, mine)
    _require_owned(changing, mine.held)
    for kind, payload in mine.events:
        changing.log.add(kind, payload)
    error = failures.describe(why.as_error())
    ended = (mine.held.path, mine.outcome)
    apply(changing, refuse_join(changing.graph, changing, ended, why.path, error))
    return None


def settle_hook(held: Claim) -> None:
    """Record that the hooks of one settling were called."""

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

    with held.session.lock, suppress(_SettledBefore):
        perform(held.session, clock.now(), act)


def settle_until_recorded(
    held: Claim,
    outcome: Outcome,
    *,
    go_on: bool,
    events: Sequence[Said] = (),
) -> Claim | None:
    """Settle; while the database is away, keep the outcome and try again until it is back.

    An outcome that cannot be recorded, because our own code or the database refuses it, is replaced
    by the failure that says so. Raises LostLease; in a transaction of its own also what is refused.
    """
    attempt = 0
    refused: Exception | None = None
    while True:
        try:
            if refused is None:
                return settle(held, outcome, go_on=go_on, events=events)
            failing.fail(held, refused)
        except errors.LostLease:
            raise
        except Exception as error:
            if connection.in_atomic_block or (refused is not None and not is_away(error)):
                raise
            if is_away(error):
                _wait_for_database(held, attempt)
                attempt += 1
            else:
                refused = error
                surroundings.discard(connection_here())  # it may be what is wrong
        else:
            return None


def _wait_for_database(held: Claim, attempt: int) -> None:
    note(Rare.RESULT_KEPT)
    logger.warning("Could not record the outcome of %s yet.", held.path, exc_info=True)
    connection.close()
    time.sleep(_BACKOFF[min(attempt, len(_BACKOFF) - 1)])


class _SettledBefore(Exception):
    """The claim settled its step already."""


def _require_owned(changing: Change, held: Claim) -> StepSnapshot:
    """Return the step that the claim still holds. Raises LostLease, or _SettledBefore."""
    try:
        step = changing.snapshot(held.path)
    except StepSnapshot.DoesNotExist:
        step = None
    if step is not None and step.pk == held.step:
        if step.token == held.token and step.status == StepStatus.RUNNING and step.worker_id:
            return step
        if step.settled_token == held.token:
            raise _SettledBefore
    raise errors.LostLease(
        f"Claim {held.token} of {held.path} in run {held.run_id} was taken over or given up, "
        "so its result was dropped."
    )


def _settle(changing: Change, session: Session, mine: _Brought) -> Claim | None:
    held, outcome = mine.held, _with_room(changing, mine)
    if isinstance(outcome, Aborted):
        changing.model.cancel_requested_at = changing.now
    apply(changing, decide(changing.graph, changing, held.path, outcome))
    if isinstance(outcome, (Aborted, Bailed)) and changing.model.ending:
        transactions.after_commit(lambda: ports.dispatcher().abort(held.run))
    if not mine.go_on:
        return None
    ready = [step for step in changing.woken if _is_ready(step, held, changing)]
    return take(changing, ready[0], session, held.worker) if ready else None


def _with_room(changing: Change, mine: _Brought) -> Outcome:
    """Return the outcome; or its failure, where what it did to state or context is too much.

    By itself it was not, as the attempt saw them; but others may have added to them since.
    """
    run, held = changing.model, mine.held
    changes: Changes = getattr(mine.outcome, "changes", NO_CHANGES)
    try:
        if (changes.state or changes.made) and run.state != held.state:
            whole = dumps(changes.over(run.state))
            payloads.check_size(whole, f"The state as {held.path} changed it")
        if changes.context and run.request_context != held.request_context:
            whole = dumps(changes.over_context(run.request_context))
            payloads.check_size(whole, f"The request context as {held.path} changed it")
    except errors.PayloadTooLarge as refused:
        return Failed(failures.describe(refused), may_retry=False)
    return mine.outcome


def _is_ready(step: StepSnapshot, held: Claim, changing: Change) -> bool:
    soon = changing.now + timedelta(milliseconds=1)
    is_due = step.wake_at is None or step.wake_at < soon
    is_queued = step.status == StepStatus.QUEUED
    return is_due and is_queued and step.queue == held.queue and step.kind != HOOK
