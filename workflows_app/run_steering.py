"""The verbs that stop a run, let it on, or end its waits."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Unpack

from workflows_app import calling, permissions, targets, verb_options
from workflows_app.definition.builder import In, Out
from workflows_app.engine.host.transactions import refuse_waiting
from workflows_app.engine.verbs import holding, waiting, waits
from workflows_app.planner.statuses import RunStatus
from workflows_app.run_handle import Handle
from workflows_app.threads import blocking
from workflows_app.verb_options import Options

if TYPE_CHECKING:
    from workflows_app.results import WorkflowResult


class Steering(Handle[In, Out]):
    """Pausing a run, letting it on, ending waits. See `run_verbs.Verbs`."""

    @blocking
    def pause(
        self,
        reason: str = "",
        actor: Any = None,
        *,
        wait: bool = False,
        timeout: float | None = None,
        door: str = "",
    ) -> WorkflowResult:
        """Hold the run: nothing of it starts until `proceed`; return the result as it stands.

        With `wait`, return when it is `paused`, after its running steps have ended (`timeout`:
        seconds). Questions may be answered and sleeps may end meanwhile; what they make ready
        waits. A pending run does not begin. A run that is held already stays as it is. Raises
        RunNotActive if it has ended, WaitTimeout, WaitInsideTransaction.
        """
        given = {"reason": reason, "wait": wait, "timeout": timeout, "door": door}
        calling.check("pause", given, verb_options.CANCEL)
        permissions.require(self.workflow, actor, self._row)
        if wait:
            refuse_waiting("pause")
        self._forget_undone()
        before = self._row.status
        why = calling.text(reason, "reason", "pause()") or ""
        holding.pause(self._row, reason=why, actor=actor, door=door)
        self._note_written(before, goes_on=False)
        if wait and before != RunStatus.PENDING:
            waiting.wait(self.pk, timeout)
        return self.refresh().result()

    @blocking
    def proceed(
        self, *, per_step: bool | None = None, **options: Unpack[Options]
    ) -> WorkflowResult:
        """Let a paused run, or one that is held, on; return the result once it has settled.

        Without `per_step` it goes on as before the pause: one step if it was begun or let on with
        `per_step`, else freely. True takes one step, False goes on freely. A pending run that was
        held begins if it was started. Raises RunNotPaused, DefinitionChanged.
        """
        given = {**options, "per_step": per_step}
        calling.check("proceed", given, ["per_step", *Options.__annotations__])
        act = partial(
            holding.proceed,
            self.workflow,
            self._row,
            per_step=per_step,
            context=options.get("request_context"),
            **verb_options.who(options),
        )
        return self._perform("proceed", act, options)

    @blocking
    def skip_wait(self, step: Any = None, **options: Unpack[Options]) -> WorkflowResult:
        """Let a step that sleeps, or waits for its next attempt, go on now.

        `step` is a Step, an id or a path; without it the only such step is meant, or the items of
        one foreach. Raises StepNotWaiting, MultipleWaitingSteps, StepNotFound, DefinitionChanged.
        """
        return self._end_wait("skip_wait", waits.skip, step, options)

    @blocking
    def give_up(self, step: Any = None, **options: Unpack[Options]) -> WorkflowResult:
        """Fail a step that waits for its next attempt now, with its last error.

        `step` as in `skip_wait`. Raises StepNotWaiting, MultipleWaitingSteps, StepNotFound,
        DefinitionChanged.
        """
        return self._end_wait("give_up", waits.give_up, step, options)

    def _end_wait(
        self, verb: str, act: Callable[..., None], step: Any, options: Options
    ) -> WorkflowResult:
        calling.check(verb, options, Options.__annotations__)
        acts = partial(
            act,
            self.workflow,
            self._row,
            targets.meant(self.workflow, step),
            context=options.get("request_context"),
            **verb_options.who(options),
        )
        return self._perform(verb, acts, options)
