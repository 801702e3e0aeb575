"""Adding entries to a workflow: one method for each kind of entry."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal, Self, TypeGuard

from workflows_app import errors
from workflows_app.definition import event_waits, functions, mappings, options
from workflows_app.definition.calls import called
from workflows_app.definition.functions import Function
from workflows_app.definition.graph import BODY, Kind, Node, place, walk
from workflows_app.definition.ids import check_id
from workflows_app.definition.names import Names, another, describe
from workflows_app.definition.steps import Step, step

if TYPE_CHECKING:
    from workflows_app.definition.builder import Builder


class Composer:
    """The half of a `Builder` that adds entries. A method that raises adds nothing."""

    id: str
    is_committed: bool

    def __init__(self) -> None:
        self._entries: list[Node] = []
        #: Every node at every depth so far, by path.
        self._nodes: dict[str, Node] = {}
        self._names = Names(self.id)
        #: Function -> the step made of it, because the same function is the same step.
        self._made: dict[Any, Step] = {}

    @called("then(step)")
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
        that is not committed.
        """
        about = self._about(id, description, metadata)
        part = self._part(step, "then()")
        # `id` names entries with a record of their own, such as a nested workflow, but not steps.
        name = self._names.of_part(part, id if _is_workflow(part) else None)
        return self._add(_node_of(part, name, **about))

    @called("parallel([a, b])")
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

        With `allow_failure` a child that fails gives None, and the run continues. Raises what
        `then` raises.
        """
        about = self._about(id, description, metadata)
        parts = [self._part(part, "parallel()") for part in self._listed(steps, "parallel()")]
        may_fail = options.flag(allow_failure, "allow_failure", self._what)
        names = self._names.copy()
        arms = self._arms(names, parts, id or names.next_of(Kind.PARALLEL))
        name = names.of_entry(Kind.PARALLEL, id)
        self._names = names
        return self._add(
            Node(Kind.PARALLEL, name, name, children=arms, allow_failure=may_fail, **about)
        )

    @called("branch([(condition, a), (condition, b)])")
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
        arms = self._arms(names, parts, id or names.next_of(Kind.BRANCH))
        name = names.of_entry(Kind.BRANCH, id)
        conditions = tuple(
            functions.function(condition, f"The condition of {part.id!r} in {self._what}")
            for (condition, _), part in zip(split, parts, strict=True)
        )
        self._names = names
        return self._add(
            Node(Kind.BRANCH, name, name, children=arms, conditions=conditions, **about)
        )

    @called('map(function), or map({"name": source})')
    def map(
        self,
        mapping: Callable[..., Any] | Mapping[str, Any],
        *,
        id: str | None = None,  # noqa: A002 - the contract's name
        description: str | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> Self:
        """Make the next input with a function, or as an object of `from_step(...)` and other
        sources.

        Raises AlreadyCommitted, DuplicateStep, and InvalidStep, also for a step that is not before
        the map.
        """
        about = self._about(id, description, metadata)
        what = f"{f'map {id!r}' if id else 'A map'} of {self._what}"
        made = mappings.mapping(mapping, what).bind(self._nodes, what)
        name = self._names.of_entry(Kind.MAP, id)
        return self._add(Node(Kind.MAP, name, name, mapping=made, **about))

    @called("foreach(step, concurrency=4)")
    def foreach(
        self,
        step: Step | Builder | Callable[..., Any],
        *,
        concurrency: int | Callable[..., Any] = 1,
        id: str | None = None,  # noqa: A002 - the contract's name
        description: str | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> Self:
        """Run a step on each item of the previous output, which is a list; the output is a list,
        too.

        At most `concurrency` items are worked on at a time: a number, or a function of (input,
        ctx) that returns one; below 1 counts as 1. Raises what `then` raises.
        """
        about = self._about(id, description, metadata)
        part = self._part(step, "foreach()")
        window = self._window(concurrency)
        name = self._names.of_part(part, id)
        return self._add(_around(Kind.FOREACH, part, name, concurrency=window, **about))

    @called("do_while(step, condition)")
    def do_while(
        self,
        step: Step | Builder | Callable[..., Any],
        condition: Callable[..., Any],
        *,
        id: str | None = None,  # noqa: A002 - the contract's name
        description: str | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> Self:
        """Run a step, then again on its own output while `condition(output, ctx)` is true.

        The step runs at least once. Raises what `then` raises.
        """
        about = self._about(id, description, metadata)
        return self._loop(Kind.DO_WHILE, step, condition, id, about)

    @called("do_until(step, condition)")
    def do_until(
        self,
        step: Step | Builder | Callable[..., Any],
        condition: Callable[..., Any],
        *,
        id: str | None = None,  # noqa: A002 - the contract's name
        description: str | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> Self:
        """Run a step, then again on its own output until `condition(output, ctx)` is true.

        The step runs at least once. Raises what `then` raises.
        """
        about = self._about(id, description, metadata)
        return self._loop(Kind.DO_UNTIL, step, condition, id, about)

    @called("sleep(seconds)")
    def sleep(
        self,
        duration: float | timedelta | Callable[..., Any],
        *,
        id: str | None = None,  # noqa: A002 - the contract's name
        description: str | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> Self:
        """Wait for seconds, a timedelta, or what a function of (input, ctx) returns.

        The wait is durable and holds no worker. Raises AlreadyCommitted, DuplicateStep, and
        InvalidStep for an invalid duration.
        """
        about = self._about(id, description, metadata)
        for_how_long = self._time(duration, options.duration, "sleep()")
        return self._sleep(about, id, for_how_long, is_until=False)

    @called("sleep_until(moment)")
    def sleep_until(
        self,
        when: datetime | Callable[..., Any],
        *,
        id: str | None = None,  # noqa: A002 - the contract's name
        description: str | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> Self:
        """Wait until an aware datetime, or one that a function of (input, ctx) returns.

        Raises what `sleep` raises, also for a datetime without a time zone.
        """
        about = self._about(id, description, metadata)
        return self._sleep(
            about, id, self._time(when, options.moment, "sleep_until()"), is_until=True
        )

    @called('wait_for_event("payment", key=from_init("id"))')
    def wait_for_event(
        self,
        name: str,
        *,
        key: Any = "",
        timeout: float | timedelta | None = None,
        on_timeout: Literal["fail", "continue"] = "fail",
        id: str | None = None,  # noqa: A002 - the contract's name
        description: str | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> Self:
        """Wait for an event from outside (`emit`); the output is the event's data.

        `key` is text, or a source as in `map`. After `timeout` (seconds, or a timedelta) the run
        fails with EventTimeout, or continues with the entry's input. Holds no worker. Raises
        AlreadyCommitted, DuplicateStep, and InvalidStep for an option that cannot be.
        """
        about = self._about(id, description, metadata)
        what = f"wait_for_event({name!r}) of {self._what}"
        waits = event_waits.event_wait(name, key, timeout, on_timeout, nodes=self._nodes, what=what)
        number = sum(node.event is not None for node in self._entries) + 1
        part = event_waits.step_of(id or f"wait-for-event-{number}", waits)
        return self._add(_node_of(part, self._names.of_part(part), event=waits, **about))

    # Inside.

    @property
    def _what(self) -> str:
        return f"workflow {self.id!r}"

    def _about(
        self, id_: str | None, description: str | None, metadata: Mapping[str, Any] | None
    ) -> dict[str, Any]:
        """Return what every entry has in common, after checking that the workflow is still open."""
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
        """Return the argument as a step or a workflow; the same function gives the same step."""
        if _is_workflow(given):
            given.require_committed()
            return given
        if isinstance(given, Step):
            return given
        if not callable(given):
            is_list = isinstance(given, (list, tuple, set))
            several = " Steps side by side go into parallel([...])." if is_list else ""
            raise errors.InvalidStep(
                f"{where} of {self._what} was given {given!r}; it takes steps, workflows and "
                f"functions.{several}"
            )
        made = self._made.get(given) if isinstance(given, Hashable) else None
        if made is None:
            made = step(given)
            if isinstance(given, Hashable):
                self._made[given] = made
        return made

    def _window(self, concurrency: Any) -> int | Function:
        what = f"The concurrency of foreach() in {self._what}"
        if callable(concurrency):
            return functions.function(concurrency, what)
        if isinstance(concurrency, bool) or not isinstance(concurrency, int):
            raise errors.InvalidStep(
                f"{what} is {concurrency!r}; it is a whole number, or a function that returns one."
            )
        return max(concurrency, 1)

    def _loop(
        self, kind: Kind, step: Any, condition: Any, id_: str | None, about: dict[str, Any]
    ) -> Self:
        if isinstance(condition, Step) and not isinstance(step, Step) and not _is_workflow(step):
            raise errors.InvalidStep(
                f"{kind}() of {self._what} was given a function and {describe(condition)}; the "
                "step comes first, and its condition, a function of (output, ctx), second."
            )
        part = self._part(step, f"{kind}()")
        if isinstance(condition, Step) or _is_workflow(condition):
            raise errors.InvalidStep(
                f"{kind}() of {self._what} was given {describe(part)} and a second step as its "
                "condition; the condition is a function of (output, ctx)."
            )
        checked = functions.function(condition, f"The condition of {kind}() in {self._what}")
        name = self._names.of_part(part, id_)
        return self._add(_around(kind, part, name, conditions=(checked,), **about))

    def _time(self, given: Any, check: Callable[[Any, str, str], Any], where: str) -> Any:
        if callable(given):
            return functions.function(given, f"{where} of {self._what}")
        return check(given, "the time", f"{where} of {self._what}")

    def _sleep(self, about: dict[str, Any], id_: str | None, delay: Any, *, is_until: bool) -> Self:
        name = self._names.of_entry(Kind.SLEEP, id_)
        return self._add(Node(Kind.SLEEP, name, name, delay=delay, is_until=is_until, **about))

    def _arms(self, names: Names, parts: list[Step | Builder], name: str) -> tuple[Node, ...]:
        for index, part in enumerate(parts):
            if part in parts[:index]:
                raise errors.DuplicateStep(
                    f"{describe(part)} is twice in {name!r} of {self._what}, where outputs are "
                    f"kept by step id. Use .clone(id='{part.id}-again') for the second."
                )
        return tuple(_node_of(part, names.of_part(part)) for part in parts)

    def _listed(self, given: Any, where: str) -> list[Any]:
        if not isinstance(given, Iterable) or isinstance(given, (str, bytes, Mapping)):
            form = "[(condition, step), ...]" if where == "branch()" else "[step, ...]"
            raise errors.InvalidStep(
                f"{where} of {self._what} takes a list, {form}, not {given!r}."
            )
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
        if isinstance(pair[0], Step) or _is_workflow(pair[0]):
            raise errors.InvalidStep(
                f"branch() of {self._what} was given {describe(pair[0])} as a condition; in a pair "
                "the condition, a function, comes first and the step second."
            )
        return pair[0], pair[1]

    def _add(self, node: Node) -> Self:
        for name in self._names.claimed():
            self._rename(name, another(name))
        placed = place(node)
        self._entries.append(placed)
        self._nodes.update({each.path: each for each in walk([placed])})
        return self

    def _rename(self, name: str, new: str) -> None:
        """Rename an unnamed fork, because a step has taken its name."""
        index = next(index for index, entry in enumerate(self._entries) if entry.name == name)
        self._entries[index] = place(replace(self._entries[index], name=new, key=new))
        self._nodes = {each.path: each for each in walk(self._entries)}


def _node_of(part: Step | Builder, name: str, **about: Any) -> Node:
    about["description"] = about.get("description") or part.description
    if isinstance(part, Step):
        return Node(Kind.STEP, name, part.id, step=part, **about)
    return Node(Kind.WORKFLOW, name, part.id, workflow=part, **about)


def _around(kind: Kind, part: Step | Builder, name: str, **about: Any) -> Node:
    """Return a foreach or a loop around its body, whose path ends in `[]`."""
    about["description"] = about.get("description") or part.description
    return Node(kind, name, part.id, children=(_node_of(part, f"{name}{BODY}"),), **about)


def _is_workflow(part: object) -> TypeGuard[Builder]:
    return isinstance(part, Composer)
