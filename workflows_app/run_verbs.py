"""The verbs of a run, as people call them: what each one is given, and what it does."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Unpack, cast

from workflows_app import calling, errors, permissions, results, targets, verb_options
from workflows_app.definition.builder import In, Out
from workflows_app.engine.host.transactions import refuse_waiting
from workflows_app.engine.run import accepted, deadlines, tracing
from workflows_app.engine.verbs import (
    answering,
    creating,
    idle_worker,
    starting,
    steering,
    travel,
    travel_request,
    waiting,
)
from workflows_app.engine.verbs.travel import TravelPlan
from workflows_app.jsontext import dumps, revealed
from workflows_app.run_steering import Steering
from workflows_app.threads import blocking
from workflows_app.verb_options import Options, TravelOptions

if TYPE_CHECKING:
    from workflows_app.definition import Deadline, Node
    from workflows_app.models import Run as RunRow
    from workflows_app.results import WorkflowResult
    from workflows_app.run import Run


#: Refusals of an answer that the audit trail notes.
REFUSED: Final = (
    errors.NotPermitted,
    errors.InvalidResumeData,
    errors.RunNotSuspended,
    errors.StepNotSuspended,
    errors.ResumeAlreadyClaimed,
    errors.MultipleSuspendedSteps,
    errors.StepNotFound,
    errors.LabelNotFound,
)


class Verbs(Steering[In, Out]):
    """The verbs of a run. A refusal changes nothing, and says which verb fits.

    If the `actor` is a person, every verb raises NotPermitted if they lack the workflow's
    permission, and NotAllowedToAnswer if they lack that of a step which the verb answers, leaves
    out or replaces. Without an actor the caller is trusted.
    """

    @blocking
    def start(
        self,
        input_data: In | Mapping[str, Any] | None = None,
        *,
        initial_state: Mapping[str, Any] | None = None,
        per_step: bool = False,
        deadline: Deadline | None = None,
        start_within: float | timedelta | None = None,
        **options: Unpack[Options],
    ) -> WorkflowResult:
        """Start the run; return its result once it has settled (`timeout`: seconds).

        With `per_step` it runs one step and is `paused` before the next. `deadline` and
        `start_within` (seconds or a timedelta) are in place of the workflow's: how long the run
        may take, and how long it may wait to begin. Raises InvalidInput, InvalidRequestContext,
        InvalidDeadline, RunAlreadyStarted, WaitTimeout, WaitInsideTransaction, and the errors of
        `on_start`.
        """
        own = {
            "initial_state": initial_state, "per_step": per_step, "deadline": deadline,
            "start_within": start_within,
        }  # fmt: skip
        calling.check("start", {**options, **own}, [*own, *Options.__annotations__])
        return self._perform(
            "start",
            partial(
                starting.start,
                self.workflow,
                self._row,
                input_data,
                initial_state=initial_state,
                per_step=per_step,
                deadline=deadline,
                start_within=start_within,
                request_context=options.get("request_context"),
                **verb_options.who(options),
            ),
            options,
            takes_slot=True,
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
        note: str = "",
        **options: Unpack[Options],
    ) -> WorkflowResult:
        """Answer a suspended step; return the result once the run has settled again.

        Without `step`, `label` or `suspension` the only suspended step is meant. Of a foreach, all
        suspended items are answered unless `foreach_index` names one. `note` is for the audit
        trail, which also has refused answers that came through a door. Raises
        MultipleSuspendedSteps, RunNotSuspended, StepNotSuspended, ResumeAlreadyClaimed,
        InvalidResumeData, LabelNotFound, StepNotFound, DefinitionChanged.
        """
        own = {
            "step": step, "label": label, "suspension": suspension, "foreach_index": foreach_index,
            "retry_count": retry_count, "per_step": per_step, "note": note,
        }  # fmt: skip
        calling.check("resume", {**options, **own}, [*own, *Options.__annotations__])
        question = verb_options.as_uuid(suspension)

        def act(trace: tracing.Trace | None, slot: idle_worker.Slot | None) -> None:
            run, suspended = results.asking(self.pk)
            if run is None:
                self.refresh()
                suspended = results.suspended_steps(self.pk)
            else:
                self._row = run
            asked = targets.AnswerTarget(step, label, question, foreach_index)
            answering.resume(
                self.workflow,
                self._row,
                resume_data,
                targets.find(self.workflow, self._row, suspended, asked),
                suspension=question,
                retry_count=retry_count,
                per_step=per_step,
                request_context=options.get("request_context"),
                trace=trace,
                slot=slot,
                note=note,
                **verb_options.who(options),
            )

        try:
            return self._perform("resume", act, options, takes_slot=True)
        except REFUSED as refusal:
            kind = type(refusal).__name__
            answering.note_refused(self._row, str(refusal), kind, **verb_options.who(options))
            raise

    @blocking
    def cancel(
        self,
        *,
        wait: bool = False,
        actor: Any = None,
        timeout: float | None = None,
        door: str = "",
        reason: str = "",
    ) -> dict[str, str]:
        """Cancel the run; return a message at once, or with `wait` when its running steps have
        ended.

        Nothing new starts; a running step sees its `abort_signal`. A run that has ended stays as it
        is, and the message says so. `reason` is for the audit trail.
        """
        given = {"wait": wait, "timeout": timeout, "door": door, "reason": reason}
        calling.check("cancel", given, verb_options.CANCEL)
        permissions.require(self.workflow, actor, self._row)
        if wait:
            refuse_waiting("cancel")
        self._forget_undone()
        before = self._row.status
        message = steering.cancel(self._row, actor=actor, door=door, reason=reason)
        self._note_written(before, goes_on=False)
        if wait:
            waiting.wait(self.pk, timeout)
        self.refresh()
        return {"message": message}

    @blocking
    def restart(self, **options: Unpack[Options]) -> WorkflowResult:
        """Continue an active run from its last active steps, even if a worker holds them.

        Steps that have succeeded do not run again; results of the previous worker are dropped.
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
        """Run the failed steps again with the input they had, on a new timeline; then continue.

        Steps that have succeeded do not run again. Raises RunNotFailed, DefinitionChanged.
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
    def time_travel(
        self, step: Any, *, plan: str | None = None, **options: Unpack[TravelOptions]
    ) -> WorkflowResult:
        """Run again from a step, on a new timeline; the earlier ones stay readable.

        `step` is a Step, an id, a dotted path, or a list of them for nested workflows. Its input is
        `input_data`, else the recorded result of the step before, overlaid by `context` (`{step:
        {"output": ...}}`) and `nested_steps_context`. `plan` is the token of `plan_time_travel`.
        Raises RunStillRunning, StepNotFound, InvalidInput, MissingStepResult, PlanOutdated,
        DefinitionChanged.
        """
        given = {**options, "plan": plan}
        calling.check("time_travel", given, ["plan", *TravelOptions.__annotations__])
        node = self._target(step)

        def act(trace: tracing.Trace | None) -> RunRow | None:
            self.refresh()
            return travel.travel(
                self.workflow,
                self._row,
                travel_request.read(self.workflow, node, **verb_options.travel(options)),
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
        """Return what a time travel would do, without changing anything; raise what it would raise.

        `time_travel(..., plan=plan.token)` does exactly that, or raises PlanOutdated.
        """
        calling.check("plan_time_travel", options, TravelOptions.__annotations__)
        self.refresh()
        asked = travel_request.read(
            self.workflow, self._target(step), **verb_options.travel(options)
        )
        return travel.plan(self.workflow, self._row, asked)

    @blocking
    def fork(
        self, step: Any, *, run_id: str | None = None, **options: Unpack[TravelOptions]
    ) -> Run[In, Out]:
        """Do in a new run what a time travel would do; return the new run once it has settled.

        This run is untouched. `run_id` names the new run, so that the same call twice makes one
        run. Raises what `time_travel` raises, and RunAlreadyStarted.
        """
        verb_options.check_all("fork", options, TravelOptions.__annotations__)
        self.refresh()
        permissions.require(self.workflow, options.get("actor"), self._row)
        node = self._target(step)
        asked = travel_request.read(self.workflow, node, **verb_options.travel(options))
        travel.check(self.workflow, self._row, asked, options.get("actor"))
        forked = self._offspring("fork", options, run_id)
        act = partial(
            travel.fork,
            self.workflow,
            self._row,
            forked._row,  # noqa: SLF001 - another handle of ours
            asked,
            per_step=options.get("per_step", False),
            context=options.get("request_context"),
            reason=options.get("reason", ""),
            **verb_options.who(options),
        )
        forked._perform("fork", act, options)  # noqa: SLF001 - another handle of ours
        return forked

    @blocking
    def rerun(
        self,
        input_data: In | Mapping[str, Any] | None = None,
        *,
        per_step: bool = False,
        run_id: str | None = None,
        **options: Unpack[Options],
    ) -> Run[In, Out]:
        """Start a new run with the same input, or with `input_data`; return it once it has settled.

        Initial state, request context, resource id, and a deadline that was given to its start, are
        those of this run. `run_id` names the new
        run, so that the same call twice makes one run. Raises what `start` raises.
        """
        own = {**options, "per_step": per_step}
        verb_options.check_all("rerun", own, ["per_step", *Options.__annotations__])
        self.refresh()
        permissions.require(self.workflow, options.get("actor"), self._row)
        given: Any = dumps(self._row.input) if input_data is None else input_data
        accepted.workflow_input(self.workflow, given)
        before = revealed(self._row.initial_request_context)
        context = {**before, **(options.get("request_context") or {})}
        again = self._offspring("rerun", options, run_id)
        options["request_context"] = context
        state = revealed(self._row.initial_state)
        own_deadline = deadlines.own_of(self._row)
        again.start(given, initial_state=state, per_step=per_step, deadline=own_deadline, **options)
        return again

    # Inside.

    def _target(self, step: Any) -> Node:
        return targets.node_of(self.workflow, step)

    def _offspring(self, verb: str, options: Mapping[str, Any], run_id: str | None) -> Run[In, Out]:
        """Return a new pending run that comes from this one, or the run with this `run_id`."""
        if options.get("wait", True):
            refuse_waiting(verb)
        resource_id = self._row.resource_id
        row, is_new = creating.obtain(self.workflow, run_id, resource_id, origin=self.run_id)
        return type(cast("Run[In, Out]", self))(self.workflow, row, is_new=is_new)
