"""A handle on a run: what all verbs have in common, such as waking workers and waiting."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import TYPE_CHECKING, Any, Generic, Self

from workflows_app import errors, permissions, results, verb_options
from workflows_app.definition.builder import In, Out
from workflows_app.engine.host import clock, ports, transactions
from workflows_app.engine.host.transactions import is_inside_testcase, refuse_waiting
from workflows_app.engine.run import tracing
from workflows_app.engine.verbs import creating, idle_worker, waiting
from workflows_app.models import Run as RunRow
from workflows_app.planner.statuses import RunStatus

if TYPE_CHECKING:
    import uuid

    from workflows_app.results import WorkflowResult
    from workflows_app.workflow import Workflow


class Handle(Generic[In, Out]):
    """A run as a caller holds it: its row as it was last read, and how a verb acts on it."""

    workflow: Workflow[In, Out]
    _row: RunRow
    #: What a verb of this handle wrote in the caller's transaction since the row was read.
    _written: transactions.CommitWatch | None
    #: Whether the row is as the verb wrote it, and a worker holds the step that it made ready.
    is_taken = False

    if TYPE_CHECKING:

        @property
        def pk(self) -> uuid.UUID: ...

        @property
        def run_id(self) -> str: ...

        def refresh(self) -> Self: ...

        def result(self) -> WorkflowResult: ...

    def _perform(
        self,
        verb: str,
        act: Callable[..., RunRow | None],
        options: Mapping[str, Any],
        *,
        takes_slot: bool = False,
    ) -> WorkflowResult:
        """Act, let the workers know or do the work here, wait, and return the result.

        `act` may return the run's row as it wrote it. With `takes_slot` it also takes the
        idle thread that may begin with the step it makes ready.
        """
        self._forget_undone()
        verb_options.output_options(options.get("output_options"))
        permissions.require(self.workflow, options.get("actor"), self._row)
        if options.get("wait", True):
            refuse_waiting(verb)
            creating.write_down(self.workflow, self._row)  # who waits looks for the row
        given = (options.get("tracing_options"), options.get("tracing_context"))
        with tracing.verb(verb, self._row, *given) as trace:
            return self._perform_traced(partial(act, trace=trace), options, takes_slot=takes_slot)

    def _perform_traced(
        self, act: Callable[..., RunRow | None], options: Mapping[str, Any], *, takes_slot: bool
    ) -> WorkflowResult:
        timeout: float | None = options.get("timeout")
        shown: Sequence[results.Shown] | None = None
        if not options.get("wait", True):
            before = self._row.status
            with _slot(is_wanted=takes_slot and not ports.is_holding_back()) as slot:
                begun = act(slot=slot) if takes_slot else act()
            self._note_written(before, goes_on=True)
            if begun is not None:
                self._row = begun
                self.is_taken = slot is not None and slot.claim is not None
                return results.of(
                    begun, [], **verb_options.output_options(options.get("output_options"))
                )
            self.refresh()
        else:
            with waiting.Expected(self.pk) as expected:
                is_free = timeout is None and idle_worker.may_work_here()
                reserving = _slot(is_wanted=takes_slot, is_waiting=is_free)
                with ports.holding_back() as wakes, reserving as slot:
                    begun = act(slot=slot) if takes_slot else act()
                if begun is not None and begun.status == RunStatus.PENDING:
                    self.refresh()  # its start is kept until somebody lets it begin
                elif not self._is_driven(timeout):
                    ports.wake(wakes)
                    if is_free and slot is not None:
                        slot.work_here()
                    if slot is None or not (shown := self._recalled(slot, begun)):
                        ear = None if slot is None or slot.claim is None else slot.ear
                        shown = self._wait(expected, timeout, begun, ear)
                else:
                    self.refresh()
        return results.of(
            self._row, shown, **verb_options.output_options(options.get("output_options"))
        )

    def _forget_undone(self) -> None:
        """Restore the run's status from before a transaction that was rolled back."""
        last = self._written
        if last is not None and not last.is_open():
            self._row.status = transactions.status_of(self._row, last)
            self._written = None

    def _note_written(self, before: str, *, goes_on: bool) -> None:
        last = self._written
        if last is not None and last.is_open():
            before = last.before
        self._written = transactions.note_written(self.pk, before, goes_on=goes_on)

    def _is_driven(self, timeout: float | None) -> bool:
        """Return whether this thread has run the run's steps; otherwise workers do."""
        if is_inside_testcase() or clock.is_stopped():
            return waiting.go_on_in_test(self.pk, timeout)
        return timeout is None and ports.dispatcher().drive(self.pk)

    def _recalled(
        self, slot: idle_worker.Slot, begun: RunRow | None
    ) -> Sequence[results.Shown] | None:
        """Return the steps of a run that this process worked on from the start, if it has ended."""
        if slot.recall is None or begun is None:
            return None
        known = slot.recall.rows(begun)
        if known is None:
            return None
        self._row, shown = known
        return shown

    def _wait(
        self,
        expected: waiting.Expected,
        timeout: float | None,
        begun: RunRow | None,
        ear: ports.Ear | None,
    ) -> Sequence[results.Shown]:
        """Wait until the run has settled, and return the steps that its result shows.

        `begun`: the run's row as this thread started it, if it did.
        """
        shown: list[results.Shown] = []

        def is_settled() -> bool:
            if begun is not None and (told := expected.known_end(begun)):
                self._row, shown[:] = told
                return True
            try:
                self._row, shown[:] = results.run_and_steps(self.pk)
            except RunRow.DoesNotExist:
                raise errors.RunNotFound(
                    f"Run {self.run_id!r} was deleted; create a new one."
                ) from None
            return waiting.is_settled(self._row)

        expected.wait(timeout, is_settled, ear)
        return shown


def _slot(
    *, is_wanted: bool, is_waiting: bool = False
) -> AbstractContextManager[idle_worker.Slot | None]:
    return idle_worker.slot(is_waiting=is_waiting) if is_wanted else nullcontext()
