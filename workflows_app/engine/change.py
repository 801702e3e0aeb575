"""One transaction on one run: the planner's view of it, and the writing at the end.

Whoever saves a `Change` was the only writer of that run since it was read: the row is locked
first (lock order everywhere: the run, then its steps), or what was read is guarded by the run's
revision, which rises with every write. Statuses, counts, log and hooks agree when it is saved.
"""

import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, Final, NoReturn, TypeVar

from django.db import models

from workflows_app.definition import Graph, Node, registry
from workflows_app.engine import change_readers, clock, payloads, ports, transactions, versions
from workflows_app.engine.claims import HOOK
from workflows_app.engine.log import Log
from workflows_app.engine.rare import Rare, note
from workflows_app.engine.sessions import Rows, Session
from workflows_app.engine.writes import Writes
from workflows_app.jsontext import Raw
from workflows_app.models import Run, RunEvent, StepSnapshot, statements
from workflows_app.models.fields import step_key
from workflows_app.models.sqltext import connection_here
from workflows_app.models.step import StepQuerySet
from workflows_app.planner.statuses import ENDED, SETTLED, STEP_ENDED, RunStatus, StepStatus
from workflows_app.planner.view import Row, RunView

#: Hints that one change gives: who takes one step looks for the next by itself.
MOST_HINTS: Final = 256


Result = TypeVar("Result")


