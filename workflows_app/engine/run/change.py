"""One transaction on one run: the planner's view of it, and all writes at the end.

A saved `Change` was the only writer of the run since it was read. Either the row is locked first
(lock order everywhere: the run, then its steps), or the write is guarded by the run's revision,
which rises with every write. Statuses, counts, log and hooks agree once it is saved.
"""

from collections.abc import Sequence
from datetime import datetime
from functools import cached_property
from typing import Any, Final

from django.db import models

from workflows_app.definition import Graph, Node, registry
from workflows_app.engine.host import ports
from workflows_app.engine.run import change_readers, deadlines, payloads, run_status, versions
from workflows_app.engine.run.claims import HOOK
from workflows_app.engine.run.log import Log
from workflows_app.engine.run.sessions import Rows
from workflows_app.engine.run.writes import Writes
from workflows_app.jsontext import Raw
from workflows_app.models import Run, RunEvent, StepSnapshot, statements
from workflows_app.models.fields import step_key
from workflows_app.models.step import StepQuerySet
from workflows_app.planner.statuses import ENDED, SETTLED, STEP_ENDED, RunStatus, StepStatus
from workflows_app.planner.view import Row, RunView

#: Most hints of one change, because a thread that took a step looks for the next by itself.
MOST_HINTS: Final = 256


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
        """`is_guarded`: nothing is locked, and one guarded statement writes everything."""
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
        #: Paths of the snapshots that were read or made in this change.
        self._met: list[str] = []
        self._open: list[StepSnapshot] | None = None
        self._dirty: set[str] = set()
        self.is_saved = False
        #: Snapshots that this transaction superseded, by path.
        self._previous: dict[str, StepSnapshot] = {}
        #: Outputs known in this transaction, by path.
        self.outputs: dict[str, Raw] = {}
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
        """Return every snapshot that has not ended, in order of creation."""
        if self._open is None:
            self.flush()
            ended = [status.value for status in STEP_ENDED]
            steps = StepSnapshot.objects.current().light().filter(run=self.model.pk)
            found = steps.exclude(status__in=ended).exclude(kind=HOOK).order_by("pk")
            self._open = [self.remember(step) for step in found]
        return [step for step in self._open if step.status not in STEP_ENDED]

    def remember(self, step: StepSnapshot) -> StepSnapshot:
        """Keep one object for each snapshot in this transaction, and return it."""
        self._met.append(step.path)
        return self._rows.add(step)

    def in_hand(self, path: str) -> StepSnapshot | None:
        """Return the snapshot at `path` if it is known without a query."""
        return self._rows.by_path.get(path)

    def drop(self, path: str) -> None:
        """Forget the snapshot at `path`, which was changed or deleted by other means."""
        self._rows.drop(path)

    def forget(self, step: StepSnapshot) -> None:
        """Note that a snapshot is superseded."""
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
        """Move the parts of one container to another."""
        self.flush()
        StepSnapshot.objects.current().filter(parent=old.pk).update(parent=new)
        for step in self._rows.by_path.values():
            if step.parent_id == old.pk:
                step.parent_id = new.pk

    def forget_all(self) -> None:
        """Forget every known snapshot, because many have changed at once."""
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
        """Return the node of a snapshot; None if this process does not know it."""
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

    def insert(self, step: StepSnapshot, *, has_key: bool = False) -> StepSnapshot:
        """Write a new snapshot at the end, and keep it in hand.

        `has_key`: its key is known elsewhere; else it gets one above those of the others.
        """
        if not has_key and step.pk <= self._rows.newest:
            step.pk = step_key(after=self._rows.newest)
        self.writes.insert(step)
        return self.remember(step)

    def also_insert(self, row: models.Model) -> None:
        """Write a new row of another model at the end."""
        self._also.append(row)

    def write(self, step: StepSnapshot, **fields: Any) -> None:
        """Write columns of a snapshot at the end, and set them on the object at once."""
        self.writes.update(step, fields)

    def move(self, step: StepSnapshot, target: StepStatus, **fields: Any) -> None:
        """Move a snapshot, and write other columns of it. Raises IllegalMove."""
        self.writes.move(step, target, fields)

    def has_new_parts(self, container: StepSnapshot) -> bool:
        """Return whether the container has new parts that are not in the database yet."""
        return any(step.parent_id == container.pk for step in self.writes.inserts.values())

    def flush(self) -> None:
        """Write what was gathered, before something is read from the database.

        Raises NeedsLock if nothing may be written before the end.
        """
        if not self.writes:
            return
        if self._is_guarded:
            raise NeedsLock
        statements.apart([self.writes.take()])

    def save(self) -> bool:
        """Derive the run's status, settle it if nothing is active, and write steps, run and log.

        Return False, with nothing written, if the run has changed since it was read.
        """
        run = self.model
        self.status = run_status.status_of(run, self.status)
        # A held run that goes on may settle at once with the status that it had.
        is_reopened = run.settled_at is None and self.status in SETTLED
        if self.status is not self._before or is_reopened:
            self._change_status()
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
            hinted = [
                ports.ClaimableStep(s.pk, run.pk, s.queue, s.wake_at)
                for s in self.woken[:MOST_HINTS]
            ]
            run_status.announce(run, self.status, hinted, self.log.events)
        return self.is_saved

    def _change_status(self) -> None:
        self._follow_deadline()
        if self._before in SETTLED and run_status.count_idle(
            self.model, self._seen[change_readers.SETTLED_AT], self.now
        ):
            self.touch("idle")
        if self.status in SETTLED:
            seq = self.log.add(
                *run_status.settle(self.model, self.status, self.now, self.result_from)
            )
            hook = run_status.hook_of(self.model, self.status, seq, self.now)
            if hook is not None:
                self.woken.append(self.insert(hook))

    def _follow_deadline(self) -> None:
        """Let a deadline stop, or go on, if it does not count while the run is suspended."""
        is_suspended = self.status is RunStatus.SUSPENDED
        if not self.model.is_timed or is_suspended is (self._before is RunStatus.SUSPENDED):
            return
        if self._is_guarded:
            raise NeedsLock
        if self.status not in ENDED:
            deadlines.follow(self.model, is_suspended=is_suspended, now=self.now)

    def alive(self) -> Rows:
        """Return the known snapshots that have not ended."""
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


class NeedsLock(Exception):
    """The change must read what it has written, which needs a transaction."""
