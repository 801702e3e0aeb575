"""The async twins of the verbs; only their short database parts run in threads."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Self, Unpack, cast

from workflows_app import calling, conf, results
from workflows_app.definition.builder import In, Out
from workflows_app.engine.host import transactions
from workflows_app.engine.verbs import waiting
from workflows_app.engine.work import lending
from workflows_app.models.sqltext import connection_here
from workflows_app.planner.statuses import RunStatus
from workflows_app.run_streams import Streams
from workflows_app.stream import RunStream
from workflows_app.threads import awaitable, in_thread
from workflows_app.verb_options import (
    AnswerOptions,
    ForkOptions,
    Options,
    ProceedOptions,
    RerunOptions,
    StartOptions,
    TravelNowOptions,
    TravelOptions,
    output_options,
)

if TYPE_CHECKING:
    from workflows_app.results import WorkflowResult
    from workflows_app.run import Run
    from workflows_app.stream import StreamEvent


class Twins(Streams[In, Out]):
    """Each verb with Django's prefix `a`: the same arguments and results, but it waits on the event
    loop.
    """

    async def astart(
        self, input_data: In | Mapping[str, Any] | None = None, **options: Unpack[StartOptions]
    ) -> WorkflowResult:
        """Async twin of `start`."""
        return await self._aperform(partial(self.start, input_data), options)

    async def aresume(
        self, resume_data: Any = None, **options: Unpack[AnswerOptions]
    ) -> WorkflowResult:
        """Async twin of `resume`."""
        return await self._aperform(partial(self.resume, resume_data), options)

    async def arestart(self, **options: Unpack[Options]) -> WorkflowResult:
        """Async twin of `restart`."""
        return await self._aperform(self.restart, options)

    async def aretry(self, **options: Unpack[Options]) -> WorkflowResult:
        """Async twin of `retry`."""
        return await self._aperform(self.retry, options)

    async def apause(
        self,
        reason: str = "",
        actor: Any = None,
        *,
        wait: bool = False,
        timeout: float | None = None,
        **options: Any,
    ) -> WorkflowResult:
        """Async twin of `pause`."""
        if wait:
            await in_thread(transactions.refuse_waiting)("apause")
        result = await in_thread(self.pause)(reason, actor, **options)
        if wait and result.status != RunStatus.PENDING:
            await waiting.await_settled(self.pk, timeout)
            result = await (await self.arefresh()).aresult()
        return result

    async def aproceed(self, **options: Unpack[ProceedOptions]) -> WorkflowResult:
        """Async twin of `proceed`."""
        return await self._aperform(self.proceed, options)

    async def askip_wait(self, step: Any = None, **options: Unpack[Options]) -> WorkflowResult:
        """Async twin of `skip_wait`."""
        return await self._aperform(partial(self.skip_wait, step), options)

    async def agive_up(self, step: Any = None, **options: Unpack[Options]) -> WorkflowResult:
        """Async twin of `give_up`."""
        return await self._aperform(partial(self.give_up, step), options)

    async def atime_travel(self, step: Any, **options: Unpack[TravelNowOptions]) -> WorkflowResult:
        """Async twin of `time_travel`."""
        return await self._aperform(partial(self.time_travel, step), options)

    async def aplan_time_travel(self, step: Any, **options: Unpack[TravelOptions]) -> Any:
        """Async twin of `plan_time_travel`."""
        return await in_thread(self.plan_time_travel)(step, **options)

    async def afork(self, step: Any, **options: Unpack[ForkOptions]) -> Run[In, Out]:
        """Async twin of `fork`."""
        return await self._amake(partial(self.fork, step), options)

    async def arerun(
        self, input_data: In | Mapping[str, Any] | None = None, **options: Unpack[RerunOptions]
    ) -> Run[In, Out]:
        """Async twin of `rerun`."""
        return await self._amake(partial(self.rerun, input_data), options)

    async def acancel(
        self, *, wait: bool = False, timeout: float | None = None, **options: Any
    ) -> dict[str, str]:
        """Async twin of `cancel`."""
        if wait:
            await in_thread(transactions.refuse_waiting)("acancel")
        answer = await in_thread(self.cancel)(**options)
        if wait:
            await waiting.await_settled(self.pk, timeout)
            await self.arefresh()
        return answer

    # Streams: `async for event in run.astream(...)`.

    def astream(
        self,
        input_data: In | Mapping[str, Any] | None = None,
        *,
        close_on_suspend: bool = True,
        **options: Unpack[StartOptions],
    ) -> RunStream:
        """Async twin of `stream`; not awaited."""
        return self._astream(partial(self.start, input_data), close_on_suspend, options)

    def aresume_stream(
        self,
        resume_data: Any = None,
        *,
        close_on_suspend: bool = True,
        **options: Unpack[AnswerOptions],
    ) -> RunStream:
        """Async twin of `resume_stream`; not awaited."""
        return self._astream(partial(self.resume, resume_data), close_on_suspend, options)

    def atime_travel_stream(
        self, step: Any, *, close_on_suspend: bool = True, **options: Unpack[TravelNowOptions]
    ) -> RunStream:
        """Async twin of `time_travel_stream`; not awaited."""
        return self._astream(partial(self.time_travel, step), close_on_suspend, options)

    def aobserve_stream(self, after: int = 0, *, close_on_suspend: bool = True) -> RunStream:
        """Async twin of `observe_stream`; not awaited."""
        return self.observe_stream(after, close_on_suspend=close_on_suspend)

    # Looking back.

    async def aresult(self, **options: Any) -> WorkflowResult:
        """Async twin of `result`."""
        return await in_thread(self._run.result)(**options)

    async def awhy_waiting(self) -> list[dict[str, Any]]:
        """Async twin of `why_waiting`."""
        return await in_thread(lambda: self._run.why_waiting)()

    async def aevents(self, after: int = 0) -> list[StreamEvent]:
        """Async twin of `events`."""
        return await in_thread(self._run.events)(after)

    async def asuspended_steps(self) -> list[dict[str, Any]]:
        """Async twin of `suspended_steps`."""
        return await in_thread(self._run.suspended_steps)()

    async def aresume_labels(self) -> dict[str, dict[str, Any]]:
        """Async twin of `resume_labels`."""
        return await in_thread(self._run.resume_labels)()

    async def astep_output(self, path: Any) -> Any:
        """Async twin of `step_output`."""
        return await in_thread(self._run.step_output)(path)

    async def astep_payload(self, path: Any) -> Any:
        """Async twin of `step_payload`."""
        return await in_thread(self._run.step_payload)(path)

    async def atimelines(self) -> list[results.RunTimeline]:
        """Async twin of `timelines`."""
        return await in_thread(self._run.timelines)()

    async def adelete(self, *, actor: Any = None, door: str = "") -> None:
        """Async twin of `delete`."""
        await in_thread(self._run.delete)(actor=actor, door=door)

    async def arefresh(self) -> Self:
        """Async twin of `refresh`."""
        return await in_thread(self.refresh)()

    # Inside.

    @property
    def _run(self) -> Run[In, Out]:
        return cast("Run[In, Out]", self)

    def _astream(
        self,
        begin: Callable[..., object],
        close_on_suspend: bool,  # noqa: FBT001 - passed on as the verb got it
        options: Mapping[str, Any],
    ) -> RunStream:
        return RunStream(
            self._run,
            None,
            close_on_suspend=close_on_suspend,
            begin=partial(begin, **{**options, "wait": False}),
            result=self._result_reader(options),
        )

    async def _aperform(
        self, verb: Callable[..., WorkflowResult], options: Mapping[str, Any]
    ) -> WorkflowResult:
        wait, timeout, options = _waiting(options)
        if await self._stays_in_thread(wait=wait, timeout=timeout):
            whole: WorkflowResult = await _in_thread(
                verb, {**options, "wait": wait, "timeout": timeout}
            )
            return whole
        if not wait:
            return await in_thread(verb)(wait=False, **options)
        await in_thread(transactions.refuse_waiting)("a waiting verb")
        with lending.waiting(self.pk):
            begun: WorkflowResult = await in_thread(verb)(wait=False, **options)
            if begun.status == RunStatus.PENDING:
                return begun  # its start is kept until somebody lets it begin
            await waiting.await_settled(self.pk, timeout)
        await self.arefresh()
        chosen = output_options(options.get("output_options"))
        return await in_thread(results.build)(self.pk, **chosen)

    async def _amake(
        self, verb: Callable[..., Run[In, Out]], options: Mapping[str, Any]
    ) -> Run[In, Out]:
        """Perform a verb that makes another run, and wait for that run."""
        wait, timeout, options = _waiting(options)
        if await self._stays_in_thread(wait=wait, timeout=timeout):
            whole: Run[In, Out] = await _in_thread(
                verb, {**options, "wait": wait, "timeout": timeout}
            )
            return whole
        if wait:
            await in_thread(transactions.refuse_waiting)("a waiting verb")
        made = await in_thread(verb)(wait=False, **options)
        if wait and made.status != RunStatus.PENDING:
            await waiting.await_settled(made.pk, timeout)
            await made.arefresh()
        return made

    async def _stays_in_thread(self, *, wait: bool, timeout: float | None) -> bool:
        """Return whether the thread that acts also runs the steps."""
        if conf.get("EXECUTION") == "inline" and wait and timeout is None:
            return True
        return await in_thread(transactions.is_inside_testcase)()


def _waiting(options: Mapping[str, Any]) -> tuple[bool, float | None, dict[str, Any]]:
    """Return `wait`, `timeout` and the other options. Raises InvalidInput."""
    chosen = {"wait": options.get("wait", True), "timeout": options.get("timeout")}
    calling.check("the verb", chosen, chosen)
    others = {name: value for name, value in options.items() if name not in chosen}
    return chosen["wait"], chosen["timeout"], others


async def _in_thread(verb: Callable[..., Any], options: Mapping[str, Any]) -> Any:
    """Run a whole verb in a thread: Django's own inside a `TestCase`, else a new one."""
    if await in_thread(lambda: connection_here().in_atomic_block)():
        return await in_thread(verb)(**options)

    def apart() -> Any:
        try:
            return awaitable(verb, **options)
        finally:
            connection_here().close()

    return await asyncio.to_thread(apart)