class Change:
    """A run under its lock; also the planner's `View` of it."""

    def __init__(
        self,
        run: Run,
        now: datetime,
        *,
        rows: Rows | None = None,
        is_guarded: bool = False,
    ) -> None:
        """`is_guarded`: nothing is locked, and all is written in one guarded statement."""
        self.model = run
        self.now = now
        self.log = Log(run)
        self.status = RunStatus(run.status)
        self.writes = Writes()
        self._is_guarded = is_guarded
        self._seen_revision = run.revision
        self._seen = [getattr(run, name) for name in change_readers.WRITTEN]
        self._before = self.status
        self._rows = Rows() if rows is None else rows
        self._also: list[models.Model] = []
        #: Keys of the snapshots that were written at the end.
        self._written: list[int] = []
        #: Paths of the snapshots that came into hand in this change.
        self._met: list[str] = []
        self._open: list[StepSnapshot] | None = None
        self._dirty: set[str] = set()
        self.is_saved = False
        #: Snapshots that this transaction left to earlier timelines, by path.
        self._previous: dict[str, StepSnapshot] = {}
        #: Outputs known in this transaction, by path.
        self.outputs: dict[str, Raw] = {}
        #: The items of foreach entries that were read in this transaction, by path.
        self.lists: dict[str, list[Any]] = {}
        #: Where the run's result stands besides in its own row, if it does.
        self.result_from = ""
        #: Snapshots that became claimable.
        self.woken: list[StepSnapshot] = []

    @property
    def graph(self) -> Graph:
        """The graph of the workflow's definition in this process."""
        return registry.get(self.model.workflow_id).tree

    @cached_property
    def other_version(self) -> int | None:
        """The version of this process's code, if it is not the one that the run began with."""
        version = versions.ensure(registry.get(self.model.workflow_id))
        if version == self.model.version_id:
            return None
        if self.model.later_version_id != version:
            self.model.later_version_id = version
            self.touch("later_version_id")
        return version

    # The planner's view.

    @property
    def run(self) -> RunView:
        """The run's counts, as the planner sees them."""
        run = self.model
        return RunView(
            run.ending,
            run.active_count,
            run.waiting_count,
            run.suspended_count,
            run.paused_count,
            run.allowance,
        )

    def row(self, path: str) -> Row:
        """Return the current snapshot at `path`, as the planner sees it."""
        return self._as_row(self.snapshot(path))

    def open_rows(self) -> Sequence[Row]:
        """Return every snapshot that has not ended."""
        return [self._as_row(step) for step in self.open_snapshots()]

    def find(self, path: str) -> Row | None:
        """Return the current snapshot at `path`, or None when it was not reached."""
        try:
            return self.row(path)
        except StepSnapshot.DoesNotExist:
            return None

    def unsuccessful_parts(self, path: str) -> Sequence[Row]:
        """Return the parts of a container that were opened and have not succeeded, in order."""
        parts = self._parts(path).light().exclude(status=StepStatus.SUCCESS)
        return [self._as_row(self.remember(part)) for part in parts.order_by("position")]

    def count_succeeded(self, path: str) -> int:
        """Return how many parts of a container have succeeded."""
        return self._parts(path).filter(status=StepStatus.SUCCESS).count()

    def _parts(self, path: str) -> StepQuerySet:
        container = self._rows.by_path.get(path) or self.previous(path)
        self.flush()
        return StepSnapshot.objects.current().filter(parent=container.pk)

    # The same, as models.

    def snapshot(self, path: str) -> StepSnapshot:
        """Return the current snapshot at `path`."""
        found = self._rows.by_path.get(path)
        if found is None:
            found = self.remember(change_readers.BY_PATH.get(self.model.pk, path))
        return found

    def open_snapshots(self) -> list[StepSnapshot]:
        """Return every snapshot that has not ended, in order of its making."""
        if self._open is None:
            self.flush()
            ended = [status.value for status in STEP_ENDED]
            steps = StepSnapshot.objects.current().light().filter(run=self.model.pk)
            found = steps.exclude(status__in=ended).exclude(kind=HOOK).order_by("pk")
            self._open = [self.remember(step) for step in found]
        return [step for step in self._open if step.status not in STEP_ENDED]

    def remember(self, step: StepSnapshot) -> StepSnapshot:
        """Keep one object a snapshot in this transaction; return the one kept."""
        self._met.append(step.path)
        return self._rows.add(step)

    def in_hand(self, path: str) -> StepSnapshot | None:
        """Return the snapshot at `path` if it need not be read."""
        return self._rows.by_path.get(path)

    def drop(self, path: str) -> None:
        """Forget the snapshot at `path`, which was written to, or deleted, past this change."""
        self._rows.drop(path)

    def forget(self, step: StepSnapshot) -> None:
        """Note that a snapshot is left to the timelines before this one."""
        self._previous[step.path] = step
        self._rows.by_path.pop(step.path, None)
        self.outputs.pop(step.path, None)

    def previous(self, path: str) -> StepSnapshot:
        """Return the snapshot at `path` that the new timeline replaces."""
        if path not in self._previous:
            self.flush()
            left = StepSnapshot.objects.filter(
                run=self.model.pk, path=path, superseded_on=self.model.timeline
            )
            self._previous[path] = left.light().latest("pk")
        return self._previous[path]

    def adopt(self, old: StepSnapshot, new: StepSnapshot) -> None:
        """Let the parts of one container be those of another."""
        self.flush()
        StepSnapshot.objects.current().filter(parent=old.pk).update(parent=new)
        for step in self._rows.by_path.values():
            if step.parent_id == old.pk:
                step.parent_id = new.pk

    def forget_all(self) -> None:
        """Forget every snapshot in hand: many have changed at once."""
        self.flush()
        self._rows.clear()
        self._open = None
        self.outputs = {
            path: text for path, text in self.outputs.items() if path == payloads.RUN_INPUT
        }

    def begin_with(self, version: int) -> None:
        """Let a run that was never started begin under this version of its workflow."""
        if self.model.version_id != version:
            self.model.version_id = version
            self.touch("version_id")
        self.__dict__.pop("other_version", None)

    def touch(self, *fields: str) -> None:
        """Note that these payload columns of the run changed."""
        self._dirty.update(fields)

    def parent(self, step: StepSnapshot) -> StepSnapshot:
        """Return the container that holds a snapshot, which must have one."""
        return self.snapshot(self._parent_path(step) or "")

    def node(self, step: StepSnapshot) -> Node | None:
        """Return where a snapshot stands in the graph; None when this process does not know."""
        definition = registry.find(self.model.workflow_id)
        return definition.tree.nodes.get(step.base_path) if definition is not None else None

    def _as_row(self, step: StepSnapshot) -> Row:
        return Row(
            path=step.path,
            base_path=step.base_path,
            kind=step.kind,
            status=StepStatus(step.status),
            parent=self._parent_path(step),
            is_held=step.status == StepStatus.RUNNING and step.worker_id is not None,
            ending=step.ending,
            unfinished=step.unfinished,
            retry_count=step.retry_count,
            total=step.total,
            concurrency=step.concurrency,
            opened=step.opened,
            position=step.position,
        )

    def _parent_path(self, step: StepSnapshot) -> str | None:
        if step.parent_id is None:
            return None
        path = self._rows.paths.get(step.parent_id)
        return (
            path
            if path is not None
            else self.remember(change_readers.BY_KEY.get(step.parent_id)).path
        )

    # Writing.

    def insert(self, step: StepSnapshot) -> StepSnapshot:
        """Write a new snapshot at the end, and keep it in hand."""
        if step.pk <= self._rows.newest:
            step.pk = step_key(after=self._rows.newest)
        self.writes.insert(step)
        return self.remember(step)

    def also_insert(self, row: models.Model) -> None:
        """Write a new row of another model at the end."""
        self._also.append(row)

    def write(self, step: StepSnapshot, **fields: Any) -> None:
        """Write columns of a snapshot at the end; in hand they are written at once."""
        self.writes.update(step, fields)

    def move(self, step: StepSnapshot, target: StepStatus, **fields: Any) -> None:
        """Move a snapshot, and write other columns of it. Raises IllegalMove."""
        self.writes.move(step, target, fields)

    def has_new_parts(self, container: StepSnapshot) -> bool:
        """Return whether parts of a container were made that the database does not know yet."""
        return any(step.parent_id == container.pk for step in self.writes.inserts.values())

    def flush(self) -> None:
        """Write what was gathered, before something is read in the database.

        Raises NeedsLock where nothing may be written before the end.
        """
        if not self.writes:
            return
        if self._is_guarded:
            raise NeedsLock
        statements.apart([self.writes.take()])

    def save(self) -> bool:
        """Derive the run's status, settle it if nothing goes on, and write steps, run and log.

        Return whether that was done: False when the run was written to since it was read.
        """
        run = self.model
        self.status = self._derive()
        if self._before in SETTLED and self.status is not self._before:
            self._count_idle()
        if self.status in SETTLED and self.status is not self._before:
            self._settle()
        run.status = self.status.value
        run.revision += 1
        event = self.log.row(self.now)
        changed = (
            name
            for name, seen in zip(change_readers.WRITTEN, self._seen, strict=True)
            if getattr(run, name) != seen
        )
        fields = {name: getattr(run, name) for name in (*changed, *sorted(self._dirty))}
        others = [self.writes.take()]
        self._written = list(others[0].updates)
        if event is not None:
            others.append(statements.Written(RunEvent, {}, [event]))
        others += [statements.Written(type(row), {}, [row]) for row in self._also]
        guard = ("revision", self._seen_revision) if self._is_guarded else None
        self.is_saved = statements.together((run, fields), guard, others)
        if self.is_saved:
            self._tell()
        return self.is_saved

    def alive(self) -> Rows:
        """Return the snapshots in hand that have not ended."""
        rows = self._rows
        for path in self._met:
            step = rows.by_path.get(path)
            if step is not None and step.status in STEP_ENDED:
                rows.drop(path)
        for key in self._written:
            path = rows.paths.get(key, "")
            if path and rows.by_path[path].status in STEP_ENDED:
                rows.drop(path)
        return rows

    # The end.

    def _derive(self) -> RunStatus:
        run = self.model
        if self.status in ENDED or run.started_at is None:
            return self.status
        counts = (
            (run.active_count, RunStatus.RUNNING),
            (run.waiting_count, RunStatus.WAITING),
            (run.suspended_count, RunStatus.SUSPENDED),
        )
        return next((status for count, status in counts if count), RunStatus.PAUSED)

    def _count_idle(self) -> None:
        """Add the time in which the run had settled, which is over."""
        since: datetime | None = self._seen[change_readers.SETTLED_AT]
        if since is not None:
            self.model.idle += max(self.now - since, timedelta())
            self.touch("idle")

    def _settle(self) -> None:
        run = self.model
        run.settled_at = self.now
        if self.status in ENDED:
            run.ended_at = self.now
        if self.status is RunStatus.CANCELED:
            self.log.add("workflow-canceled", {"actor": run.canceled_by or None})
        if self.status is RunStatus.PAUSED:
            self.log.add("workflow-paused", {"actor": None})
        payload = {"status": self.status.value, **self._came_of_it()}
        seq = self.log.add("workflow-finish", payload, {"result": self.result_from})
        self._queue_hooks(seq)

    def _came_of_it(self) -> dict[str, Any]:
        if self.status is RunStatus.SUCCESS:
            return {"result": self.model.result}
        if self.status is RunStatus.FAILED:
            return {"error": self.model.error}
        return {}

    def _queue_hooks(self, seq: int) -> None:
        definition = registry.find(self.model.workflow_id)
        failed = self.status is RunStatus.FAILED
        if definition is None or not (definition.on_finish or (failed and definition.on_error)):
            return
        hook = StepSnapshot(
            run=self.model,
            path=f"${HOOK}-{seq}",
            base_path=f"${HOOK}",
            kind=HOOK,
            timeline=self.model.timeline,
            payload={"seq": seq, "status": self.status.value},
            queued_at=self.now,
        )
        self.model.hooks_pending += 1
        self.woken.append(self.insert(hook))

    def _tell(self) -> None:
        run, seq = self.model.pk, self.model.event_seq
        is_settled = self.status in SETTLED and not self.model.hooks_pending
        transactions.after_commit(lambda: ports.published(run, seq, is_settled=is_settled))
        hinted = self.woken[:MOST_HINTS]
        if wakes := [ports.Wake(s.pk, run, s.queue, s.wake_at) for s in hinted]:
            transactions.after_commit(lambda: ports.wake(wakes))


