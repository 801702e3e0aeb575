"""Going forward: which snapshots an entry of the graph gets when its turn comes."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Final, TypeGuard

from workflows_app.definition import LOOPS, Function, Graph, Kind, Node
from workflows_app.planner.decisions import (
    AskLoop,
    CountPart,
    Decision,
    FinishRun,
    Joined,
    OpenContainer,
    OutputOf,
    QueueItems,
    QueueStep,
    RecordResult,
    RetryStep,
    RunInput,
    StartSleep,
    Value,
)
from workflows_app.planner.statuses import RunStatus, StepStatus
from workflows_app.planner.view import Row, RunView, View

DEFAULT_QUEUE: Final = "default"


def start(graph: Graph) -> list[Decision]:
    """Decide the first snapshots of a run."""
    return enter(graph.entries[0], scope="", parent=None, payload=RunInput())


def enter(
    node: Node,
    *,
    scope: str,
    parent: str | None,
    payload: Value,
    position: int = 0,
    name: str | None = None,
) -> list[Decision]:
    """Decide how an entry in `scope`, inside the container `parent`, begins.

    `name` is the last part of its path if it has an index.
    """
    path = in_scope(scope, name or node.name)
    if node.kind is Kind.PARALLEL:
        arms = len(node.children)
        opened = OpenContainer(path, node.path, node.kind, parent, payload, arms, position)
        return [opened, *_enter_arms(node, opened, scope)]
    if node.kind in LOOPS:
        loop = OpenContainer(path, node.path, node.kind, parent, payload, 1, position, opened=1)
        return [loop, *enter_round(node, path, 0, payload)]
    if node.kind is Kind.SLEEP and node.delay is not None and not isinstance(node.delay, Function):
        return [StartSleep(path, node.path, node.kind, parent, payload, node.delay, position)]
    return [QueueStep(path, node.path, node.kind, parent, payload, queue_of(node), position)]


def _enter_arms(node: Node, opened: OpenContainer, scope: str) -> Iterator[Decision]:
    for index, child in enumerate(node.children):
        yield from enter(
            child, scope=scope, parent=opened.path, payload=opened.payload, position=index
        )


def enter_round(node: Node, loop: str, index: int, payload: Value) -> list[Decision]:
    """Decide how an iteration of the loop at the path `loop` begins."""
    scope, _, name = loop.rpartition(".")
    return enter(
        node.children[0],
        scope=scope,
        parent=loop,
        payload=payload,
        position=index,
        name=f"{name}[{index}]",
    )


def enter_items(node: Node, container: str, first: int, end: int) -> list[Decision]:
    """Decide how items of the foreach at the path `container` begin: `first` up to `end`."""
    body = node.children[0]
    if first >= end:
        return []
    return [QueueItems(container, body.path, body.kind, first, end, queue_of(body))]


def open_parts(node: Node, row: Row, arms: tuple[int, ...], payload: Value) -> list[Decision]:
    """Decide how the chosen parts of a branch, or the first entry of a workflow, begin."""
    scope = row.path if node.kind is Kind.WORKFLOW else row.scope
    decisions: list[Decision] = []
    for index in arms:
        decisions += enter(
            node.children[index], scope=scope, parent=row.path, payload=payload, position=index
        )
    return decisions


def after(graph: Graph, view: View, row: Row) -> list[Decision]:
    """Decide what follows a snapshot that succeeded."""
    node = graph.nodes[row.base_path]
    if node.next is not None:
        following = graph.nodes[node.next]
        return enter(following, scope=row.scope, parent=row.parent, payload=OutputOf(row.path))
    if row.parent is None:
        return [FinishRun(RunStatus.SUCCESS, OutputOf(row.path))]
    return part_ended(graph, view, row, view.row(row.parent))


def part_ended(graph: Graph, view: View, part: Row, container: Row) -> list[Decision]:
    """Decide what the end of one part means for its container."""
    node = graph.nodes[container.base_path]
    if node.kind in LOOPS:
        return [AskLoop(container.path)]
    if node.kind is Kind.WORKFLOW:
        return close(graph, view, container, OutputOf(part.path))
    if container.opened < container.total:
        following = enter_items(node, container.path, container.opened, container.opened + 1)
        return [CountPart(container.path), *following]
    if container.unfinished > 1:
        return [CountPart(container.path)]
    return close(graph, view, container, Joined(container.path))


def close(graph: Graph, view: View, container: Row, output: Value) -> list[Decision]:
    """Decide what follows a container whose parts have all ended."""
    closed = RecordResult(container.path, StepStatus.SUCCESS, output)
    return [closed, *after(graph, view, container)]


def hold_back(run: RunView, decided: Iterable[Decision]) -> Iterator[Decision]:
    """Yield the decisions; steps that the run may not start by itself begin as paused."""
    left = run.allowance
    if left is not None and left < 0:
        yield from map(_stopped, decided)
        return
    for decision in decided:
        if left is None or not _is_step(decision):
            yield decision
            continue
        for part in _split(decision, left):
            left -= 0 if part.is_paused else _size(part)
            yield part


def stop_if_held(run: RunView, decided: Iterable[Decision]) -> Iterator[Decision]:
    """Yield the decisions; if nothing of the run may start, what would start begins as paused.

    Unlike `hold_back`, it counts no steps.
    """
    return map(_stopped if run.is_stopped else _unchanged, decided)


def _unchanged(decision: Decision) -> Decision:
    return decision


def _stopped(decision: Decision) -> Decision:
    """Return a decision so that it starts nothing."""
    match decision:
        case QueueStep() | QueueItems() | RetryStep() | AskLoop():
            return replace(decision, is_paused=True)
        case StartSleep(path, base_path, kind, parent, payload, _, position):
            return QueueStep(
                path, base_path, kind, parent, payload, position=position, is_paused=True
            )
        case _:
            return decision


def _is_step(decision: Decision) -> TypeGuard[QueueStep | QueueItems]:
    return isinstance(decision, (QueueStep, QueueItems)) and decision.kind == Kind.STEP


def _size(decision: QueueStep | QueueItems) -> int:
    return decision.end - decision.first if isinstance(decision, QueueItems) else 1


def _split(decision: QueueStep | QueueItems, allowed: int) -> Iterator[QueueStep | QueueItems]:
    """Yield the part that may start by itself, and the rest as paused."""
    if _size(decision) <= allowed:
        yield decision
    elif isinstance(decision, QueueStep):
        yield replace(decision, is_paused=True)
    else:
        middle = decision.first + allowed
        if allowed:
            yield replace(decision, end=middle)
        yield replace(decision, first=middle, is_paused=True)


def queue_of(node: Node) -> str:
    """Return the queue whose workers run an entry."""
    return node.step.queue if node.step else DEFAULT_QUEUE


def in_scope(scope: str, name: str) -> str:
    """Return the path of the entry `name` in `scope`, the path of a workflow's row."""
    return f"{scope}.{name}" if scope else name
