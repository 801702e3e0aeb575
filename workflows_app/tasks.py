"""The backend of Django's tasks (`django.tasks`, Django 6.0 and newer): each task is a run.

A task is a workflow of one step, `task:<dotted path>`, that a worker makes when it first hears of
it. So tasks commit with the caller's rows, survive their worker, and show in the pages.

    TASKS = {"default": {"BACKEND": "workflows_app.tasks.SignalboxBackend"}}
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import datetime
from functools import partial
from traceback import format_exception
from typing import TYPE_CHECKING, Any, Final, TypeAlias, cast

import django
from django.apps import apps
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string
from pydantic import BaseModel, ConfigDict

from workflows_app import errors
from workflows_app.definition import registry, step
from workflows_app.definition.ids import readable
from workflows_app.engine.host import clock, ports, transactions
from workflows_app.engine.host.control import Control
from workflows_app.engine.run import payloads
from workflows_app.engine.verbs import creating, idle_worker, starting
from workflows_app.engine.verbs.starting import Place
from workflows_app.engine.work.context import StepContext
from workflows_app.jsontext import loads
from workflows_app.models import StepSnapshot
from workflows_app.planner.statuses import StepStatus
from workflows_app.verb_options import Options
from workflows_app.workflow import Workflow

if TYPE_CHECKING:
    from django.tasks.base import TaskResult as DjangosResult

    AnyTask: TypeAlias = "Task[..., Any]"
    AnyResult: TypeAlias = "DjangosResult[..., Any]"

if TYPE_CHECKING or django.VERSION >= (6, 0):
    from django.tasks import task_backends
    from django.tasks.backends.base import BaseTaskBackend
    from django.tasks.base import Task, TaskContext, TaskError, TaskResult, TaskResultStatus
    from django.tasks.exceptions import InvalidTask, InvalidTaskBackend, TaskResultDoesNotExist
    from django.tasks.signals import task_enqueued, task_finished, task_started
    from django.utils.json import normalize_json
else:
    raise ImproperlyConfigured(
        "workflows_app.tasks is a backend of django.tasks, which came with Django 6.0, and this is "
        f"Django {django.get_version()}. Update Django, or leave the backend out of TASKS."
    )

#: What the ids of workflows that are tasks begin with.
PREFIX: Final = "task:"
#: The one step of a task.
STEP: Final = "run"
#: Letters of a path, so that the id of the workflow is short enough.
MOST_LETTERS: Final = 240
#: The event with which an attempt begins.
STARTED: Final = "workflow-step-start"
#: Under what an exception's details say which class it is of; the engine keeps its name alone.
CLASS: Final = "exception_class_path"
#: In place of the worker of an attempt that has ended.
UNKNOWN: Final = "unknown"
_PATH: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)+")
_STATUSES: Final = {
    StepStatus.RUNNING: TaskResultStatus.RUNNING,
    StepStatus.SUCCESS: TaskResultStatus.SUCCESSFUL,
    StepStatus.FAILED: TaskResultStatus.FAILED,
    StepStatus.CANCELED: TaskResultStatus.FAILED,
}


class TaskCall(BaseModel):
    """One call of a task, as its run keeps it: the input that pages show."""

    model_config = ConfigDict(extra="forbid")

    args: list[Any]
    kwargs: dict[str, Any]
    priority: int = 0
    queue_name: str = "default"
    run_after: datetime | None = None
    backend: str = "default"


class Exited(Exception):
    """A task raised SystemExit; that is its failure, and must not end the worker."""


class Canceled(Exception):
    """The run of a task was canceled, so that it has no result."""


class SignalboxBackend(BaseTaskBackend):
    """Runs tasks as durable runs, in whatever process the setting `EXECUTION` says."""

    supports_defer = True
    supports_async_task = True
    supports_get_result = True
    supports_priority = True

    def validate_task(self, task: AnyTask) -> None:
        """Raise InvalidTask for a task that cannot be run here."""
        super().validate_task(task)
        if not _PATH.fullmatch(task.module_path) or len(task.module_path) > MOST_LETTERS:
            raise InvalidTask(
                f"The path {task.module_path!r} cannot name a workflow: use up to {MOST_LETTERS} "
                "ASCII letters, digits, '_' and '.'."
            )

    def enqueue(  # type: ignore[override]  # the stubs tie the task to its result
        self, task: AnyTask, args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> AnyResult:
        """Start a run that calls the task, in the caller's transaction if there is one.

        Raises InvalidTask, and TypeError for arguments that are not JSON.
        """
        self.validate_task(task)
        call = TaskCall(
            args=normalize_json(list(args)),
            kwargs=normalize_json(dict(kwargs)),
            priority=task.priority,
            queue_name=task.queue_name,
            run_after=task.run_after,
            backend=self.alias,
        )
        definition = _defined(task.module_path)
        place = Place(task.queue_name, task.run_after)
        # As soon as runs have a priority, theirs is that of the task.
        has_priority = "priority" in Options.__annotations__
        options: dict[str, Any] = {"priority": task.priority} if has_priority else {}
        with _held_back() as wakes, idle_worker.slot() as slot:
            row = creating.create(definition, None, None)
            starting.start(definition, row, call, place=place, slot=slot, **options)
            result = self.get_result(row.run_id)
            task_enqueued.send(type(self), task_result=result)
        ports.wake(wakes)
        if transactions.is_inside_testcase():
            result.refresh()  # the caller has run it
        return result

    def get_result(self, result_id: str) -> AnyResult:
        """Return what is known of a task. Raises TaskResultDoesNotExist."""
        rows = StepSnapshot.objects.current().select_related("run")
        own = rows.filter(run__workflow__id__startswith=PREFIX, path=STEP)
        found = own.filter(run__run_id=str(result_id)).first()
        if found is None:
            raise TaskResultDoesNotExist(result_id)
        return _result(found)


@contextmanager
def _held_back() -> Iterator[list[ports.ClaimableStep]]:
    """Collect hints, so that a task is announced before anybody begins with it."""
    if ports.is_holding_back():
        yield []
        return
    with ports.holding_back() as wakes:
        yield wakes


# Tasks as workflows.


def _made(workflow_id: str) -> Workflow | None:
    """Return the workflow of a task that this process has code for, or None.

    Only modules of installed apps are imported, because an id may come from a request.
    """
    path = workflow_id.removeprefix(PREFIX)
    module = path.rpartition(".")[0]
    is_ours = module in sys.modules or apps.get_containing_app_config(module) is not None
    if not is_ours or not _PATH.fullmatch(path):
        return None
    try:
        found = import_string(path)
    except ImportError:
        return None
    return _defined(path) if isinstance(found, Task) else None


def _defined(path: str) -> Workflow:
    known = registry.known(PREFIX + path)
    if known is not None:
        return cast("Workflow", known)
    name = path.rpartition(".")[2]
    once = step(
        partial(_run, path), id=STEP, description=f"Call {path}.", input=TaskCall, output=Any
    )
    made = Workflow(PREFIX + path, input=TaskCall, output=Any, title=readable(name))
    return made.then(once).commit()


def _run(path: str, call: TaskCall, ctx: StepContext) -> Any:
    """Call the task; its result, or what it raised, is that of the step."""
    rows = StepSnapshot.objects.current().select_related("run")
    began = _result(rows.get(run__run_id=ctx.run_id, path=ctx.path))
    task_started.send(type(task_backends[call.backend]), task_result=began)
    given: list[Any] = [TaskContext(task_result=began)] if began.task.takes_context else []
    try:
        value = normalize_json(began.task.call(*given, *call.args, **call.kwargs))
    except (Control, KeyboardInterrupt):
        raise
    except BaseException as error:
        with suppress(Exception):  # an exception may refuse attributes
            setattr(error, CLASS, _path_of(type(error)))
        _finish(began, TaskResultStatus.FAILED, None, error)
        if isinstance(error, Exception):
            raise
        raise Exited(str(error)) from error
    _finish(began, TaskResultStatus.SUCCESSFUL, value, None)
    return value


# Runs as results.


def _result(row: StepSnapshot) -> AnyResult:
    call = TaskCall.model_validate(row.run.input)
    status = _STATUSES.get(StepStatus(row.status), TaskResultStatus.READY)
    result: AnyResult = TaskResult(
        task=_task(row.run.workflow_id, call),
        id=row.run.run_id,
        status=status,
        enqueued_at=row.run.created_at,
        started_at=row.started_at,
        finished_at=row.ended_at,
        last_attempted_at=_last_attempt(row),
        args=call.args,
        kwargs=call.kwargs,
        backend=call.backend,
        errors=[_error(row.error)] if status is TaskResultStatus.FAILED else [],
        worker_ids=_workers(row),
    )
    if status is TaskResultStatus.SUCCESSFUL:
        object.__setattr__(result, "_return_value", loads(payloads.output_of(row)))
    return result


def _task(workflow_id: str, call: TaskCall) -> AnyTask:
    """Return the task of a call, as it was enqueued. Raises TaskResultDoesNotExist without code."""
    path = workflow_id.removeprefix(PREFIX)
    try:
        found = import_string(path)
    except ImportError:
        found = None
    if not isinstance(found, Task):
        raise TaskResultDoesNotExist(f"There is no task {path!r} in this process.")
    return replace(
        found,
        priority=call.priority,
        queue_name=call.queue_name,
        run_after=call.run_after,
        backend=call.backend,
    )


def _workers(row: StepSnapshot) -> list[str]:
    """Return one entry for each attempt; the database knows the worker of the present one."""
    return [UNKNOWN] * (row.token - 1) + [str(row.worker_id or UNKNOWN)] * min(row.token, 1)


def _last_attempt(row: StepSnapshot) -> datetime | None:
    """Return when the latest attempt began; a step keeps when its first one did."""
    if row.token <= 1:
        return row.started_at
    log = row.run.log.order_by("-pk")
    begun = (each.at for each in log if any(e["type"] == STARTED for e in each.events))
    return next(begun, row.started_at)


def _error(error: Mapping[str, Any] | None) -> TaskError:
    """Return a stored error as Django's."""
    if error is None:
        return TaskError(exception_class_path=_path_of(Canceled), traceback="")
    if error["type"] == Exited.__name__ and error.get("cause"):
        error = error["cause"]
    own = getattr(errors, error["type"], None)
    path = error.get("details", {}).get(CLASS) or (
        f"builtins.{error['type']}" if own is None else _path_of(own)
    )
    named = path.removeprefix("builtins.")
    said = f"{named}: {error['message']}" if error["message"] else named
    text = f"Traceback (most recent call last):\n{error['traceback'].rstrip()}\n{said}\n"
    return TaskError(exception_class_path=path, traceback=text)


def _failed(error: BaseException) -> TaskError:
    text = "".join(format_exception(error))
    return TaskError(exception_class_path=_path_of(type(error)), traceback=text)


def _path_of(class_: type) -> str:
    return f"{class_.__module__}.{class_.__qualname__}"


def _finish(
    result: AnyResult, status: TaskResultStatus, value: Any, error: BaseException | None
) -> None:
    """Write in a result, for receivers of the signal, how its attempt ended."""
    object.__setattr__(result, "status", status)
    object.__setattr__(result, "finished_at", clock.now())
    object.__setattr__(result, "_return_value", value)
    if error is not None:
        result.errors.append(_failed(error))
    task_finished.send(type(task_backends[result.backend]), task_result=result)


def announce() -> None:
    """Make tasks known to the processes that run them: how they are made, and their queues."""
    registry.make_by(PREFIX, _made)
    for alias, given in getattr(settings, "TASKS", {}).items():
        with suppress(ImportError, InvalidTaskBackend):
            if issubclass(import_string(given["BACKEND"]), SignalboxBackend):
                registry.add_queues(task_backends[alias].queues)