def lock(run: uuid.UUID) -> Run:
    """Lock a run's row and return it, without the payload columns that no change needs.

    Raises `Run.DoesNotExist` when it was deleted.
    """
    locked: Run = change_readers.LOCKED.get(run, lock=True)
    return locked


@contextmanager
def change(run: uuid.UUID, now: datetime) -> Iterator[Change]:
    """Open a transaction on a run and save what was changed when the block ends.

    If the block raises, nothing is written. If it calls `leave`, nothing is written either.
    """
    try:
        with transactions.write():
            changing = _locked(run, now)
            yield changing
            changing.save()
    except _Left:
        return


def _locked(run: uuid.UUID, now: datetime) -> Change:
    # The lock may have been waited for, and times in the log follow its numbers.
    return Change(lock(run), max(now, clock.now()))


def perform(session: Session, now: datetime, act: Callable[[Change], Result]) -> Result | None:
    """Call `act` with a change of the session's run and save it; return what it returned.

    First with what the session knows of the run, in one statement and without a lock where that is
    possible; if that fails in any way, or the run was written to meanwhile, anew under the lock.
    None when `act` called `leave`. The caller holds the session's lock.
    """
    connection = connection_here()
    if not connection.in_atomic_block and session.model is not None:
        guarded = _guarded if connection.vendor == "postgresql" else _compared
        try:
            is_done, result = guarded(session, now, act)
        except Exception:  # noqa: BLE001 - what was known may be out of date: the lock tells
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
    """Act on what is known, and write it in one statement if it is still so."""
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
    """Act on what is known, if it is still so under the database's own write lock."""
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


class NeedsLock(Exception):
    """The change must read what it has written, which only a transaction can."""


class _Left(Exception):
    """The block found that there is nothing to change."""


def leave() -> NoReturn:
    """Leave the block of `change` without writing anything."""
    raise _Left
