"""`Run`: one execution of a workflow, and the verbs that act on it."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Self

from django.db import connection

from workflows_app import conf, errors, results, targets
from workflows_app.engine import payloads, ports, transactions, verbs, waiting
from workflows_app.jsontext import loads
from workflows_app.models import Run as RunRow
from workflows_app.models import StepSnapshot
from workflows_app.planner.statuses import ACTIVE, StepStatus
from workflows_app.stream import RunStream, StreamEvent, read_events
from workflows_app.threads import in_thread

if TYPE_CHECKING:
    from datetime import datetime

    from workflows_app.results import StepResult, WorkflowResult
    from workflows_app.workflow import Workflow


class Run:
    """One execution of a workflow. Its attributes are as last read; `refresh()` reads them again.

    Follows the reference `Run` class: start, resume, stream, cancel, in Python and distributed.
    """

    def __init__(self, workflow: Workflow, row: RunRow) -> None:
        """Wrap a row; use `Workflow.create_run` and `Workflow.get_run`."""
        self.workflow = workflow
        self._row = row

    def __repr__(self) -> str:
        return f"<Run {self.run_id} of {self.workflow_id}: {self.status}>"

    # As last read.

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
    def status(self) -> str:
        """Where the run stands: one of the run statuses."""
        return self._row.status

    @property
    def request_context(self) -> dict[str, Any]:
        """The request context as it stands."""
        context: dict[str, Any] = self._row.request_context
        return context

    @property
    def trace_id(self) -> str | None:
        """The trace that the run belongs to, if any."""
        return self._row.trace_id or None

    @property
    def origin(self) -> str | None:
        """The id of the run that this one was made from, else None."""
        return self._row.origin

    @property
    def timeline(self) -> int:
        """The number of the current timeline, from 1."""
        return self._row.timeline

    @property
    def created_at(self) -> datetime:
        """When the run was created; aware, UTC."""
        return self._row.created_at

    def refresh(self) -> Self:
        """Read the run again. Raises RunNotFound when it was deleted."""
        self._row = verbs.find(self.workflow, self.run_id)
        return self

    # Verbs.

    def start(
        self,
        input_data: Any = None,
        *,
        initial_state: Mapping[str, Any] | None = None,
        request_context: Mapping[str, Any] | None = None,
        output_options: Mapping[str, bool] | None = None,
        actor: Any = None,
        wait: bool = True,
        timeout: float | None = None,
        door: str = "",
    ) -> WorkflowResult:
        """Start the run; return its result once it has settled (`timeout`: seconds).

        Raises InvalidInput, InvalidRequestContext, RunAlreadyStarted, WaitTimeout,
        WaitInsideTransaction; what `on_start` raises. A refusal changes nothing.
        """
        act = partial(
            verbs.start,
            self.workflow,
            self._row,
            input_data,
            initial_state=initial_state,
            request_context=request_context,
            actor=actor,
            door=door,
        )
        return self._perform("start", act, wait, timeout, output_options)

    def resume(
        self,
        resume_data: Any = None,
        *,
        step: Any = None,
        label: str | None = None,
        suspension: str | uuid.UUID | None = None,
        foreach_index: int | None = None,
        retry_count: int | None = None,
        request_context: Mapping[str, Any] | None = None,
        output_options: Mapping[str, bool] | None = None,
        actor: Any = None,
        wait: bool = True,
        timeout: float | None = None,
        door: str = "",
    ) -> WorkflowResult:
        """Answer a suspended step; return the result once the run has settled again.

        Without `step`, `label` or `suspension` the one suspended step is meant. Raises
        MultipleSuspendedSteps, RunNotSuspended, StepNotSuspended, ResumeAlreadyClaimed,
        InvalidResumeData, LabelNotFound, StepNotFound. A refusal changes nothing.
        """
        question = _as_uuid(suspension)

        def act() -> None:
            self.refresh()
            row = self._row
            asked = targets.Asked(step, label, question, foreach_index)
            found = targets.find(self.workflow, row, asked)
            verbs.resume(
                self.workflow,
                row,
                resume_data,
                found,
                suspension=question,
                retry_count=retry_count,
                request_context=request_context,
                actor=actor,
                door=door,
            )

        return self._perform("resume", act, wait, timeout, output_options)

    def cancel(
        self, *, wait: bool = False, actor: Any = None, timeout: float | None = None, door: str = ""
    ) -> dict[str, str]:
        """Cancel the run; return a message at once, or (`wait`) when its running steps ended.

        Nothing new starts; a running step sees its `abort_signal`. A run that has ended is left
        as it is, and the message says so.
        """
        if wait:
            self._refuse_waiting("cancel")
        message = verbs.cancel(self._row, actor=actor, door=door)
        if wait:
            waiting.wait(self.pk, timeout)
        self.refresh()
        return {"message": message}

    def stream(
        self, input_data: Any = None, *, close_on_suspend: bool = True, **options: Any
    ) -> RunStream:
        """Start the run and follow its events; options are those of `start`."""
        return self._begin_stream(
            partial(self.start, input_data, wait=False, **options), close_on_suspend
        )

    def resume_stream(
        self, resume_data: Any = None, *, close_on_suspend: bool = True, **options: Any
    ) -> RunStream:
        """Answer a suspended step and follow what comes of it; options are those of `resume`."""
        return self._begin_stream(
            partial(self.resume, resume_data, wait=False, **options), close_on_suspend
        )

    def observe_stream(self, after: int = 0, *, close_on_suspend: bool = True) -> RunStream:
        """Replay what was recorded after event number `after`, then follow live."""
        return RunStream(self, after, close_on_suspend=close_on_suspend)

    # Looking back.

    def result(self, *, include_state: bool = False) -> WorkflowResult:
        """Return the result as it stands now."""
        return results.build(self.pk, include_state=include_state, include_resume_labels=True)

    @property
    def steps(self) -> dict[str, StepResult]:
        """What is known of each step, by path."""
        return results.step_results(results.visible(self.pk), self.refresh().timeline)

    def suspended_steps(self) -> list[dict[str, Any]]:
        """Return what waits for an answer: `id`, `path`, `suspension`, `suspend_payload`,
        `resume_labels`, `resume_schema`.
        """
        steps = StepSnapshot.objects.current().filter(run=self.pk, status=StepStatus.SUSPENDED)
        return [self._question(step) for step in steps.order_by("pk")]

    def _question(self, step: StepSnapshot) -> dict[str, Any]:
        node = self.workflow.tree.nodes.get(step.base_path)
        schema = node.step.resume.json_schema() if node is not None and node.step else None
        return {
            "id": node.key if node is not None else step.name,
            "path": step.path,
            "suspension": str(step.suspension),
            "suspend_payload": step.suspend_payload,
            "resume_labels": step.resume_labels,
            "resume_schema": schema,
        }

    def resume_labels(self) -> dict[str, dict[str, Any]]:
        """Return the labels of suspended steps, and which step each one means."""
        steps = StepSnapshot.objects.current().filter(run=self.pk, status=StepStatus.SUSPENDED)
        return results.labels_of(list(steps))

    def step_output(self, path: Any) -> Any:
        """Return the output of a step. Raises StepNotFound when the run has no record of it."""
        return loads(payloads.output_of(self._step(path)))

    def step_payload(self, path: Any) -> Any:
        """Return what came to a step. Raises StepNotFound when the run has no record of it."""
        return loads(payloads.payload_of(self._step(path)))

    def _step(self, path: Any) -> StepSnapshot:
        named = targets.path_of(path)
        step = StepSnapshot.objects.current().light().filter(run=self.pk, path=named).first()
        if step is None:
            raise errors.StepNotFound(
                f"Run {self.run_id!r} has no record of step {named!r}; it was not reached, or the "
                "workflow has no such step."
            )
        return step

    def events(self, after: int = 0) -> list[StreamEvent]:
        """Return the recorded events after number `after`, oldest first."""
        return read_events(self.pk, after)

    def delete(self) -> None:
        """Delete the run and all that is known of it. Raises RunStillRunning while it is active."""
        deleted = RunRow.objects.filter(pk=self.pk).exclude(
            status__in=[status.value for status in ACTIVE]
        )
        with transactions.write():
            if not deleted.delete()[0] and RunRow.objects.filter(pk=self.pk).exists():
                raise errors.RunStillRunning(
                    f"Run {self.run_id!r} is active and cannot be deleted; cancel it first."
                )

    # Async twins.

    async def astart(self, input_data: Any = None, **options: Any) -> WorkflowResult:
        """Async twin of `start`: waits on the loop."""
        return await self._aperform(partial(self.start, input_data), options)

    async def aresume(self, resume_data: Any = None, **options: Any) -> WorkflowResult:
        """Async twin of `resume`: waits on the loop."""
        return await self._aperform(partial(self.resume, resume_data), options)

    async def acancel(
        self, *, wait: bool = False, timeout: float | None = None, **options: Any
    ) -> dict[str, str]:
        """Async twin of `cancel`."""
        answer = await in_thread(self.cancel)(**options)
        if wait:
            await waiting.await_settled(self.pk, timeout)
            await self.arefresh()
        return answer

    def astream(
        self, input_data: Any = None, *, close_on_suspend: bool = True, **options: Any
    ) -> RunStream:
        """Async twin of `stream`: `async for event in run.astream(...)`."""
        begin = partial(self.start, input_data, wait=False, **options)
        return RunStream(self, None, close_on_suspend=close_on_suspend, begin=begin)

    def aresume_stream(
        self, resume_data: Any = None, *, close_on_suspend: bool = True, **options: Any
    ) -> RunStream:
        """Async twin of `resume_stream`."""
        begin = partial(self.resume, resume_data, wait=False, **options)
        return RunStream(self, None, close_on_suspend=close_on_suspend, begin=begin)

    def aobserve_stream(self, after: int = 0, *, close_on_suspend: bool = True) -> RunStream:
        """Async twin of `observe_stream`."""
        return self.observe_stream(after, close_on_suspend=close_on_suspend)

    async def aresult(self, **options: Any) -> WorkflowResult:
        """Async twin of `result`."""
        return await in_thread(self.result)(**options)

    async def aevents(self, after: int = 0) -> list[StreamEvent]:
        """Async twin of `events`."""
        return await in_thread(self.events)(after)

    async def adelete(self) -> None:
        """Async twin of `delete`."""
        await in_thread(self.delete)()

    async def arefresh(self) -> Self:
        """Async twin of `refresh`."""
        return await in_thread(self.refresh)()

    # Inside.

    def _perform(
        self,
        verb: str,
        act: Callable[[], object],
        wait: bool,  # noqa: FBT001 - passed on as the verbs got it
        timeout: float | None,
        output_options: Mapping[str, bool] | None,
    ) -> WorkflowResult:
        """Act, let the workers know or do the work here, wait, and return the result."""
        if not wait:
            act()
        else:
            self._refuse_waiting(verb)
            with ports.holding_back() as wakes:
                act()
            dispatcher = ports.dispatcher()
            if timeout is not None or not dispatcher.drive(self.pk):
                ports.wake(wakes)
                waiting.wait(self.pk, timeout)
        self.refresh()
        return results.build(self.pk, **_options(output_options))

    async def _aperform(
        self, verb: Callable[..., WorkflowResult], options: dict[str, Any]
    ) -> WorkflowResult:
        wait, timeout = options.pop("wait", True), options.pop("timeout", None)
        if conf.get("EXECUTION") == "inline" and wait and timeout is None:
            return await _in_thread(verb, options)
        if await in_thread(transactions.is_inside_testcase)():
            return await in_thread(verb)(wait=wait, timeout=timeout, **options)
        if wait:
            await in_thread(self._refuse_waiting)("a waiting verb")
        result = await in_thread(verb)(wait=False, **options)
        if not wait:
            return result
        await waiting.await_settled(self.pk, timeout)
        await self.arefresh()
        chosen = _options(options.get("output_options"))
        return await in_thread(results.build)(self.pk, **chosen)

    def _begin_stream(self, begin: Callable[[], object], close_on_suspend: bool) -> RunStream:  # noqa: FBT001
        self.refresh()
        stream = RunStream(self, self._row.event_seq, close_on_suspend=close_on_suspend)
        begin()
        return stream

    def _refuse_waiting(self, verb: str) -> None:
        if transactions.is_inside_user_transaction():
            raise errors.WaitInsideTransaction(
                f"{verb} would wait inside an open transaction, whose writes no worker can see. "
                "Call it with wait=False, or after the transaction."
            )


async def _in_thread(
    verb: Callable[..., WorkflowResult], options: dict[str, Any]
) -> WorkflowResult:
    """Run an inline verb in a thread: Django's own inside a `TestCase`, else one of its own."""
    if await in_thread(lambda: connection.in_atomic_block)():
        return await in_thread(verb)(**options)

    def apart() -> WorkflowResult:
        try:
            return verb(**options)
        finally:
            connection.close()

    return await asyncio.to_thread(apart)


def _options(given: Mapping[str, bool] | None) -> dict[str, bool]:
    known = {"include_state", "include_resume_labels"}
    options = dict(given or {})
    if unknown := set(options) - known:
        raise errors.InvalidInput(
            f"output_options has no {', '.join(sorted(unknown))}; "
            f"it has {', '.join(sorted(known))}."
        )
    return options


def _as_uuid(suspension: str | uuid.UUID | None) -> uuid.UUID | None:
    if suspension is None or isinstance(suspension, uuid.UUID):
        return suspension
    try:
        return uuid.UUID(suspension)
    except ValueError:
        raise errors.StepNotSuspended(
            f"{suspension!r} is no suspension id; take it from suspended_steps()."
        ) from None
