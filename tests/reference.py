"""What a workflow computes, in the simplest way: by walking the graph in memory."""

from collections.abc import Callable, Iterable
from types import SimpleNamespace
from typing import Any

from workflows_app.definition import Graph, Kind, Node
from workflows_app.definition.functions import Function

#: What a step makes of its input, without its other effects in a test.
Pure = Callable[[str, Any], Any]


def interpret(graph: Graph, value: Any, pure: Pure) -> Any:
    """Return the result of a run of this graph if every step succeeds in the end."""
    return _sequence(graph.entries, value, pure)


def _sequence(nodes: Iterable[Node], value: Any, pure: Pure) -> Any:
    for node in nodes:
        value = _entry(node, value, pure)
    return value


def _entry(node: Node, value: Any, pure: Pure) -> Any:  # noqa: PLR0911 - one kind, one line
    match node.kind:
        case Kind.STEP if node.step is not None:
            return pure(node.step.id, value)
        case Kind.MAP:
            return _call(node.mapping.function, value)
        case Kind.PARALLEL:
            return {arm.key: _entry(arm, value, pure) for arm in node.children}
        case Kind.BRANCH:
            arms = zip(node.conditions, node.children, strict=True)
            return {arm.key: _entry(arm, value, pure) for cond, arm in arms if _call(cond, value)}
        case Kind.FOREACH:
            return [_entry(node.children[0], item, pure) for item in value]
        case Kind.DO_WHILE | Kind.DO_UNTIL:
            return _loop(node, value, pure)
        case Kind.WORKFLOW:
            return _sequence(node.children, value, pure)
        case _:
            return value


def _loop(node: Node, value: Any, pure: Pure) -> Any:
    count = 0
    while True:
        value = _entry(node.children[0], value, pure)
        if bool(_call(node.conditions[0], value, count)) is (node.kind is Kind.DO_UNTIL):
            return value
        count += 1


def _call(function: Function, value: Any, iteration: int | None = None) -> Any:
    return function.call(value, SimpleNamespace(iteration=iteration))
