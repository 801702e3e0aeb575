"""Composing a workflow, entry by entry, until `commit()` freezes it."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Hashable, Iterable, Mapping
from functools import cached_property
from typing import Any, Final, Literal, Self

from workflows_app import errors
from workflows_app.definition import functions, mappings, options, registry, serialize
from workflows_app.definition.graph import Graph, Kind, Node, compile_graph, place, walk
from workflows_app.definition.ids import check_id, readable
from workflows_app.definition.names import Names, describe
from workflows_app.definition.schemas import Schema
from workflows_app.definition.steps import Step, step

#: The types of a workflow.
_SCHEMAS: Final = ("input", "output", "state", "request_context")


class Builder:
    """What a workflow is, without the verbs: see `workflows_app.Workflow`.

    A method that raises has added nothing.
    """

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
        on_start: Callable[..., Any] | None = None,
        on_finish: Callable[..., Any] | None = None,
        on_error: Callable[..., Any] | None = None,
        permission: str | None = None,
        on_version_change: Literal["continue", "refuse"] = "continue",
    ) -> None:
        """Begin a workflow. Types are whatever Pydantic's TypeAdapter takes; delays are seconds.

        Raises InvalidId, and InvalidStep for an option that cannot be.
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
        self.on_start = options.hook(on_start, "on_start", what)
        self.on_finish = options.hook(on_finish, "on_finish", what)
        self.on_error = options.hook(on_error, "on_error", what)
        self.permission = options.permission(permission, "permission", what)
        self.on_version_change = options.one_of(
            on_version_change, "on_version_change", what, ("continue", "refuse")
        )
        self.is_committed = False
        #: The module in which it was written, for messages.
        self.defined_in = self._defining_module()
        self._entries: list[Node] = []
        #: Every node at every depth so far, by path.
        self._nodes: dict[str, Node] = {}
        self._names = Names(self.id)
        #: Plain function -> the step made of it: the same function is the same step.
        self._made: dict[Any, Step] = {}

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.id}>"

    # Entries.

    def then(
        self,
        step: Step | Builder | Callable[..., Any],
        *,
        id: str | None = None,  # noqa: A002 - the contract's name
        description: str | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> Self:
        """Add a step, a workflow as a step, or a function; its input is the previous output.

        Raises AlreadyCommitted, DuplicateStep, InvalidStep, and NotCommitted for a nested workflow
        that is still open.
        """
        about = self._about(id, description, metadata)
        part = self._part(step, "then()")
        # `id` names entries with a record of their own, as a nested workflow is; not steps.
        name = self._names.of_part(part, id if isinstance(part, Builder) else None)
        return self._add(_node_of(part, name, **about))

    def parallel(
        self,
        steps: Iterable[Step | Builder | Callable[..., Any]],
        *,
        allow_failure: bool = False,
        id: str | None = None,  # noqa: A002 - the contract's name
        description: str | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> Self:
        """Add steps that run side by side on the previous output; the output is keyed by step id.

        With `allow_failure` a child that failed gives None, and the run goes on. Raises what
        `then` raises.
        """
        about = self._about(id, description, metadata)
        parts = [self._part(part, "parallel()") for part in self._listed(steps, "parallel()")]
        may_fail = options.flag(allow_failure, "allow_failure", self._what)
        names = self._names.copy()
        name = names.of_entry(Kind.PARALLEL, id)
        arms = self._arms(names, parts, name)
        self._names = names
        return self._add(
            Node(Kind.PARALLEL, name, name, children=arms, allow_failure=may_fail, **about)
        )

    def branch(
        self,
        pairs: Iterable[tuple[Callable[..., Any], Step | Builder | Callable[..., Any]]],
        *,
        id: str | None = None,  # noqa: A002 - the contract's name
        description: str | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> Self:
        """Add (condition, step) pairs; every step whose condition is true runs.

        All get the previous output; the output is keyed by step id, `{}` when none was true.
        Raises what `then` raises.
        """
        about = self._about(id, description, metadata)
        split = [self._pair(pair) for pair in self._listed(pairs, "branch()")]
        parts = [self._part(part, "branch()") for _, part in split]
        names = self._names.copy()
        name = names.of_entry(Kind.BRANCH, id)
        arms = self._arms(names, parts, name)
        conditions = tuple(
            functions.function(condition, f"The condition of {part.id!r} in {self._what}")
            for (condition, _), part in zip(split, parts, strict=True)
        )
        self._names = names
        return self._add(
            Node(Kind.BRANCH, name, name, children=arms, conditions=conditions, **about)
        )

    def map(
        self,
        mapping: Callable[..., Any] | Mapping[str, Any],
        *,
        id: str | None = None,  # noqa: A002 - the contract's name
        description: str | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> Self:
        """Make the next input: by a function, or as an object of `from_step(...)` and the like.

        Raises AlreadyCommitted, DuplicateStep, and InvalidStep, also for a step that does not
        stand before the map.
        """
        about = self._about(id, description, metadata)
        what = f"{f'map {id!r}' if id else 'A map'} of {self._what}"
        made = mappings.mapping(mapping, what).bind(self._nodes, what)
        name = self._names.of_entry(Kind.MAP, id)
        return self._add(Node(Kind.MAP, name, name, mapping=made, **about))

    def commit(self) -> Self:
        """Freeze the workflow and register it; a second time changes nothing.

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
        self.is_committed = True
        registry.register(self)
        return self

    def clone(self, id: str) -> Self:  # noqa: A002 - the contract's name
        """Return a committed workflow with the entries so far and the same options."""
        twin = copy.copy(self)
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
        """Return the graph as JSON values, with the schemas of all it takes and gives.

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

    @property
    def _what(self) -> str:
        return f"workflow {self.id!r}"

    @cached_property
    def _written(self) -> bytes:
        return serialize.write(self.tree.to_json())

    def _about(
        self, id_: str | None, description: str | None, metadata: Mapping[str, Any] | None
    ) -> dict[str, Any]:
        """Return what an entry is told of itself; the first look of every method that adds."""
        if self.is_committed:
            raise errors.AlreadyCommitted(
                f"{self._what} is committed, so it cannot change any more. Add the entry before "
                "commit()."
            )
        what = f"An entry of {self._what}"
        return {
            "entry_id": None if id_ is None else check_id(id_, "entry"),
            "description": options.text(description or "", "description", what),
            "metadata": options.metadata(metadata or {}, "metadata", what),
        }

    def _part(self, given: Any, where: str) -> Step | Builder:
        """Return what was given as a step or a workflow; the same function is the same step."""
        if isinstance(given, Builder):
            given.require_committed()
            return given
        if isinstance(given, Step):
            return given
        if not callable(given):
            raise errors.InvalidStep(
                f"{where} of {self._what} was given {given!r}; it takes steps, workflows and "
                "functions."
            )
        made = self._made.get(given) if isinstance(given, Hashable) else None
        if made is None:
            made = step(given)
            if isinstance(given, Hashable):
                self._made[given] = made
        return made

    def _arms(self, names: Names, parts: list[Step | Builder], name: str) -> tuple[Node, ...]:
        for index, part in enumerate(parts):
            if part in parts[:index]:
                raise errors.DuplicateStep(
                    f"{describe(part)} stands twice in {name!r} of {self._what}, where outputs are "
                    f"kept by step id. Use .clone(id='{part.id}-again') for the second."
                )
        return tuple(_node_of(part, names.of_part(part)) for part in parts)

    def _listed(self, given: Any, where: str) -> list[Any]:
        if not isinstance(given, Iterable) or isinstance(given, (str, bytes, Mapping)):
            raise errors.InvalidStep(f"{where} of {self._what} takes a list, not {given!r}.")
        if not (listed := list(given)):
            raise errors.InvalidStep(
                f"{where} of {self._what} was given an empty list; give it at least one step."
            )
        return listed

    def _pair(self, pair: Any) -> tuple[Any, Any]:
        if not isinstance(pair, (tuple, list)) or len(pair) != 2:  # noqa: PLR2004 - a pair
            raise errors.InvalidStep(
                f"branch() of {self._what} takes pairs of a condition and a step, not {pair!r}."
            )
        if isinstance(pair[0], (Step, Builder)):
            raise errors.InvalidStep(
                f"branch() of {self._what} was given {describe(pair[0])} as a condition; in a pair "
                "the condition, a function, comes first and the step second."
            )
        return pair[0], pair[1]

    def _add(self, node: Node) -> Self:
        placed = place(node)
        self._entries.append(placed)
        self._nodes.update({each.path: each for each in walk([placed])})
        return self

    def _defining_module(self) -> str:
        frame = inspect.currentframe()
        while frame is not None and frame.f_locals.get("self") is self:
            frame = frame.f_back
        return "" if frame is None else str(frame.f_globals.get("__name__", ""))


def _node_of(part: Step | Builder, name: str, **about: Any) -> Node:
    about["description"] = about.get("description") or part.description
    if isinstance(part, Step):
        return Node(Kind.STEP, name, part.id, step=part, **about)
    return Node(Kind.WORKFLOW, name, part.id, workflow=part, **about)
