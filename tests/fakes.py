"""Doubles: a run in memory, to which the planner's decisions are applied without a database."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from workflows_app.planner import decisions as d
from workflows_app.planner.statuses import MOVES, STEP_ENDED, RunStatus, StepStatus
from workflows_app.planner.view import Row, RunView

S = StepStatus


class Board:
    """A run in memory: the planner's view of it, and what its decisions make of it.

    Like the database it refuses a move that the table of moves does not have.
    """

    def __init__(self) -> None:
        self.rows: dict[str, Row] = {}
        self.run = RunView()
        self.finished: RunStatus | None = None

    # The planner's view.

    def row(self, path: str) -> Row:
        """Return the row at `path`."""
        return self.rows[path]

    def open_rows(self) -> Sequence[Row]:
        """Return the rows that have not ended."""
        return [row for row in self.rows.values() if row.status not in STEP_ENDED]

    # What a test does.

    def having(self, status: StepStatus, *, is_held: bool = False) -> list[Row]:
        """Return the rows with this status, held by a worker or not."""
        return [r for r in self.rows.values() if r.status is status and r.is_held is is_held]

    def claim(self, path: str) -> None:
        """Let a worker take a queued step."""
        self._move(path, S.RUNNING, is_held=True)

    def resume(self, path: str) -> None:
        """Answer a suspended step."""
        self._move(path, S.QUEUED)
        self._count(active=1, suspended=-1)

    def apply(self, decided: Iterable[d.Decision]) -> None:
        """Do what the planner decided, in order."""
        for decision in decided:
            assert self.finished is None, f"{decision} after the end"
            self._apply(decision)

    def _apply(self, decision: d.Decision) -> None:  # noqa: C901 - one case a decision
        match decision:
            case d.QueueStep(path, base_path, kind, parent):
                self._add(Row(path, base_path, kind, S.QUEUED, parent))
                self._count(active=1)
            case d.OpenContainer(path, base_path, kind, parent, _, unfinished):
                self._add(Row(path, base_path, kind, S.RUNNING, parent, unfinished=unfinished))
            case d.BecomeContainer(path, unfinished):
                self._change(path, is_held=False, unfinished=unfinished)
                self._count(active=-1)
            case d.RecordResult(path, status):
                self._count_out(self.rows[path])
                self._move(path, status, is_held=False)
            case d.RecordSuspension(path):
                self._move(path, S.SUSPENDED, is_held=False)
                self._count(active=-1, suspended=1)
            case d.RetryStep(path, retry_count):
                self._move(path, S.QUEUED, is_held=False, retry_count=retry_count)
            case d.CountPart(path):
                self._change(path, unfinished=self.rows[path].unfinished - 1)
            case d.CancelSteps(paths):
                self._cancel(paths)
            case d.EndContainer(path):
                self._change(path, ending=S.FAILED.value)
            case d.SetEnding(status):
                self.run = replace(self.run, ending=status.value)
            case d.FinishRun(status):
                self.finished = status

    def _cancel(self, paths: tuple[str, ...]) -> None:
        for path in paths:
            row = self.rows[path]
            assert not row.is_held, f"{path} is being worked on"
            queued, suspended = row.status is S.QUEUED, row.status is S.SUSPENDED
            self._move(path, S.CANCELED)
            self._count(active=-queued, suspended=-suspended)

    def _add(self, row: Row) -> None:
        assert row.path not in self.rows, f"{row.path} was made twice"
        self.rows[row.path] = row

    def _move(self, path: str, status: StepStatus, **changes: object) -> None:
        assert status in MOVES[self.rows[path].status], f"{self.rows[path]} to {status}"
        self._change(path, status=status, **changes)

    def _change(self, path: str, **changes: object) -> None:
        self.rows[path] = replace(self.rows[path], **changes)  # type: ignore[arg-type]

    def _count(self, active: int = 0, suspended: int = 0) -> None:
        self.run = replace(
            self.run, active=self.run.active + active, suspended=self.run.suspended + suspended
        )
