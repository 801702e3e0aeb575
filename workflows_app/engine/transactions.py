"""Short write transactions, and what is to happen once they are committed.

On SQLite one lock for the process stands before the database's own, whose waiting is unfair and
can take seconds. Blocks that Django's `TestCase` opened are not transactions in this sense:
what is written inside them is as good as committed for the caller, and for nobody else.
"""

import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from django.db import transaction

from workflows_app import errors
from workflows_app.models import Run
from workflows_app.models.sqltext import connection_here
from workflows_app.planner.statuses import ACTIVE, RunStatus

_sqlite_writers = threading.RLock()
_local = threading.local()


def is_inside_user_transaction() -> bool:
    """Return whether the caller has an open `transaction.atomic()` of its own."""
    blocks = connection_here().atomic_blocks
    return any(not getattr(block, "_from_testcase", False) for block in blocks)


def is_inside_testcase() -> bool:
    """Return whether all this connection writes is seen by this thread alone, for a test."""
    return connection_here().in_atomic_block and not is_inside_user_transaction()


def refuse_waiting(
    what: str, advice: str = "Call it with wait=False, or after the transaction."
) -> None:
    """Raise WaitInsideTransaction where the caller has an open transaction of its own."""
    if is_inside_user_transaction():
        raise errors.WaitInsideTransaction(
            f"{what} would wait inside an open transaction, whose writes no worker can see. "
            + advice
        )


@contextmanager
def write() -> Iterator[None]:
    """Open one write transaction; callbacks given to `after_commit` run when it is committed.

    Inside another one it joins that one. If it raises, the callbacks are dropped.
    """
    if getattr(_local, "callbacks", None) is not None:
        yield
        return
    with guarded(), _single_writer(), transaction.atomic():
        yield


@contextmanager
def guarded() -> Iterator[list[Callable[[], object]]]:
    """Collect the callbacks given to `after_commit` while the block runs, and run them after it.

    For what is written in one statement, or in a transaction that the block opens. If the block
    raises they are dropped; it may also clear the list.
    """
    callbacks: list[Callable[[], object]] = []
    _local.callbacks = callbacks
    try:
        yield callbacks
    finally:
        _local.callbacks = None
    for callback in callbacks:
        _run_when_committed(callback)


def after_commit(callback: Callable[[], object]) -> None:
    """Call `callback` once what was written so far is committed; at once if it is."""
    callbacks: list[Callable[[], object]] | None = getattr(_local, "callbacks", None)
    if callbacks is not None:
        callbacks.append(callback)
    else:
        _run_when_committed(callback)


def _run_when_committed(callback: Callable[[], object]) -> None:
    if is_inside_user_transaction():
        transaction.on_commit(callback)
    else:
        callback()


class Written:
    """Stands among what waits for the commit, for a run that a verb wrote to in a transaction.

    Django drops it with what was written, also when only a savepoint is rolled back.
    """

    def __init__(self, run: uuid.UUID, before: str, *, goes_on: bool) -> None:
        """`before`: the run's status before the verb; `goes_on`: it is to go on from there."""
        self.run = run
        self.before = before
        self.goes_on = goes_on
        self._is_committed = False

    def __call__(self) -> None:
        """Know that what was written stays; workers are woken by themselves."""
        self._is_committed = True

    def is_open(self) -> bool:
        """Return whether the transaction may still be committed, or rolled back."""
        return any(call is self for _, call, *_ in connection_here().run_on_commit)

    def is_undone(self) -> bool:
        """Return whether it was rolled back."""
        return not self._is_committed and not self.is_open()


def note_written(run: uuid.UUID, before: str, *, goes_on: bool) -> Written | None:
    """Note that a verb wrote to a run, which nobody else sees before the caller commits."""
    if not is_inside_user_transaction():
        return None
    written = Written(run, before, goes_on=goes_on)
    transaction.on_commit(written)
    return written


def awaiting_commit() -> set[uuid.UUID]:
    """Return the runs that verbs let go on in the caller's transaction, which is still open."""
    here = connection_here()
    if not here.in_atomic_block or not is_inside_user_transaction():
        return set()
    calls = [call for _, call, *_ in here.run_on_commit]
    return {call.run for call in calls if isinstance(call, Written) and call.goes_on}


def status_of(run: Run, written: Written | None = None) -> str:
    """Return a run's status as the caller is to see it: `pending` before the commit.

    `written`: by the caller, since when the run was read; rolled back, the run is as before.
    """
    if written is not None and written.is_undone():
        return written.before
    is_pending = run.status in ACTIVE and run.pk in awaiting_commit()
    return RunStatus.PENDING.value if is_pending else run.status


@contextmanager
def _single_writer() -> Iterator[None]:
    connection = connection_here()
    if connection.vendor != "sqlite" or connection.in_atomic_block:
        yield
        return
    with _sqlite_writers:
        yield
