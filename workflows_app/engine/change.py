"""One transaction on one run: its lock, the planner's view of it, and the writing at the end.

Lock order everywhere: the run's row first, then its steps. Whoever holds a `Change` is the only
writer of that run; statuses, counts, log and hooks agree when it is saved.
"""

import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Final, NoReturn

from workflows_app.definition import Graph, Node, registry
from workflows_app.engine import clock, payloads, ports, transactions
from workflows_app.engine.claims import HOOK
from workflows_app.engine.log import Log
from workflows_app.jsontext import Raw
from workflows_app.models import Run, StepSnapshot, statements
from workflows_app.models import run as run_fields
from workflows_app.models import step as step_fields
from workflows_app.models.step import StepQuerySet
from workflows_app.planner.statuses import ENDED, SETTLED, STEP_ENDED, RunStatus, StepStatus
from workflows_app.planner.view import Row, RunView

#: Hints that one change gives: who takes one step looks for the next by itself.
MOST_HINTS: Final = 256
#: Payload columns that every change needs.
_NEEDED: Final = {"state", "request_context", "answers_ahead", "tracing"}
_LOCKED: Final = statements.Reader(
    Run, "pk", leaving=[name for name in run_fields.PAYLOAD_FIELDS if name not in _NEEDED]
)
_BY_PATH: Final = statements.Reader(
    StepSnapshot,
    "run",
    leaving=step_fields.PAYLOAD_FIELDS,
    and_where="AND path = %s AND superseded_on IS NULL",
)
_BY_KEY: Final = statements.Reader(StepSnapshot, "pk", leaving=step_fields.PAYLOAD_FIELDS)
_WRITTEN: Final = (
    "status", "ending", "timeline", "revision", "event_seq", "active_count", "waiting_count",
    "suspended_count", "paused_count", "hooks_pending", "cancel_requested_at", "canceled_by",
    "started_at", "settled_at", "ended_at", "started_by", "allowance",
)  # fmt: skip


class Change:
    """A run under its lock; also the planner's `View` of it."""

    def __init__(self, run: Run, now: datetime) -> None:
        self.model = run
        self.now = now
        self.log = Log(run)
        self.status = RunStatus(run.status)
        self._before = self.status
        self._rows: dict[str, StepSnapshot] = {}
        self._paths: dict[int, str] = {}
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
        container = self._rows.get(path) or self.previous(path)
        return StepSnapshot.objects.current().filter(parent=container.pk)

    # The same, as models.

    def snapshot(self, path: str) -> StepSnapshot:
        """Return the current snapshot at `path`."""
        if path not in self._rows:
            self.remember(_BY_PATH.get(self.model.pk, path))
        return self._rows[path]

    def open_snapshots(self) -> list[StepSnapshot]:
        """Return every snapshot that has not ended, in order of its making."""
        if self._open is None:
            ended = [status.value for status in STEP_ENDED]
            steps = StepSnapshot.objects.current().light().filter(run=self.model.pk)
            found = steps.exclude(status__in=ended).exclude(kind=HOOK).order_by("pk")
            self._open = [self.remember(step) for step in found]
        return [step for step in self._open if step.status not in STEP_ENDED]

    def remember(self, step: StepSnapshot) -> StepSnapshot:
        """Keep one object a snapshot in this transaction; return the one kept."""
        kept = self._rows.setdefault(step.path, step)
        self._paths[kept.pk] = kept.path
        return kept

    def forget(self, step: StepSnapshot) -> None:
        """Note that a snapshot is left to the timelines before this one."""
        self._previous[step.path] = step
        self._rows.pop(step.path, None)
        self.outputs.pop(step.path, None)

    def previous(self, path: str) -> StepSnapshot:
        """Return the snapshot at `path` that the new timeline replaces."""
        if path not in self._previous:
            left = StepSnapshot.objects.filter(
                run=self.model.pk, path=path, superseded_on=self.model.timeline
            )
            self._previous[path] = left.light().latest("pk")
        return self._previous[path]

    def adopt(self, old: StepSnapshot, new: StepSnapshot) -> None:
        """Let the parts of one container be those of another."""
        StepSnapshot.objects.current().filter(parent=old.pk).update(parent=new)
        for step in self._rows.values():
            if step.parent_id == old.pk:
                step.parent_id = new.pk

    def forget_all(self) -> None:
        """Forget every snapshot in hand: many have changed at once."""
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
        if step.parent_id not in self._paths:
            self.remember(_BY_KEY.get(step.parent_id))
        return self._paths[step.parent_id]

    # The end.

    def save(self) -> None:
        """Derive the run's status, settle it if nothing goes on, and write run and log."""
        run = self.model
        self.status = self._derive()
        if self.status in SETTLED and self.status is not self._before:
            self._settle()
        run.status = self.status.value
        run.revision += 1
        self.log.write(self.now)
        fields = {name: getattr(run, name) for name in (*_WRITTEN, *self._dirty)}
        statements.update(Run, run.pk, fields)
        self.is_saved = True
        self._tell()

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
        hook = StepSnapshot.objects.create(
            run=self.model,
            path=f"${HOOK}-{seq}",
            base_path=f"${HOOK}",
            kind=HOOK,
            timeline=self.model.timeline,
            payload={"seq": seq, "status": self.status.value},
            queued_at=self.now,
        )
        self.model.hooks_pending += 1
        self.woken.append(hook)

    def _tell(self) -> None:
        run, seq = self.model.pk, self.model.event_seq
        transactions.after_commit(lambda: ports.notifier().published(run, seq))
        hinted = self.woken[:MOST_HINTS]
        if wakes := [ports.Wake(s.pk, run, s.queue, s.wake_at) for s in hinted]:
            transactions.after_commit(lambda: ports.wake(wakes))


def lock(run: uuid.UUID) -> Run:
    """Lock a run's row and return it, without the payload columns that no change needs.

    Raises `Run.DoesNotExist` when it was deleted.
    """
    locked: Run = _LOCKED.get(run, lock=True)
    return locked


@contextmanager
def change(run: uuid.UUID, now: datetime) -> Iterator[Change]:
    """Open a transaction on a run and save what was changed when the block ends.

    If the block raises, nothing is written. If it calls `leave`, nothing is written either.
    """
    try:
        with transactions.write():
            locked = lock(run)
            # The lock may have been waited for, and times in the log follow its numbers.
            changing = Change(locked, max(now, clock.now()))
            yield changing
            changing.save()
    except _Left:
        return


class _Left(Exception):
    """The block found that there is nothing to change."""


def leave() -> NoReturn:
    """Leave the block of `change` without writing anything."""
    raise _Left
