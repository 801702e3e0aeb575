"""Short write transactions, and callbacks after their commit.

On SQLite, threads first take a lock of the process, because waiting for the database's own lock is
unfair and can take seconds. Blocks opened by Django's `TestCase` do not count as transactions: for
the caller, and only for the caller, writes inside them are as good as committed.
"""

import hashlib
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, TypeVar

from django.db import connections, transaction

from workflows_app import errors
from workflows_app.models import Run
from workflows_app.models.sqltext import alias, connection_here
from workflows_app.planner.statuses import ACTIVE, RunStatus

V = TypeVar("V", bound=Callable[..., object])

#: The modes of SQLite's transactions that take the write lock first.
FIRST: Final = frozenset({"IMMEDIATE", "EXCLUSIVE"})

_sqlite_writers = threading.RLock()
_local = threading.local()


class _Atomic(transaction.Atomic):
    """A transaction that takes SQLite's write lock when it begins, whatever a host's settings say.

    One that reads first and then writes fails at once with "database is locked" if somebody else
    wrote in between; this one waits for the lock instead.
    """

    def __enter__(self) -> None:
        connection: Any = connections[alias()]
        if connection.vendor != "sqlite" or connection.in_atomic_block:
            super().__enter__()
            return
        connection.ensure_connection()  # reads the mode from the settings
        mode = connection.transaction_mode
        connection.transaction_mode = mode if mode in FIRST else "IMMEDIATE"
        try:
            super().__enter__()
        finally:
            connection.transaction_mode = mode


def atomic() -> transaction.Atomic:
    """Return `transaction.atomic()` for the database of the runs."""
    return _Atomic(alias(), savepoint=True, durable=False)


def by_itself(view: V) -> V:
    """Mark a view that `ATOMIC_REQUESTS` must not wrap: its verbs commit by themselves.

    Django cannot wrap async views, and a request that waits must not hold a transaction open.
    """
    for each in connections:
        view = transaction.non_atomic_requests(using=each)(view)
    return view


def is_inside_user_transaction() -> bool:
    """Return whether the caller has an open `transaction.atomic()` of its own."""
    blocks = connection_here().atomic_blocks
    return any(not getattr(block, "_from_testcase", False) for block in blocks)


def is_inside_testcase() -> bool:
    """Return whether a test makes this connection's writes invisible to other threads."""
    return connection_here().in_atomic_block and not is_inside_user_transaction()


def refuse_waiting(
    what: str, advice: str = "Call it with wait=False, or after the transaction."
) -> None:
    """Raise WaitInsideTransaction if the caller has an open transaction of its own."""
    if is_inside_user_transaction():
        raise errors.WaitInsideTransaction(
            f"{what} would wait inside an open transaction, whose writes no worker can see. "
            + advice
        )


@contextmanager
def write() -> Iterator[None]:
    """Open one write transaction; callbacks given to `after_commit` run once it is committed.

    Inside another transaction it joins that one. If it raises, the callbacks are dropped.
    """
    if getattr(_local, "callbacks", None) is not None:
        yield
        return
    with guarded(), _single_writer(), atomic():
        yield


@contextmanager
def guarded() -> Iterator[list[Callable[[], object]]]:
    """Collect the callbacks given to `after_commit` while the block runs, and run them after it.

    For writes in one statement, or in a transaction that the block opens. If the block raises, the
    callbacks are dropped; the block may also clear the list.
    """
    callbacks: list[Callable[[], object]] = []
    _local.callbacks = callbacks
    try:
        yield callbacks
    finally:
        _local.callbacks = None
    for callback in callbacks:
        _run_when_committed(callback)


def lock_text(text: str) -> None:
    """Keep others out of what this text names, until the commit of the open transaction.

    On SQLite a transaction has the database to itself.
    """
    connection = connection_here()
    if connection.vendor != "postgresql":
        return
    number = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big", signed=True)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [number])


def after_commit(callback: Callable[[], object]) -> None:
    """Call `callback` once the writes so far are committed; at once if they are."""
    callbacks: list[Callable[[], object]] | None = getattr(_local, "callbacks", None)
    if callbacks is not None:
        callbacks.append(callback)
    else:
        _run_when_committed(callback)


def _run_when_committed(callback: Callable[[], object]) -> None:
    if is_inside_user_transaction():
        transaction.on_commit(callback, using=alias())
    else:
        callback()


class CommitWatch:
    """A callback for the commit that says whether a verb's writes to a run were committed.

    Django drops the callback with the writes, also if only a savepoint is rolled back.
    """

    def __init__(self, run: uuid.UUID, before: str, *, goes_on: bool) -> None:
        """`before`: the run's status before the verb; `goes_on`: the verb lets the run continue."""
        self.run = run
        self.before = before
        self.goes_on = goes_on
        self._is_committed = False

    def __call__(self) -> None:
        """Note the commit; other callbacks wake the workers."""
        self._is_committed = True

    def is_open(self) -> bool:
        """Return whether the transaction may still be committed, or rolled back."""
        return any(call is self for _, call, *_ in connection_here().run_on_commit)

    def is_undone(self) -> bool:
        """Return whether it was rolled back."""
        return not self._is_committed and not self.is_open()


def note_written(run: uuid.UUID, before: str, *, goes_on: bool) -> CommitWatch | None:
    """Note that a verb wrote to a run in the caller's transaction, if there is one."""
    if not is_inside_user_transaction():
        return None
    written = CommitWatch(run, before, goes_on=goes_on)
    transaction.on_commit(written, using=alias())
    return written


def awaiting_commit() -> set[uuid.UUID]:
    """Return the runs that verbs let continue in the caller's open transaction."""
    here = connection_here()
    if not here.in_atomic_block or not is_inside_user_transaction():
        return set()
    calls = [call for _, call, *_ in here.run_on_commit]
    return {call.run for call in calls if isinstance(call, CommitWatch) and call.goes_on}


def status_of(run: Run, written: CommitWatch | None = None) -> str:
    """Return a run's status as the caller sees it: `pending` before the commit.

    `written`: the caller's write since the run was read; if it was rolled back, the status before
    it counts.
    """
    if written is not None and written.is_undone():
        return written.before
    is_pending = run.status in ACTIVE and run.pk in awaiting_commit()
    return RunStatus.PENDING.value if is_pending else run.status


@contextmanager
def locking() -> Iterator[None]:
    """Open a transaction that locks rows, or on SQLite the whole file."""
    with _single_writer(), atomic():
        yield


@contextmanager
def of_one_move() -> Iterator[None]:
    """Make a move atomic: on PostgreSQL it is one statement, on SQLite several."""
    if connection_here().vendor == "postgresql":
        yield
    else:
        with locking():
            yield


@contextmanager
def _single_writer() -> Iterator[None]:
    connection = connection_here()
    if connection.vendor != "sqlite" or connection.in_atomic_block:
        yield
        return
    with _sqlite_writers:
        yield
