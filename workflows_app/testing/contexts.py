"""A context to call a step's function with, without a run."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from workflows_app.definition import ANY, event_names
from workflows_app.engine.host import control
from workflows_app.engine.run.claims import Claim
from workflows_app.engine.run.sessions import Session
from workflows_app.engine.work.attempts import Attempt
from workflows_app.engine.work.context import StepContext
from workflows_app.engine.work.writer import Writer
from workflows_app.jsontext import NULL, Raw
from workflows_app.results import WorkflowResult

#: What `ctx.suspend()` and `ctx.bail()` raise, for `pytest.raises`; `.payload` and `.result` tell
#: what the step gave.
Suspended = control.SuspendStep
Bailed = control.BailRun


#: No step sees when it was claimed, and asking what time it is may need a database.
_SOME_TIME: Final = datetime(1970, 1, 1, tzinfo=UTC)


def _claim(run_id: str, *, path: str, **known: Any) -> Claim:
    """Return a claim of a step of no run."""
    run = uuid.uuid5(uuid.NAMESPACE_OID, run_id)
    return Claim(
        run=run,
        run_id=run_id,
        trace_id="",
        span_id="",
        is_sampled=False,
        step=1,
        path=path,
        base_path=path,
        kind="step",
        token=1,
        worker=uuid.UUID(int=0),
        queue="default",
        resume_payload=None,
        claimed_at=_SOME_TIME,
        session=Session(run),
        **known,
    )


class FakeContext(StepContext):
    """A `StepContext` of no run: `my_step(data, FakeContext(resume_data={"ok": True}))`.

    What the function writes is kept in `written`: chunks as they came, and events of its own as
    pairs of type and data.
    """

    def __init__(
        self,
        *,
        input_data: Any = None,
        resume_data: Any = None,
        suspend_data: Any = None,
        state: Mapping[str, Any] | None = None,
        request_context: Mapping[str, Any] | None = None,
        init_data: Any = None,
        results: Mapping[str, Any] | None = None,
        events: Mapping[str, Any] | None = None,
        runs: Mapping[str, WorkflowResult] | None = None,
        path: str = "step",
        run_id: str = "run",
        workflow_id: str = "workflow",
        resource_id: str | None = None,
        retry_count: int = 0,
        restarted: bool = False,
    ) -> None:
        """`results`: what `get_step_result` finds, by the ids of steps; `events`: what
        `wait_for_event` gives, by the names of events (an exception is raised);
        `runs`: what `wait_for_run` gives, by run ids. Runs that the function starts are kept in
        `started`, as workflow id, input and key; their ids are `run-1`, `run-2`.
        """
        claim = _claim(
            run_id,
            path=path,
            workflow_id=workflow_id,
            resource_id=resource_id,
            retry_count=retry_count,
            restarted=restarted,
            payload=_text(input_data),
            is_resuming=resume_data is not None,
            suspend_payload=None if suspend_data is None else _text(suspend_data),
            state=dict(state or {}),
            request_context=dict(request_context or {}),
        )
        super().__init__(
            claim,
            Attempt(claim.run, None, claim.name),
            input_data=input_data,
            resume_data=resume_data,
        )
        self.written: list[Any] = []
        self.writer = _Kept(claim, self.written)
        self._init_data = init_data
        self._results = dict(results or {})
        self._events = dict(events or {})
        self._runs = dict(runs or {})
        self.started: list[tuple[str, Any, str]] = []
        self._begun: dict[tuple[str, str], str] = {}

    def get_init_data(self) -> Any:
        """Return what was given as `init_data`."""
        return self._init_data

    def get_step_result(self, step: Any, default: Any = None) -> Any:
        """Return what was given in `results`, else `default`."""
        return self._results.get(step if isinstance(step, str) else step.id, default)

    def wait_for_event(self, name: str, key: Any = "", *, timeout: Any = None) -> Any:
        """Return what was given in `events`, or raise it; without it, suspend."""
        if name not in self._events:
            asked = {"kind": "event", "event": name, "key": event_names.check_key(key, name)}
            raise Suspended(asked)
        if isinstance(given := self._events[name], Exception):
            raise given
        return given

    def start(
        self,
        workflow: Any,
        input: Any = None,  # noqa: A002 - the contract's name
        key: Any = "",
        *,
        cancel_with_parent: bool = False,
    ) -> str:
        """Note that the function started a run, once for each workflow and key."""
        flow = workflow if isinstance(workflow, str) else workflow.id
        named = (flow, event_names.check_key(key, "start()"))
        if named not in self._begun:
            self.started.append((flow, input, named[1]))
            self._begun[named] = f"run-{len(self.started)}"
        return self._begun[named]

    def wait_for_run(self, run_id: str) -> WorkflowResult:
        """Return what was given in `runs`; without it, suspend."""
        if run_id not in self._runs:
            raise Suspended({"kind": "run", "run_id": run_id})
        return self._runs[run_id]

    def callback_url(self) -> str:
        """Return a URL that leads nowhere."""
        return "https://callback.invalid/api/v1/callbacks/token"


class _Kept(Writer):
    """Keeps what is written."""

    def __init__(self, claim: Claim, written: list[Any]) -> None:
        super().__init__(claim)
        self._into = written

    def write(self, chunk: Any) -> None:
        """Keep a chunk."""
        self._into.append(chunk)

    def custom(self, type: str, data: Any, transient: bool = False) -> None:  # noqa: A002, FBT001, FBT002 - the contract's names
        """Keep an event of the step's own, as a pair of its type and its data."""
        self._into.append((type, data))


def _text(value: Any) -> Raw:
    return NULL if value is None else Raw(ANY.dump(value).decode())
