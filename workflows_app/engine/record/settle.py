"""The only way to record outcomes of claims. The token of each claim is the fence.

Callers say what ended and whether they take what follows. This module alone decides which recorder
writes an outcome: the first one for which it is plain enough.
"""

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from django.db import Error

from workflows_app import errors
from workflows_app.engine.host import surroundings
from workflows_app.engine.host.rare import Rare, note
from workflows_app.engine.record import chain, items, reference
from workflows_app.engine.record.recorder import (
    NOT_PLAIN,
    Ended,
    Followed,
    NotPlain,
    Recorded,
    Recorder,
    Refused,
)
from workflows_app.engine.run import failing
from workflows_app.engine.run.claims import Claim
from workflows_app.engine.run.failing import is_away
from workflows_app.engine.run.sessions import Session
from workflows_app.models.sqltext import connection_here

logger = logging.getLogger(__name__)

#: Records steps of many runs together.
OF_MANY: Final[Recorder] = chain
#: Record outcomes of one run that threads of this process bring; they are tried in this order.
OF_ONE: Final[tuple[Recorder, ...]] = (items, reference)
#: The most outcomes of one run that are recorded in one change.
MOST_TOGETHER: Final = 16
#: Seconds after which a thread that waits looks whether others have recorded what it brought.
_LOOK_AGAIN: Final = 0.01
#: Seconds between attempts to record an outcome while the database is away.
_BACKOFF: Final = (0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0)


def settle(ended: Sequence[Ended]) -> list[Recorded]:
    """Record outcomes of claims, each once; return Done, Followed or Refused for each.

    Outcomes of one run that threads of this process bring at the same time are recorded together.
    """
    if connection_here().in_atomic_block:
        # An atomic step or a test: this must be part of its transaction, so no other thread can
        # record it.
        return [reference.record([_in_own_session(each)])[0] for each in ended]
    recorded = _recorded_by(OF_MANY, ended)
    left: dict[Session, list[int]] = {}
    for index, each in enumerate(recorded):
        if isinstance(each, NotPlain):
            left.setdefault(ended[index].claim.session, []).append(index)
    for session, indices in left.items():
        brought = _bring(session, [ended[index] for index in indices])
        for index, each in zip(indices, brought, strict=True):
            recorded[index] = each
    return recorded


def _in_own_session(ended: Ended) -> Ended:
    return ended._replace(claim=ended.claim.but(session=Session(ended.claim.run)))


def _recorded_by(recorder: Recorder, ended: Sequence[Ended]) -> list[Recorded]:
    """Use a recorder; if it fails, make the sessions forget their runs and try the next one."""
    try:
        return recorder.record(ended)
    except Exception as error:
        for each in ended:
            each.claim.session.forget()
        if isinstance(error, Error):
            connection_here().close()
        else:
            logger.exception("The shortcut failed; the reference records %s.", ended[0].claim.name)
        return [NOT_PLAIN] * len(ended)


@dataclass(eq=False, slots=True)
class _Brought:
    """An outcome that a thread brings, and how recording it went."""

    ended: Ended
    #: The most outcomes that may be recorded together with it.
    most: int
    recorded: Recorded = NOT_PLAIN


def _bring(session: Session, ended: Sequence[Ended]) -> list[Recorded]:
    """Have outcomes of one run recorded, by this thread or by one that already holds the lock."""
    mine = [_Brought(each, items.MOST if items.takes(each) else MOST_TOGETHER) for each in ended]
    session.brought.extend(mine)
    while any(isinstance(each.recorded, NotPlain) for each in mine):
        # Others may have recorded them, and get the lock again and again before this thread does.
        if session.lock.acquire(timeout=_LOOK_AGAIN):
            try:
                _record_all(session, mine)
            finally:
                session.lock.release()
    return [each.recorded for each in mine]


def _record_all(session: Session, mine: Sequence[_Brought]) -> None:
    while any(isinstance(each.recorded, NotPlain) for each in mine):
        _record_brought(session)


def _record_brought(session: Session) -> None:
    """Record the outcomes that threads have brought, together if possible."""
    left, most = list[_Brought](), items.MOST
    while session.brought and len(left) < most:
        left.append(session.brought.popleft())
        most = min(most, left[-1].most)
    try:
        for recorder in OF_ONE:
            found = _recorded_by(recorder, [each.ended for each in left]) if left else []
            for each, recorded in zip(left, found, strict=True):
                each.recorded = recorded
            left = [each for each in left if isinstance(each.recorded, NotPlain)]
        while left:
            left.pop().recorded = Refused(RuntimeError("No recorder accepted the outcome."))
    finally:
        # If this thread was interrupted, the next one that gets the lock records them.
        session.brought.extendleft(reversed(left))


def until_recorded(ended: Sequence[Ended]) -> list[Claim]:
    """Settle, and return the claims that follow; keep trying while the database is away.

    If a claim was lost, its outcome is dropped with a warning. If our own code or the database
    refuses an outcome, the step fails with that error instead. Inside a transaction of the caller
    both errors are raised.
    """
    left, following, attempt = list(ended), list[Claim](), 0
    while left:
        recorded = settle(left)
        following += [each.claim for each in recorded if isinstance(each, Followed)]
        refused = [
            (each, came.error)
            for each, came in zip(left, recorded, strict=True)
            if isinstance(came, Refused)
        ]
        kept = [(each, error) for each, error in refused if _is_kept(each.claim, error)]
        left = [each for each, _ in kept]
        if kept:
            _wait_for_database(left[0].claim, attempt, kept[0][1])
            attempt += 1
    return following


def _is_kept(held: Claim, error: Exception) -> bool:
    """Return whether to try again to record an outcome; other errors are dealt with here."""
    if connection_here().in_atomic_block:
        raise error
    if is_away(error):
        return True
    if isinstance(error, errors.LostLease):
        logger.warning("%s", error)
    else:
        surroundings.discard(connection_here())  # it may be what is wrong
        _fail(held, error)
    return False


def _fail(held: Claim, error: Exception) -> None:
    """Fail a step whose outcome was refused; keep trying while the database is away."""
    attempt = 0
    while True:
        try:
            failing.fail(held, error)
        except errors.LostLease as lost:
            logger.warning("%s", lost)
        except Exception as again:
            if not is_away(again):
                raise
            _wait_for_database(held, attempt, again)
            attempt += 1
            continue
        return


def _wait_for_database(held: Claim, attempt: int, why: Exception) -> None:
    note(Rare.RESULT_KEPT)
    logger.warning("Could not record the outcome of %s yet.", held.path, exc_info=why)
    connection_here().close()
    time.sleep(_BACKOFF[min(attempt, len(_BACKOFF) - 1)])
