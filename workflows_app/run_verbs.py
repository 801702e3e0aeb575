"""The verbs of a run, as people call them: act, let the workers know, wait, return the result."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from functools import partial
from typing import TYPE_CHECKING, Any, Self, Unpack, cast

from workflows_app import calling, errors, permissions, results, targets, verb_options
from workflows_app.engine import (
    given,
    handing,
    ports,
    steering,
    tracing,
    transactions,
    travel,
    verbs,
    waiting,
)
from workflows_app.engine.transactions import is_inside_testcase, refuse_waiting
from workflows_app.engine.travel import TravelPlan
from workflows_app.jsontext import dumps, revealed
from workflows_app.models import Run as RunRow
from workflows_app.stream import FOLLOW_LATER, RunStream
from workflows_app.threads import blocking
from workflows_app.verb_options import Options, TravelOptions

if TYPE_CHECKING:
    from workflows_app.definition import Node
    from workflows_app.results import WorkflowResult
    from workflows_app.run import Run
    from workflows_app.workflow import Workflow


class Verbs:
    """What can be done with a run. A refusal changes nothing, and says which verb fits.

    With an `actor` who is a person, every verb raises NotPermitted where they lack the workflow's
    permission, and NotAllowedToAnswer where they lack that of a step which the verb answers, leaves
    out or replaces. Without one the caller is trusted.
    """

    workflow: Workflow
    _row: RunRow
    #: What a verb of this handle wrote in a transaction of the caller's, since it was read.
    _written: transactions.Written | None

    if TYPE_CHECKING:

        @property
        def pk(self) -> uuid.UUID: ...

        @property
        def run_id(self) -> str: ...

        def refresh(self) -> Self: ...

        def result(self) -> WorkflowResult: ...

    @blocking
    def start(
        self,
        input_data: Any = None,
        *,
        initial_state: Mapping[str, Any] | None = None,
        per_step: bool = False,
        **options: Unpack[Options],
    ) -> WorkflowResult:
        """Start the run; return its result once it has settled (`timeout`: seconds).

        With `per_step` it runs one step and is `paused` before the next. Raises InvalidInput,
        InvalidRequestContext, RunAlreadyStarted, WaitTimeout, WaitInsideTransaction; what
        `on_start` raises.
        """
        own = {"initial_state": initial_state, "per_step": per_step}
        calling.check("start", {**options, **own}, [*own, *Options.__annotations__])
        return self._perform(
            "start",
            partial(
                verbs.start,
                self.workflow,
                self._row,
                input_data,
                initial_state=initial_state,
                per_step=per_step,
                request_context=options.get("request_context"),
                **verb_options.who(options),
            ),
            options,
        )

    @blocking
    def resume(
        self,
        resume_data: Any = None,
        *,
        step: Any = None,
        label: str | None = None,
        suspension: str | uuid.UUID | None = None,
        foreach_index: int | None = None,
        retry_count: int | None = None,
        per_step: bool = False,
        **options: Unpack[Options],
    ) -> WorkflowResult:
        """Answer a suspended step; return the result once the run has settled again.

        Without `step`, `label` or `suspension` the one suspended step is meant; of a foreach all
        suspended items, unless `foreach_index` names one. Raises MultipleSuspendedSteps,
        RunNotSuspended, StepNotSuspended, ResumeAlreadyClaimed, InvalidResumeData, LabelNotFound,
        StepNotFound, DefinitionChanged.
        """
        own = {
            "step": step, "label": label, "suspension": suspension, "foreach_index": foreach_index,
            "retry_count": retry_count, "per_step": per_step,
        }  # fmt: skip
        calling.check("resume", {**options, **own}, [*own, *Options.__annotations__])
        question = verb_options.as_uuid(suspension)

        def act(trace: tracing.Trace | None) -> None:
            run, suspended = results.asking(self.pk)
            if run is None:
                self.refresh()
                suspended = results.suspended_steps(self.pk)
            else:
                self._row = run
            asked = targets.Asked(step, label, question, foreach_index)
            verbs.resume(
                self.workflow,
                self._row,
                resume_data,
                targets.find(self.workflow, self._row, suspended, asked),
                suspension=question,
                retry_count=retry_count,
                per_step=per_step,
                request_context=options.get("request_context"),
                trace=trace,
                **verb_options.who(options),
            )

        return self._perform("resume", act, options)

    @blocking
    def cancel(
        self, *, wait: bool = False, actor: Any = None, timeout: float | None = None, door: str = ""
    ) -> dict[str, str]:
        """Cancel the run; return a message at once, or (`wait`) when its running steps ended.

        Nothing new starts; a running step sees its `abort_signal`. A run that has ended is left
        as it is, and the message says so.
        """
        calling.check(
            "cancel", {"wait": wait, "timeout": timeout, "door": door}, verb_options.CANCEL
        )
        permissions.require(self.workflow, actor, self._row)
        if wait:
            refuse_waiting("cancel")
        self._forget_undone()
        before = self._row.status
        message = verbs.cancel(self._row, actor=actor, door=door)
        self._note_written(before, goes_on=False)
        if wait:
            waiting.wait(self.pk, timeout)
        self.refresh()
        return {"message": message}

    @blocking
    def restart(self, **options: Unpack[Options]) -> WorkflowResult:
        """Go on with an active run from its last active steps, whoever holds them.

        Steps that have succeeded are not run again; what the worker before returns is dropped.
        Raises NothingToRestart, RunNotActive, DefinitionChanged.
        """
        calling.check("restart", options, Options.__annotations__)
        act = partial(
            steering.restart,
            self.workflow,
            self._row,
            context=options.get("request_context"),
            **verb_options.who(options),
        )
        return self._perform("restart", act, options)

    @blocking
    def retry(self, **options: Unpack[Options]) -> WorkflowResult:
        """Run what failed again, with the input it had, on a new timeline; then go on.

        What succeeded is not run again. Raises RunNotFailed, DefinitionChanged.
        """
        calling.check("retry", options, Options.__annotations__)
        act = partial(
            steering.retry,
            self.workflow,
            self._row,
            context=options.get("request_context"),
            **verb_options.who(options),
        )
        return self._perform("retry", act, options)

    @blocking
    def proceed(self, *, per_step: bool = True, **options: Unpack[Options]) -> WorkflowResult:
        """Take the next step of a paused run; with `per_step=False` go on to the end.

        Raises RunNotPaused, DefinitionChanged.
        """
        given = {**options, "per_step": per_step}
        calling.check("proceed", given, ["per_step", *Options.__annotations__])
        act = partial(
            steering.proceed,
            self.workflow,
            self._row,
            per_step=per_step,
            context=options.get("request_context"),
            **verb_options.who(options),
        )
        return self._perform("proceed", act, options)

    @blocking
    def time_travel(
        self, step: Any, *, plan: str | None = None, **options: Unpack[TravelOptions]
    ) -> WorkflowResult:
        """Run again from a step, on a new timeline; the earlier ones stay readable.

        `step` is a Step, an id, a dotted path, or a list of them for nested workflows. What comes
        to it is `input_data`, else the recorded result of the step before, overlaid by `context`
        (`{step: {"output": ...}}`) and `nested_steps_context`. `plan` is the token of
        `plan_time_travel`. Raises RunStillRunning, StepNotFound, InvalidInput, MissingStepResult,
        PlanOutdated, DefinitionChanged.
        """
        given = {**options, "plan": plan}
        calling.check("time_travel", given, ["plan", *TravelOptions.__annotations__])
        node = self._target(step)

        def act(trace: tracing.Trace | None) -> None:
            self.refresh()
            travel.travel(
                self.workflow,
                self._row,
                travel.read(self.workflow, node, **verb_options.travel(options)),
                token=plan,
                per_step=options.get("per_step", False),
                context=options.get("request_context"),
                trace=trace,
                reason=options.get("reason", ""),
                **verb_options.who(options),
            )

        return self._perform("time_travel", act, options)

    @blocking
    def plan_time_travel(self, step: Any, **options: Unpack[TravelOptions]) -> TravelPlan:
        """Return what a time travel would do, changing nothing; raises what it would raise.

        `time_travel(..., plan=plan.token)` does just that, or raises PlanOutdated.
        """
        calling.check("plan_time_travel", options, TravelOptions.__annotations__)
        self.refresh()
        asked = travel.read(self.workflow, self._target(step), **verb_options.travel(options))
        return travel.plan(self.workflow, self._row, asked)

    @blocking
    def fork(
        self, step: Any, *, run_id: str | None = None, **options: Unpack[TravelOptions]
    ) -> Run:
        """Do what a time travel would do in a new run; return it, once it has settled.

        This run is untouched. `run_id`: that of the new run, so that the same call twice makes one.
        Raises what `time_travel` raises, and RunAlreadyStarted.
        """
        verb_options.check_all("fork", options, TravelOptions.__annotations__)
        self.refresh()
        permissions.require(self.workflow, options.get("actor"), self._row)
        node = self._target(step)
        asked = travel.read(self.workflow, node, **verb_options.travel(options))
        travel.check(self.workflow, self._row, asked, options.get("actor"))
        forked = self._offspring("fork", options, run_id)
        act = partial(
            travel.fork,
            self.workflow,
            self._row,
            forked._row,  # noqa: SLF001 - another of ours
            asked,
            per_step=options.get("per_step", False),
            context=options.get("request_context"),
            reason=options.get("reason", ""),
            **verb_options.who(options),
        )
        forked._perform("fork", act, options)  # noqa: SLF001 - another of ours
        return forked

    @blocking
    def rerun(
        self,
        input_data: Any = None,
        *,
        per_step: bool = False,
        run_id: str | None = None,
        **options: Unpack[Options],
    ) -> Run:
        """Start a new run with the same input, or the one given; return it, once it has settled.

        Initial state, request context and resource id are those of this run. `run_id`: that of the
        new run, so that the same call twice makes one. Raises what `start` raises.
        """
        own = {**options, "per_step": per_step}
        verb_options.check_all("rerun", own, ["per_step", *Options.__annotations__])
        self.refresh()
        permissions.require(self.workflow, options.get("actor"), self._row)
        if input_data is None:
            input_data = dumps(self._row.input)
        given.workflow_input(self.workflow, input_data)
        before = revealed(self._row.initial_request_context)
        context = {**before, **(options.get("request_context") or {})}
        again = self._offspring("rerun", options, run_id)
        options["request_context"] = context
        state = revealed(self._row.initial_state)
        again.start(input_data, initial_state=state, per_step=per_step, **options)
        return again

    # Streams.

    @blocking
    def stream(
        self, input_data: Any = None, *, close_on_suspend: bool = True, **options: Any
    ) -> RunStream:
        """Start the run and follow its events; options are those of `start`."""
        return self._begin_stream(
            "stream", partial(self.start, input_data), close_on_suspend, options
        )

    @blocking
    def resume_stream(
        self, resume_data: Any = None, *, close_on_suspend: bool = True, **options: Any
    ) -> RunStream:
        """Answer a suspended step and follow what comes of it; options are those of `resume`."""
        return self._begin_stream(
            "resume_stream", partial(self.resume, resume_data), close_on_suspend, options
        )

    @blocking
    def time_travel_stream(
        self, step: Any, *, close_on_suspend: bool = True, **options: Any
    ) -> RunStream:
        """Travel and follow what comes of it; options are those of `time_travel`."""
        return self._begin_stream(
            "time_travel_stream", partial(self.time_travel, step), close_on_suspend, options
        )

    def observe_stream(self, after: int = 0, *, close_on_suspend: bool = True) -> RunStream:
        """Replay what was recorded after event number `after`, then follow live."""
        after = calling.whole_number(after, "after", "observe_stream()")
        return RunStream(cast("Run", self), after, close_on_suspend=close_on_suspend)

    # Inside.

    def _target(self, step: Any) -> Node:
        return targets.node_of(self.workflow, step)

    def _offspring(self, verb: str, options: Mapping[str, Any], run_id: str | None) -> Run:
        """Return a new pending run that came from this one; with an id, the one that has it."""
        if options.get("wait", True):
            refuse_waiting(verb)
        resource_id = self._row.resource_id
        row = verbs.create(self.workflow, run_id, resource_id, origin=self.run_id)
        return type(cast("Run", self))(self.workflow, row)

    def _perform(
        self, verb: str, act: Callable[..., object], options: Mapping[str, Any]
    ) -> WorkflowResult:
        """Act, let the workers know or do the work here, wait, and return the result."""
        self._forget_undone()
        verb_options.output_options(options.get("output_options"))
        permissions.require(self.workflow, options.get("actor"), self._row)
        if options.get("wait", True):
            refuse_waiting(verb)
        given = (options.get("tracing_options"), options.get("tracing_context"))
        with tracing.verb(verb, self._row, *given) as trace:
            return self._perform_traced(partial(act, trace=trace), options)

    def _perform_traced(
        self, act: Callable[[], object], options: Mapping[str, Any]
    ) -> WorkflowResult:
        timeout: float | None = options.get("timeout")
        shown: Sequence[results.Shown] | None = None
        if not options.get("wait", True):
            before = self._row.status
            with nullcontext() if ports.is_holding_back() else handing.slot():
                begun = act()
            self._note_written(before, goes_on=True)
            if isinstance(begun, RunRow):
                self._row = begun
                return results.of(
                    begun, [], **verb_options.output_options(options.get("output_options"))
                )
            self.refresh()
        else:
            with waiting.Expected(self.pk) as expected:
                is_free = timeout is None and handing.may_work_here()
                with ports.holding_back() as wakes, handing.slot(is_waiting=is_free) as slot:
                    begun = act()
                if not self._is_driven(timeout):
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
        """Take the run for what it was before a transaction that was rolled back."""
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
        """Return whether this thread has run all that the run has to do; else others do."""
        if is_inside_testcase():
            return waiting.go_on_in_test(self.pk, timeout)
        return timeout is None and ports.dispatcher().drive(self.pk)

    def _recalled(self, slot: handing.Slot, begun: object) -> Sequence[results.Shown] | None:
        """Return the steps of a run that was worked on here from its start, if it has ended."""
        if slot.recall is None or not isinstance(begun, RunRow):
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
        begun: object,
        ear: ports.Ear | None,
    ) -> Sequence[results.Shown]:
        """Wait until the run has settled, and return what its result shows of its steps.

        `begun`: the run's row as it was started here, if it was.
        """
        shown: list[results.Shown] = []

        def is_settled() -> bool:
            if isinstance(begun, RunRow) and (told := expected.end(begun)):
                self._row, shown[:] = told
                return True
            try:
                self._row, shown[:] = results.standing(self.pk)
            except RunRow.DoesNotExist:
                raise errors.RunNotFound(
                    f"Run {self.run_id!r} was deleted; create a new one."
                ) from None
            return waiting.is_settled(self._row)

        expected.wait(timeout, is_settled, ear)
        return shown

    def _begin_stream(
        self,
        verb: str,
        begin: Callable[..., object],
        close_on_suspend: bool,  # noqa: FBT001 - passed on as the verb got it
        options: Mapping[str, Any],
    ) -> RunStream:
        refuse_waiting(verb, FOLLOW_LATER)
        read = self._result_reader(options)
        self.refresh()
        stream = RunStream(
            cast("Run", self), self._row.event_seq, close_on_suspend=close_on_suspend, result=read
        )
        return stream.begin(partial(begin, **{**options, "wait": False}))

    def _result_reader(self, options: Mapping[str, Any]) -> Callable[[], WorkflowResult]:
        """Return what reads the result as it was asked for. Raises InvalidInput."""
        return partial(
            results.build, self.pk, **verb_options.output_options(options.get("output_options"))
        )
