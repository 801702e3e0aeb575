"""Composing a workflow, entry by entry, until `commit()` freezes it."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from typing import Any, Final, Literal, Self

from workflows_app import errors
from workflows_app.definition import functions, mappings, registry, serialize
from workflows_app.definition.graph import Graph, Kind, Node, compile_graph
from workflows_app.definition.ids import check_id
from workflows_app.definition.schemas import Schema
from workflows_app.definition.steps import Step, step

Part = "Step | Builder | Callable[..., Any]"


class Builder:
    """What a workflow is, without the verbs: see `workflows_app.Workflow`."""

    def __init__(  # noqa: PLR0913 - the contract's options
        self,
        id: str,  # noqa: A002 - the contract's name
        *,
        input: Any = None,  # noqa: A002 - the contract's name
        output: Any = None,
        state: Any = None,
        request_context: Any = None,
        title: str | None = None,
        description: str = "",
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

        Raises InvalidId and InvalidStep.
        """
        self.id = check_id(id, "workflow")
        self.input = Schema(input, f"The input of workflow {id!r}")
        self.output = Schema(output, f"The output of workflow {id!r}")
        self.state = Schema(state, f"The state of workflow {id!r}")
        self.request_context = Schema(request_context, f"The request context of workflow {id!r}")
        self.title = title or _readable(id)
        self.description = description
        self.metadata: Mapping[str, Any] = dict(metadata or {})
        self.retry_attempts = retry_attempts
        self.retry_delay = retry_delay
        self.validate_inputs = validate_inputs
        self.auto_restart = auto_restart
        self.on_start = on_start
        self.on_finish = on_finish
        self.on_error = on_error
        self.permission = permission
        self.on_version_change = on_version_change
        self.is_committed = False
        self._entries: list[Node] = []
        self._names: dict[str, object] = {}
        self._counts: Counter[str] = Counter()
        self._check_options()

    def _check_options(self) -> None:
        if self.retry_attempts < 0 or self.retry_delay < 0:
            raise errors.InvalidStep(
                f"Workflow {self.id!r} has retry_attempts={self.retry_attempts}, "
                f"retry_delay={self.retry_delay}; neither may be negative."
            )
        if self.on_version_change not in {"continue", "refuse"}:
            raise errors.InvalidStep(
                f"Workflow {self.id!r} has on_version_change={self.on_version_change!r}; it must "
                "be 'continue' or 'refuse'."
            )
        for name in ("input", "output", "state", "request_context"):
            schema: Schema = getattr(self, name)
            schema.prepare()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.id}>"

    # Entries.

    def then(
        self,
        step: Any,
        *,
        id: str | None = None,  # noqa: A002 - the contract's name
        description: str | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> Self:
        """Add a step, or a workflow as a step; its input is the previous output."""
        self._refuse_when_committed()
        node = self._part(step)
        return self._add(node, id, description, metadata)

    def parallel(
        self,
        steps: Iterable[Any],
        *,
        allow_failure: bool = False,
        id: str | None = None,  # noqa: A002 - the contract's name
        description: str | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> Self:
        """Add steps that run side by side; the output is keyed by step id.

        With `allow_failure` a child that failed gives None, and the run goes on.
        """
        self._refuse_when_committed()
        name = self._entry_name(Kind.PARALLEL, id)
        children = self._arms(list(steps), name)
        node = Node(Kind.PARALLEL, name, name, children=children, allow_failure=allow_failure)
        return self._add(node, id, description, metadata)

    def branch(
        self,
        pairs: Iterable[tuple[Callable[..., Any], Any]],
        *,
        id: str | None = None,  # noqa: A002 - the contract's name
        description: str | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> Self:
        """Add (condition, step) pairs; every step whose condition is true runs."""
        self._refuse_when_committed()
        name = self._entry_name(Kind.BRANCH, id)
        given = [self._pair(pair, name) for pair in pairs]
        conditions = tuple(
            functions.function(condition, f"A condition of {name!r} in workflow {self.id!r}")
            for condition, _ in given
        )
        children = self._arms([part for _, part in given], name)
        node = Node(Kind.BRANCH, name, name, children=children, conditions=conditions)
        return self._add(node, id, description, metadata)

    def map(
        self,
        mapping: Any,
        *,
        id: str | None = None,  # noqa: A002 - the contract's name
        description: str | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> Self:
        """Add a mapping: a function, or an object of `from_step`, `from_init` and the like."""
        self._refuse_when_committed()
        name = self._entry_name(Kind.MAP, id)
        node = Node(Kind.MAP, name, name, mapping=mappings.mapping(mapping))
        return self._add(node, id, description, metadata)

    def commit(self) -> Self:
        """Freeze the workflow and register it. Raises EmptyWorkflow, and InvalidStep for a type."""
        self._refuse_when_committed()
        if not self._entries:
            raise errors.EmptyWorkflow(
                f"Workflow {self.id!r} has no steps; add one with then() before commit()."
            )
        graph = compile_graph(self, self._entries)
        self._check(graph)
        self.is_committed = True
        self.__dict__["tree"] = graph
        registry.register(self)
        return self

    def clone(self, *, id: str) -> Self:  # noqa: A002 - the contract's name
        """Return a committed workflow with the same entries and options under another id."""
        self.require_committed()
        twin = type(self).__new__(type(self))
        twin.__dict__.update(self.__dict__)
        for cached in ("tree", "version_hash"):
            twin.__dict__.pop(cached, None)
        twin.id = check_id(id, "workflow")
        twin.title = _readable(id) if self.title == _readable(self.id) else self.title
        twin.is_committed = False
        return twin.commit()

    # What it is.

    @cached_property
    def tree(self) -> Graph:
        """The compiled graph; NotCommitted before `commit()`, which puts it here."""
        raise self._not_committed()

    @cached_property
    def version_hash(self) -> str:
        """The hash of the graph's shape: the name of this version."""
        return serialize.graph_hash(self.graph())

    def graph(self) -> dict[str, Any]:
        """Return the graph as JSON, with the schemas of everything it takes and gives."""
        return serialize.workflow_json(self, self.tree.entries)

    def require_committed(self) -> None:
        """Raise NotCommitted unless the workflow was committed."""
        if not self.is_committed:
            raise self._not_committed()

    def _not_committed(self) -> errors.NotCommitted:
        return errors.NotCommitted(
            f"Workflow {self.id!r} is not committed; call commit() after its last entry."
        )

    # Inside.

    def _refuse_when_committed(self) -> None:
        if self.is_committed:
            raise errors.AlreadyCommitted(
                f"Workflow {self.id!r} is committed and cannot be changed; clone its definition, "
                "or add the entry before commit()."
            )

    def _add(
        self,
        node: Node,
        entry_id: str | None,
        description: str | None,
        metadata: Mapping[str, Any] | None,
    ) -> Self:
        if entry_id is not None:
            check_id(entry_id, "entry")
        own = node.step or node.workflow
        fields = {
            "entry_id": entry_id,
            "description": description or (own.description if own else ""),
            "metadata": dict(metadata or {}),
        }
        self._entries.append(Node(**{**node.__dict__, **fields}))
        return self

    def _part(self, given: Any) -> Node:
        """Return a step or a workflow as an entry, under a name that is free."""
        if isinstance(given, Builder):
            given.require_committed()
            name = self._take_name(given.id, given)
            return Node(Kind.WORKFLOW, name, given.id, workflow=given)
        if not isinstance(given, Step):
            if not callable(given):
                raise errors.InvalidStep(
                    f"Workflow {self.id!r} was given {given!r} as a step; it takes a Step, a "
                    "workflow or a function."
                )
            given = step(given)
        return Node(Kind.STEP, self._take_name(given.id, given), given.id, step=given)

    def _arms(self, parts: list[Any], name: str) -> tuple[Node, ...]:
        if not parts:
            raise errors.InvalidStep(
                f"{name!r} in workflow {self.id!r} has no steps; give it at least one."
            )
        children = tuple(self._part(part) for part in parts)
        keys = Counter(child.key for child in children)
        if doubled := [key for key, count in keys.items() if count > 1]:
            raise errors.DuplicateStep(
                f"Step {doubled[0]!r} stands twice in {name!r} of workflow {self.id!r}, and its "
                "output can stand there once; use .clone(id=...) for the second."
            )
        return children

    def _pair(self, pair: Any, name: str) -> tuple[Any, Any]:
        if not isinstance(pair, (tuple, list)) or len(pair) != 2:
            raise errors.InvalidStep(
                f"{name!r} in workflow {self.id!r} takes pairs (condition, step), not {pair!r}."
            )
        return pair[0], pair[1]

    def _take_name(self, wanted: str, owner: object) -> str:
        """Return `wanted`, or `wanted#2` when the very same step stands there already."""
        known = self._names.get(wanted)
        if known is None:
            self._names[wanted] = owner
            return wanted
        if known is not owner:
            raise errors.DuplicateStep(
                f"Workflow {self.id!r} has two different entries called {wanted!r}; give one of "
                f"them another id, for example with .clone(id='{wanted}-again')."
            )
        number = 2
        while f"{wanted}#{number}" in self._names:
            number += 1
        self._names[f"{wanted}#{number}"] = owner
        return f"{wanted}#{number}"

    def _entry_name(self, kind: Kind, given: str | None) -> str:
        self._counts[kind] += given is None
        name = check_id(given, "entry") if given is not None else f"{kind}-{self._counts[kind]}"
        return self._take_name(name, object())

    def _check(self, graph: Graph) -> None:
        for node in graph.nodes.values():
            if node.step is not None:
                node.step.prepare()
        for node in self._entries:
            if node.mapping is not None:
                self._check_mapping(graph, node)

    def _check_mapping(self, graph: Graph, node: Node) -> None:
        if node.mapping is None:
            return
        unknown = [path for path in mappings.steps_named(node.mapping) if path not in graph.nodes]
        if unknown:
            raise errors.InvalidStep(
                f"The mapping {node.name!r} of workflow {self.id!r} reads step {unknown[0]!r}, "
                f"which it does not have; it has {', '.join(sorted(graph.nodes))}."
            )


def _readable(id_: str) -> str:
    words = id_.replace("-", " ").replace("_", " ").strip()
    return words[:1].upper() + words[1:]


__all__: Final = ["Builder"]
