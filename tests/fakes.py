"""Doubles: a run in memory that applies the planner's decisions without a database."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from workflows_app.planner import decisions as d
from workflows_app.planner.statuses import ENDED, MOVES, STEP_ENDED, RunStatus, StepStatus
from workflows_app.planner.view import HELD, Row, RunView

S = StepStatus

#: The count of the run that includes a row; a running row only while a worker holds it.
COUNTED = {
    S.QUEUED: "active",
    S.RUNNING: "active",
    S.WAITING: "waiting",
    S.SUSPENDED: "suspended",
    S.PAUSED: "paused",
}


@dataclass
class Board:
    """A run in memory: the planner's view of it, and the effect of its decisions.

    Like the database it refuses moves that are not in the table of moves.
    """

    rows: dict[str, Row] = field(default_factory=dict)
    run: RunView = field(default_factory=RunView)
    finished: RunStatus | None = None
    #: Rows of earlier timelines.
    superseded: list[Row] = field(default_factory=list)

    # The planner's view.

    def row(self, path: str) -> Row:
        """Return the row at `path`."""
        return self.rows[path]

    def find(self, path: str) -> Row | None:
        """Return the row at `path`, or None."""
        return self.rows.get(path)

    def open_rows(self) -> Sequence[Row]:
        """Return the rows that have not ended."""
        return [row for row in self.rows.values() if row.status not in STEP_ENDED]

    def unsuccessful_parts(self, path: str) -> Sequence[Row]:
        """Return the parts of a container that have not succeeded."""
        return [r for r in self._parts(path) if r.status is not S.SUCCESS]

    def count_succeeded(self, path: str) -> int:
        """Return how many parts of a container have succeeded."""
        return len([r for r in self._parts(path) if r.status is S.SUCCESS])

    def _parts(self, path: str) -> list[Row]:
        found = [row for row in self.rows.values() if row.parent == path]
        return sorted(found, key=lambda row: row.position)

    # What a test does.

    def having(self, status: StepStatus, *, is_held: bool = False) -> list[Row]:
        """Return the rows with this status, held by a worker or not."""
        return [r for r in self.rows.values() if r.status is status and r.is_held is is_held]

    def claim(self, path: str) -> None:
        """Let a worker take a queued step."""
        self._move(path, S.RUNNING, is_held=True)

    def resume(self, path: str) -> None:
        """Answer a suspended step, or let a paused one go; of a held run, an answered one waits."""
        self._count_out(self.rows[path])
        self._move(path, S.PAUSED if self.run.is_stopped else S.QUEUED)
        self._count("paused" if self.run.is_stopped else "active", 1)

    def hold(self) -> None:
        """Let nothing of the run start any more."""
        self.run = replace(self.run, allowance=HELD)
        for row in self.having(S.QUEUED):
            self._count_out(row)
            self._move(row.path, S.PAUSED)
            self._count("paused", 1)

    def let_on(self) -> None:
        """End the hold, and let go of all that waits for that."""
        self.run = replace(self.run, allowance=None)
        for row in self.having(S.PAUSED):
            self.resume(row.path)

    def begin_again(self) -> None:
        """Let a run that has ended continue on a new timeline."""
        assert self.finished in ENDED
        self.finished = None
        self.run = RunView()

    def apply(self, decided: Iterable[d.Decision]) -> None:
        """Do what the planner decided, in order."""
        for decision in decided:
            assert self.finished is None, f"{decision} after the end"
            self._apply(decision)

    def _apply(self, decision: d.Decision) -> None:  # noqa: C901, PLR0912, PLR0915 - one case each
        match decision:
            case d.QueueStep(path, base_path, kind, parent):
                status = S.PAUSED if decision.is_paused else S.QUEUED
                position = decision.position
                self._add(Row(path, base_path, kind, status, parent, position=position))
            case d.QueueItems(container, base_path, kind, first, end):
                status = S.PAUSED if decision.is_paused else S.QUEUED
                assert self.rows[container].opened == first < end, "items begin in order"
                for index in range(first, end):
                    path = f"{container}[{index}]"
                    self._add(Row(path, base_path, kind, status, container, position=index))
                self._change(container, opened=end)
            case d.StartSleep(path, base_path, kind, parent):
                self._add(Row(path, base_path, kind, S.WAITING, parent))
            case d.Wait(path):
                self._count_out(self.rows[path])
                self._move(path, S.WAITING, is_held=False)
                self._count("waiting", 1)
            case d.OpenContainer():
                self._open(decision)
            case d.BecomeContainer(path, unfinished):
                self._count_out(self.rows[path])
                self._change(
                    path,
                    is_held=False,
                    unfinished=unfinished,
                    opened=decision.opened,
                    total=decision.total,
                    concurrency=decision.concurrency,
                )
            case d.AskLoop(path):
                self._move(path, S.PAUSED if decision.is_paused else S.QUEUED)
                self._count("paused" if decision.is_paused else "active", 1)
            case d.RecordResult(path, status):
                self._count_out(self.rows[path])
                self._move(path, status, is_held=False)
            case d.RecordSuspension(path):
                self._count_out(self.rows[path])
                self._move(path, S.SUSPENDED, is_held=False)
                self._count("suspended", 1)
            case d.RetryStep(path, retry_count):
                if decision.is_paused:
                    self._count("active", -1)
                    self._count("paused", 1)
                target = S.PAUSED if decision.is_paused else S.QUEUED
                self._move(path, target, is_held=False, retry_count=retry_count)
            case d.CountPart(path):
                self._change(path, unfinished=self.rows[path].unfinished - 1)
            case d.CancelSteps(paths):
                self._cancel(paths)
            case d.Supersede(path):
                self.superseded.append(self.rows.pop(path))
            case d.SupersedeAllBut(kept):
                left = [row for row in self.rows.values() if row.base_path not in kept]
                self.superseded += left
                self.rows = {p: row for p, row in self.rows.items() if row.base_path in kept}
            case d.Adopt():
                pass  # parents are paths here, so the parts have the new one already
            case d.GiveResult(path, base_path, kind, parent, status):
                self._add(Row(path, base_path, kind, status, parent, position=decision.position))
            case d.EndContainer(path):
                self._change(path, ending=S.FAILED.value)
            case d.SetEnding(status):
                self.run = replace(self.run, ending=status.value)
            case d.FinishRun(status):
                self.finished = status

    def _open(self, decision: d.OpenContainer) -> None:
        self._add(
            Row(
                decision.path,
                decision.base_path,
                decision.kind,
                S.RUNNING,
                decision.parent,
                unfinished=decision.unfinished,
                total=decision.total,
                concurrency=decision.concurrency,
                opened=decision.opened,
                position=decision.position,
            )
        )

    def _cancel(self, paths: tuple[str, ...]) -> None:
        for path in paths:
            row = self.rows[path]
            assert not row.is_held, f"{path} is being worked on"
            self._count_out(row)
            self._move(path, S.CANCELED)

    def _add(self, row: Row) -> None:
        assert row.path not in self.rows, f"{row.path} was made twice"
        self.rows[row.path] = row
        if row.status in COUNTED and row.status is not S.RUNNING:
            self._count(COUNTED[row.status], 1)
        if row.status is S.QUEUED and row.kind == "step" and self.run.allowance:
            self.run = replace(self.run, allowance=self.run.allowance - 1)

    def _move(self, path: str, status: StepStatus, **changes: Any) -> None:
        assert status in MOVES[self.rows[path].status], f"{self.rows[path]} to {status}"
        self._change(path, status=status, **changes)

    def _change(self, path: str, **changes: Any) -> None:
        self.rows[path] = replace(self.rows[path], **changes)

    def _count_out(self, row: Row) -> None:
        if row.status in COUNTED and (row.is_held or row.status is not S.RUNNING):
            self._count(COUNTED[row.status], -1)

    def _count(self, name: str, change: int) -> None:
        self.run = replace(self.run, **{name: getattr(self.run, name) + change})
