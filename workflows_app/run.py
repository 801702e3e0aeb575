"""`Run`: one execution of a workflow, its data, and the verbs that act on it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from workflows_app import calling, errors, permissions, results, targets, why_waiting
from workflows_app.definition.builder import In, Out
from workflows_app.engine.host import clock, transactions
from workflows_app.engine.run import audit, deadlines, deleting, holds, payloads, timelines
from workflows_app.engine.verbs import creating
from workflows_app.jsontext import loads_shown
from workflows_app.models import Run as RunRow
from workflows_app.models import StepSnapshot
from workflows_app.run_twins import Twins
from workflows_app.stream import StreamEvent, read_events
from workflows_app.threads import blocking

if TYPE_CHECKING:
    import uuid
    from datetime import datetime

    from workflows_app.engine.run.holds import Halt
    from workflows_app.models import RunDeadline
    from workflows_app.results import StepResult, WorkflowResult
    from workflows_app.workflow import Workflow


class Run(Twins[In, Out]):
    """One execution of a workflow. Its attributes are as last read; `refresh()` reads them again.

    Follows the reference `Run` class: start, resume, stream, cancel, restart, time travel, in
    Python and distributed. The verbs are in `run_verbs.Verbs`, their async twins in
    `run_twins.Twins`.
    """

    def __init__(self, workflow: Workflow[In, Out], row: RunRow, *, is_new: bool = False) -> None:
        """Wrap a row; use `Workflow.create_run` and `Workflow.get_run`."""
        self.workflow = workflow
        #: Whether the call that returned this made the run, and did not find it.
        self.is_new = is_new
        self._row = row
        self._written = None

    @classmethod
    def unwritten(
        cls, workflow: Workflow[In, Out], run_id: str | None, resource_id: str | None
    ) -> Self:
        """Return a new run that gets its row when it is started: one commit instead of two.

        For doors that create and start in one. Only `start` may be called before. Raises InvalidId,
        InvalidInput.
        """
        about = calling.text(resource_id, "resource_id", "create_run()", most=255)
        return cls(workflow, creating.unwritten(workflow, run_id, about), is_new=True)

    def __repr__(self) -> str:
        return f"<Run {self.run_id} of {self.workflow_id}: {self.status}>"

    # As last read.

    def as_begun(self) -> RunRow | None:
        """Return the row as its start wrote it, if a worker took the first step; else None."""
        return self._row if self.is_taken else None

    @property
    def pk(self) -> uuid.UUID:
        """The key of the run's row."""
        return self._row.pk

    @property
    def run_id(self) -> str:
        """The run's id."""
        return self._row.run_id

    @property
    def workflow_id(self) -> str:
        """The id of its workflow."""
        return self._row.workflow_id

    @property
    def resource_id(self) -> str | None:
        """What the run is about, as given to `create_run`."""
        return self._row.resource_id

    @property
    def unique_key(self) -> str | None:
        """The unique key with which it was created, or None."""
        return self._row.unique_key

    @property
    def status(self) -> str:
        """The run's status: one of the run statuses.

        If a verb let it continue inside `transaction.atomic()`, it is `pending` until the commit,
        and the status before if the transaction is rolled back.
        """
        return transactions.status_of(self._row, self._written)

    @property
    def request_context(self) -> dict[str, Any]:
        """The current request context."""
        context: dict[str, Any] = self._row.request_context
        return context

    @property
    def trace_id(self) -> str | None:
        """The trace that the run belongs to, if any."""
        return self._row.trace_id or None

    @property
    def origin(self) -> str | None:
        """The id of the run that this fork or rerun came from, else None."""
        return self._row.origin

    @property
    def timeline(self) -> int:
        """The number of the current timeline, from 1."""
        return self._row.timeline

    @property
    def hold(self) -> Halt | None:
        """Who holds the run (`reason`, `actor`, `at`), as it stands now; None if nobody does."""
        return holds.of(self._row)

    @property
    def deadline(self) -> RunDeadline | None:
        """The deadline of the run as it stands now; None if it has none.

        It has `after`, `then`, `while_suspended`, `warn_after`, `began_at`, `warns_at`, `ends_at`
        (None while it does not count), `warned_at` and `passed_at`.
        """
        return deadlines.of(self._row)

    @property
    def ended_reason(self) -> str | None:
        """Why it was canceled: what somebody said, `expired`, `deadline`, or None."""
        return self._row.ended_reason or None

    @property
    def why_waiting(self) -> list[dict[str, Any]]:
        """What the run waits for now, first what comes first; empty while a step of it runs.

        Each is a dict with `kind` (such as hold, answer, sleep, retry or queue), `text`, `until`
        (a datetime or None) and `holders` (run ids).
        """
        row = self.refresh()._row  # noqa: SLF001 - our own
        return why_waiting.of_runs([row]).get(row.pk, [])

    @property
    def created_at(self) -> datetime:
        """When the run was created; aware, UTC."""
        return self._row.created_at

    @blocking
    def refresh(self) -> Self:
        """Read the run again. Raises RunNotFound when it was deleted."""
        self._row, self.is_taken = creating.find(self.workflow, self.run_id), False
        if self._written is not None and not self._written.is_open():
            self._written = None
        return self

    # Looking back.

    @blocking
    def result(self, *, include_state: bool = False) -> WorkflowResult:
        """Return the current result."""
        return results.build(self.pk, include_state=include_state, include_resume_labels=True)

    @property
    def steps(self) -> dict[str, StepResult]:
        """The results of the steps by path. On an event loop: `(await run.aresult()).steps`."""
        return results.step_results(results.visible(self.pk), self.refresh().timeline)

    @blocking
    def suspended_steps(self) -> list[dict[str, Any]]:
        """Return the steps that wait for an answer.

        Each is a dict with `id`, `path`, `suspension`, `suspend_payload`, `resume_labels` and
        `resume_schema`.
        """
        return [self._question(step) for step in results.suspended_steps(self.pk)]

    def _question(self, step: StepSnapshot) -> dict[str, Any]:
        node = self.workflow.tree.nodes.get(step.base_path)
        asks = node.step if node is not None else None
        schema = None if asks is None else asks.answer_schema(is_used_up=step.is_used_up)
        return {
            "id": node.key if node is not None else step.name,
            "path": step.path,
            "suspension": str(step.suspension),
            "suspend_payload": step.suspend_payload,
            "resume_labels": step.resume_labels,
            "resume_schema": schema,
        }

    @blocking
    def resume_labels(self) -> dict[str, dict[str, Any]]:
        """Return the labels of suspended steps, and which step each one means."""
        return results.labels_of(results.suspended_steps(self.pk))

    @blocking
    def step_output(self, path: Any) -> Any:
        """Return the output of a step. Raises StepNotFound if the run has no record of it."""
        return loads_shown(payloads.output_of(self._step(path)))

    @blocking
    def step_payload(self, path: Any) -> Any:
        """Return the input of a step. Raises StepNotFound if the run has no record of it."""
        return loads_shown(payloads.payload_of(self._step(path)))

    def _step(self, path: Any) -> StepSnapshot:
        named = targets.name_in(self.workflow, path)
        step = StepSnapshot.objects.current().light().filter(run=self.pk, path=named).first()
        if step is None:
            raise errors.StepNotFound(
                f"Run {self.run_id!r} has no record of step {named!r}; it was not reached, or the "
                "workflow has no such step."
            )
        return step

    @blocking
    def timelines(self) -> list[results.RunTimeline]:
        """Return the timelines of the run, oldest first, the current one last.

        A retry and a time travel each begin one; what they replaced stays readable here.
        """
        return [results.RunTimeline.of(row) for row in timelines.listed(self.pk)]

    @blocking
    def events(self, after: int = 0) -> list[StreamEvent]:
        """Return the recorded events after number `after`, oldest first."""
        after = calling.whole_number(after, "after", "events()")
        return read_events(self.pk, after)

    @blocking
    def delete(self, *, actor: Any = None, door: str = "") -> None:
        """Delete the run with its steps and events. Raises RunStillRunning while it is active.

        The audit trail stays, and names `actor` as the one who deleted it. Raises NotPermitted.
        """
        permissions.require(self.workflow, actor, self._row)
        with transactions.write():
            deleted = deleting.delete([self.pk])
            if deleted:
                audit.record_deletion(self._row, clock.now(), actor, door)
        if not deleted and RunRow.objects.filter(pk=self.pk).exists():
            raise errors.RunStillRunning(
                f"Run {self.run_id!r} is active and cannot be deleted; cancel it first."
            )
