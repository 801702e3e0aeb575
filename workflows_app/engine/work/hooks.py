"""Calls a workflow's hooks. Their exceptions are logged and change nothing."""

import inspect
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from workflows_app import results
from workflows_app.definition import Builder
from workflows_app.definition.functions import function, invoke
from workflows_app.engine.host import surroundings
from workflows_app.engine.run import followers
from workflows_app.engine.run.claims import Claim
from workflows_app.engine.run.failing import is_away
from workflows_app.engine.work import attempts, endings
from workflows_app.engine.work.loops import run_to_end
from workflows_app.jsontext import loads
from workflows_app.models import Run
from workflows_app.planner.statuses import RunStatus

logger = logging.getLogger("workflows_app.hooks")


@dataclass(frozen=True)
class HookInfo:
    """What a hook gets. A hook may be called twice; `seq`, the finish event's number, tells so."""

    status: str
    run_id: str
    workflow_id: str
    resource_id: str | None
    result: Any
    error: results.ErrorInfo | None
    steps: dict[str, results.StepResult]
    state: dict[str, Any]
    request_context: dict[str, Any]
    seq: int | None
    input: Any = None

    def get_init_data(self) -> Any:
        """Return the workflow's input."""
        return self.input

    @property
    def logger(self) -> logging.LoggerAdapter[logging.Logger]:
        """A logger that knows the run."""
        return logging.LoggerAdapter(
            logger, {"run_id": self.run_id, "workflow_id": self.workflow_id}
        )


def info_of(run: Run, *, seq: int | None = None, **known: Any) -> HookInfo:
    """Return what a hook gets about a run; `known` overrides values of its row."""
    fields: dict[str, Any] = {
        "status": run.status,
        "run_id": run.run_id,
        "workflow_id": run.workflow_id,
        "resource_id": run.resource_id,
        "result": run.result,
        "error": None if run.error is None else results.ErrorInfo(**run.error),
        "steps": results.step_results(results.visible(run.pk), run.timeline),
        "state": run.state,
        "request_context": run.request_context,
        "seq": seq,
        "input": run.input,
    }
    return HookInfo(**{**fields, **known})


def call_after_settling(definition: Builder, claim: Claim) -> None:
    """Call `on_error` if the run failed, then `on_finish`, for one settling of a run."""
    told = loads(claim.payload)
    if told.get("is_followed"):
        _tell_followers(claim)
    if definition.on_finish is None and definition.on_error is None:
        return
    try:
        info = info_of(Run.objects.get(pk=claim.run), seq=told["seq"], status=told["status"])
    except Exception as error:
        if is_away(error):
            raise
        logger.exception("Run %s could not be read for its hooks.", claim.run_id)
        return
    # A hook that waits for another run blocks its thread, just as a step does.
    with attempts.running(claim.run, name=claim.name, claim=claim):
        _call_both(definition, info)


def _tell_followers(claim: Claim) -> None:
    """Give the result to the steps that wait for the run; cancel runs that are tied to it."""
    run = Run.objects.filter(pk=claim.run).light().first()
    if run is None or not run.is_ended:
        return  # deleted, or retried meanwhile: it will end again
    followers.tell(run, endings.result_of(run.pk) if run.is_awaited else None)


def _call_both(definition: Builder, info: HookInfo) -> None:
    if info.status == RunStatus.FAILED and definition.on_error is not None:
        _call_logged(definition.on_error, info)
    if definition.on_finish is not None:
        _call_logged(definition.on_finish, info)


def call(hook: Callable[..., Any], info: HookInfo) -> None:
    """Call one hook, sync or async. Raises what the hook raises."""
    what = f"{getattr(hook, '__name__', 'A hook')} of run {info.run_id}"
    surroundings.within(what, lambda: _call(hook, info, what))


def _call(hook: Callable[..., Any], info: HookInfo, what: str) -> None:
    returned = invoke(hook, min(function(hook, "A hook").arity, 1), info, None)
    if inspect.iscoroutine(returned):
        run_to_end(returned, what)


def _call_logged(hook: Callable[..., Any], info: HookInfo) -> None:
    try:
        call(hook, info)
    except KeyboardInterrupt:
        raise
    except BaseException:
        name = getattr(hook, "__name__", "a hook")
        logger.exception("%s of workflow %s raised an error; run %s is unchanged.", name,
                         info.workflow_id, info.run_id)  # fmt: skip
