"""The definition of a workflow: options, types, and entries until `commit()` freezes them."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from functools import cached_property
from types import FrameType
from typing import Any, Final, Generic, Literal, Self, TypedDict, Unpack, overload

from typing_extensions import TypeVar

from workflows_app import errors
from workflows_app.definition import deadlines, fitting, options, registry, schedules, serialize
from workflows_app.definition.calls import called
from workflows_app.definition.composer import Composer
from workflows_app.definition.deadlines import Deadline
from workflows_app.definition.exhausted import OnExhausted
from workflows_app.definition.graph import Graph, compile_graph
from workflows_app.definition.ids import check_id, readable
from workflows_app.definition.schedules import Schedule
from workflows_app.definition.schemas import Schema

#: The types of a workflow.
_SCHEMAS: Final = ("input", "output", "state", "request_context")

#: The input and the output of a workflow, for type checkers; what is not given is Any.
In = TypeVar("In", default=Any)
Out = TypeVar("Out", default=Any)

Hook = Callable[..., Any]


class WorkflowOptions(TypedDict, total=False):
    """What a workflow takes by keyword besides its input and output."""

    state: Any
    request_context: Any
    title: str | None
    description: str | None
    metadata: Mapping[str, Any] | None
    retry_attempts: int
    retry_delay: float
    validate_inputs: bool
    auto_restart: bool
    schedule: Schedule | Iterable[Schedule] | None
    on_start: Hook | None
    on_finish: Hook | None
    on_error: Hook | None
    permission: str | None
    on_version_change: Literal["continue", "refuse"]
    on_exhausted: OnExhausted
    deadline: Deadline | None
    start_within: float | timedelta | None


class Builder(Composer, Generic[In, Out]):
    """A workflow's definition, without the verbs of `workflows_app.Workflow`.

    A method that raises adds nothing.
    """

    @overload
    def __init__(
        self,
        id: str,
        *,
        input: type[In] | None = None,
        output: type[Out] | None = None,
        **options: Unpack[WorkflowOptions],
    ) -> None: ...
    @overload
    def __init__(
        self: Builder[Any, Any],
        id: str,
        *,
        input: Any = None,
        output: Any = None,
        **options: Unpack[WorkflowOptions],
    ) -> None: ...
    @called('Workflow("id", input=Type)')
    def __init__(
        self,
        id: str,  # noqa: A002 - the contract's name
        *,
        input: Any = None,  # noqa: A002 - the contract's name
        output: Any = None,
        state: Any = None,
        request_context: Any = None,
        title: str | None = None,
        description: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        retry_attempts: int = 0,
        retry_delay: float = 0,
        validate_inputs: bool = True,
        auto_restart: bool = True,
        schedule: Schedule | Iterable[Schedule] | None = None,
        on_start: Hook | None = None,
        on_finish: Hook | None = None,
        on_error: Hook | None = None,
        permission: str | None = None,
        on_version_change: Literal["continue", "refuse"] = "continue",
        on_exhausted: OnExhausted = "fail",
        deadline: Deadline | None = None,
        start_within: float | timedelta | None = None,
    ) -> None:
        """Begin a workflow. A type is anything that Pydantic's TypeAdapter takes; delays are
        seconds.

        Raises InvalidId, InvalidStep for an invalid option, InvalidSchedule, DuplicateSchedule and
        InvalidDeadline.
        """
        self.id = check_id(id, "workflow")
        what = f"Workflow {self.id!r}"
        self.input = Schema(input, f"The input of {what}")
        self.output = Schema(output, f"The output of {what}")
        self.state = Schema(state, f"The state of {what}")
        self.request_context = Schema(request_context, f"The request context of {what}")
        self.title = options.text(title or readable(self.id), "title", what)
        self.description = options.text(description or "", "description", what)
        self.metadata: Mapping[str, Any] = options.metadata(metadata or {}, "metadata", what)
        self.retry_attempts = options.whole_number(retry_attempts, "retry_attempts", what)
        self.retry_delay = options.seconds(retry_delay, "retry_delay", what)
        self.validate_inputs = options.flag(validate_inputs, "validate_inputs", what)
        self.auto_restart = options.flag(auto_restart, "auto_restart", what)
        self.schedule_definitions = schedules.read(schedule, what)
        self.on_start = options.hook(on_start, "on_start", what)
        self.on_finish = options.hook(on_finish, "on_finish", what)
        self.on_error = options.hook(on_error, "on_error", what)
        self.permission = options.permission(permission, "permission", what)
        self.on_version_change = options.one_of(
            on_version_change, "on_version_change", what, ("continue", "refuse")
        )
        self.on_exhausted: OnExhausted = options.on_exhausted(on_exhausted, "on_exhausted", what)
        self.deadline = deadlines.checked(deadline, what)
        #: How many seconds a run may wait to begin after its start; None: as long as it takes.
        self.start_within = deadlines.start_within(start_within, what)
        self.is_committed = False
        #: The module that defines it, for messages.
        self.defined_in = self._defining_module()
        super().__init__()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.id}>"

    # The end of composing.

    @called("commit()")
    def commit(self) -> Self:
        """Freeze the workflow and register it; a second call changes nothing.

        Raises EmptyWorkflow, and InvalidStep for a type with a name that is still unknown.
        """
        if self.is_committed:
            return self
        if not self._entries:
            raise errors.EmptyWorkflow(
                f"{self._what} has no steps, and a workflow has at least one. Add it with then() "
                "before commit()."
            )
        for name in _SCHEMAS:
            schema: Schema = getattr(self, name)
            schema.prepare()
        for node in self._nodes.values():
            if node.step is not None:
                node.step.prepare()
        self._graph = compile_graph(self, self._entries)
        fitting.warn(self, self._graph)
        self.is_committed = True
        registry.register(self)
        return self

    @called('clone(id="other")')
    def clone(self, id: str) -> Self:  # noqa: A002 - the contract's name
        """Return a committed workflow with the entries so far and the same options.

        Its schedules are not cloned, because each of their times would then start two runs.
        """
        twin = copy.copy(self)
        twin.schedule_definitions = ()
        twin.id = check_id(id, "workflow")
        twin.title = readable(twin.id) if self.title == readable(self.id) else self.title
        for cached in ("version_hash", "_written"):
            twin.__dict__.pop(cached, None)
        twin.is_committed = False
        return twin.commit()

    # What it is.

    @property
    def tree(self) -> Graph:
        """The compiled graph; raises NotCommitted before `commit()`."""
        self.require_committed()
        return self._graph

    def graph(self) -> dict[str, Any]:
        """Return the graph as JSON values, with the schemas of all its types.

        The caller may keep and change it. Raises NotCommitted.
        """
        return serialize.read(self._written)

    @cached_property
    def version_hash(self) -> str:
        """The hash of `graph()`: the name of this version. Raises NotCommitted."""
        return serialize.graph_hash(self.graph())

    def require_committed(self) -> None:
        """Raise NotCommitted unless the workflow was committed."""
        if not self.is_committed:
            raise errors.NotCommitted(
                f"{self._what} is not committed, so it can still change. Call commit() after its "
                "last entry."
            )

    # Inside.

    @cached_property
    def _written(self) -> bytes:
        return serialize.write(self.tree.to_json())

    def _defining_module(self) -> str:
        frame = inspect.currentframe()
        while frame is not None and _is_making(self, frame):
            frame = frame.f_back
        return "" if frame is None else str(frame.f_globals.get("__name__", ""))


def _is_making(workflow: object, frame: FrameType) -> bool:
    # `typing` calls the class for `Workflow[Order, Receipt]("orders")`.
    inside = frame.f_locals.get("self") is workflow
    return inside or frame.f_globals.get("__name__") == "typing"
