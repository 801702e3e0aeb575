"""The async twins of the verbs: only their short database parts run in threads."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Self, cast

from django.db import connection

from workflows_app import calling, conf, results
from workflows_app.engine import lending, transactions, waiting
from workflows_app.run_verbs import Verbs
from workflows_app.stream import RunStream
from workflows_app.threads import awaitable, in_thread
from workflows_app.verb_options import output_options

if TYPE_CHECKING:
    from workflows_app.results import WorkflowResult
    from workflows_app.run import Run
    from workflows_app.stream import StreamEvent


class Twins(Verbs):
    """Each verb under Django's prefix `a`: it takes and gives the same, and waits on the loop."""

    async def astart(self, input_data: Any = None, **options: Any) -> WorkflowResult:
        """Async twin of `start`."""
        return await self._aperform(partial(self.start, input_data), options)

    async def aresume(self, resume_data: Any = None, **options: Any) -> WorkflowResult:
        """Async twin of `resume`."""
        return await self._aperform(partial(self.resume, resume_data), options)

    async def arestart(self, **options: Any) -> WorkflowResult:
        """Async twin of `restart`."""
        return await self._aperform(self.restart, options)

    async def aretry(self, **options: Any) -> WorkflowResult:
        """Async twin of `retry`."""
        return await self._aperform(self.retry, options)

    async def aproceed(self, **options: Any) -> WorkflowResult:
        """Async twin of `proceed`."""
        return await self._aperform(self.proceed, options)

    async def atime_travel(self, step: Any, **options: Any) -> WorkflowResult:
        """Async twin of `time_travel`."""
        return await self._aperform(partial(self.time_travel, step), options)

    async def aplan_time_travel(self, step: Any, **options: Any) -> Any:
        """Async twin of `plan_time_travel`."""
        return await in_thread(self.plan_time_travel)(step, **options)

    async def afork(self, step: Any, **options: Any) -> Run:
        """Async twin of `fork`."""
        return await self._amake(partial(self.fork, step), options)

    async def arerun(self, input_data: Any = None, **options: Any) -> Run:
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
        self, input_data: Any = None, *, close_on_suspend: bool = True, **options: Any
    ) -> RunStream:
        """Async twin of `stream`; not awaited."""
        return self._astream(partial(self.start, input_data), close_on_suspend, options)

    def aresume_stream(
        self, resume_data: Any = None, *, close_on_suspend: bool = True, **options: Any
    ) -> RunStream:
        """Async twin of `resume_stream`; not awaited."""
        return self._astream(partial(self.resume, resume_data), close_on_suspend, options)

    def atime_travel_stream(
        self, step: Any, *, close_on_suspend: bool = True, **options: Any
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
    def _run(self) -> Run:
        return cast("Run", self)

    def _astream(
        self,
        begin: Callable[..., object],
        close_on_suspend: bool,  # noqa: FBT001 - passed on as the verb got it
        options: dict[str, Any],
    ) -> RunStream:
        return RunStream(
            self._run,
            None,
            close_on_suspend=close_on_suspend,
            begin=partial(begin, **{**options, "wait": False}),
            result=self._result_reader(options),
        )

    async def _aperform(
        self, verb: Callable[..., WorkflowResult], options: dict[str, Any]
    ) -> WorkflowResult:
        wait, timeout = _waiting(options)
        if await self._stays_in_thread(wait=wait, timeout=timeout):
            whole: WorkflowResult = await _in_thread(
                verb, {**options, "wait": wait, "timeout": timeout}
            )
            return whole
        if not wait:
            return await in_thread(verb)(wait=False, **options)
        await in_thread(transactions.refuse_waiting)("a waiting verb")
        with lending.waiting(self.pk):
            await in_thread(verb)(wait=False, **options)
            await waiting.await_settled(self.pk, timeout)
        await self.arefresh()
        chosen = output_options(options.get("output_options"))
        return await in_thread(results.build)(self.pk, **chosen)

    async def _amake(self, verb: Callable[..., Run], options: dict[str, Any]) -> Run:
        """Perform a verb that makes another run, and wait for that one."""
        wait, timeout = _waiting(options)
        if await self._stays_in_thread(wait=wait, timeout=timeout):
            whole: Run = await _in_thread(verb, {**options, "wait": wait, "timeout": timeout})
            return whole
        if wait:
            await in_thread(transactions.refuse_waiting)("a waiting verb")
        made = await in_thread(verb)(wait=False, **options)
        if wait:
            await waiting.await_settled(made.pk, timeout)
            await made.arefresh()
        return made

    async def _stays_in_thread(self, *, wait: bool, timeout: float | None) -> bool:
        """Return whether the thread that acts also runs the steps."""
        if conf.get("EXECUTION") == "inline" and wait and timeout is None:
            return True
        return await in_thread(transactions.is_inside_testcase)()


def _waiting(options: dict[str, Any]) -> tuple[bool, float | None]:
    """Take `wait` and `timeout` out of the options. Raises InvalidInput."""
    chosen = {"wait": options.pop("wait", True), "timeout": options.pop("timeout", None)}
    calling.check("the verb", chosen, chosen)
    return chosen["wait"], chosen["timeout"]


async def _in_thread(verb: Callable[..., Any], options: dict[str, Any]) -> Any:
    """Run a verb whole in a thread: Django's own inside a `TestCase`, else one of its own."""
    if await in_thread(lambda: connection.in_atomic_block)():
        return await in_thread(verb)(**options)

    def apart() -> Any:
        try:
            return awaitable(verb, **options)
        finally:
            connection.close()

    return await asyncio.to_thread(apart)
