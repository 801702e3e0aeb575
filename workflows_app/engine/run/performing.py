"""Performs a change of a run: from what a session knows, with a guard, or under the lock."""

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from typing import NoReturn, TypeVar

from workflows_app.engine.host import clock, transactions
from workflows_app.engine.host.rare import Rare, note
from workflows_app.engine.run import change_readers, stretches
from workflows_app.engine.run.change import Change
from workflows_app.engine.run.sessions import Session
from workflows_app.models import Run, Stretch
from workflows_app.models.sqltext import connection_here

Result = TypeVar("Result")


def lock(run: uuid.UUID) -> Run:
    """Lock a run's row and return it, without the payload columns that no change needs.

    Raises `Run.DoesNotExist` if it was deleted.
    """
    locked: Run = change_readers.LOCKED.get(run, lock=True)
    return locked


@contextmanager
def change(run: uuid.UUID, now: datetime) -> Iterator[Change]:
    """Open a transaction on a run and save what was changed when the block ends.

    Nothing is written if the block raises or calls `leave`. Items of stretches get their snapshots
    before the block begins.
    """
    try:
        with transactions.write():
            changing = _locked(run, now)
            stretches.write_down(changing)
            yield changing
            changing.save()
    except _Left:
        return


def write_down(run: uuid.UUID, now: datetime) -> None:
    """Give the items of the run's stretches their snapshots, if it has any."""
    with suppress(Run.DoesNotExist):
        if Stretch.objects.filter(run=run).exists():
            with change(run, now):
                pass  # every change begins by doing that


def _locked(run: uuid.UUID, now: datetime) -> Change:
    # Locking may have taken time, and the times in the log must rise with its numbers.
    return Change(lock(run), max(now, clock.now()))


def perform(session: Session, now: datetime, act: Callable[[Change], Result]) -> Result | None:
    """Call `act` with a change of the session's run, save it, and return the result of `act`.

    The first try uses what the session knows about the run, if possible in one statement without a
    lock. If it fails in any way, or the run has changed meanwhile, `act` is called again under the
    lock. Returns None if `act` called `leave`. The caller holds the session's lock.
    """
    connection = connection_here()
    model = session.model
    is_known = (
        model is not None
        and not model.stretches
        and (model.allowance is None or model.allowance >= 0)
    )
    if is_known and not connection.in_atomic_block:
        guarded = _guarded if connection.vendor == "postgresql" else _compared
        try:
            is_done, result = guarded(session, now, act)
        except Exception:  # noqa: BLE001 - the session may be out of date; the lock decides
            is_done, result = False, None
        if is_done:
            return result
    session.forget()
    with change(session.run, now) as changing:
        result = act(changing)
    if not changing.is_saved:
        return None
    if not connection.in_atomic_block:
        session.keep(changing.model, changing.alive())
    return result


def _guarded(
    session: Session, now: datetime, act: Callable[[Change], Result]
) -> tuple[bool, Result | None]:
    """Act on what is known, and write everything in one statement if the run is unchanged."""
    model, rows = session.take()
    changing = Change(model, now, rows=rows, is_guarded=True)
    with transactions.guarded() as callbacks:
        result = act(changing)
        if not changing.save():
            note(Rare.GUARD_REFUSED)
            callbacks.clear()
            return False, None
    session.keep(changing.model, changing.alive())
    return True, result


def _compared(
    session: Session, now: datetime, act: Callable[[Change], Result]
) -> tuple[bool, Result | None]:
    """Act on what is known under the database's write lock, if the run is unchanged."""
    model, rows = session.take()
    with transactions.write():
        if change_readers.REVISION.find(model.pk).revision != model.revision:
            note(Rare.GUARD_REFUSED)
            return False, None
        changing = Change(model, max(now, clock.now()), rows=rows)
        result = act(changing)
        changing.save()
    session.keep(changing.model, changing.alive())
    return True, result


class _Left(Exception):
    """The block found that there is nothing to change."""


def leave() -> NoReturn:
    """Leave the block of `change` without writing anything."""
    raise _Left
