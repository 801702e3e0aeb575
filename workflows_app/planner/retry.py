"""Retrying a failed run: what failed or was canceled begins again, on a new timeline."""

from collections.abc import Iterator, Sequence

from workflows_app.definition import LOOPS, Graph, Kind, Node
from workflows_app.planner.decisions import (
    Adopt,
    AskLoop,
    Decision,
    Joined,
    OpenContainer,
    OutputOf,
    PreviousInput,
    RunInput,
    Supersede,
    Value,
)
from workflows_app.planner.enter import close, enter, enter_items, in_scope
from workflows_app.planner.statuses import StepStatus
from workflows_app.planner.view import History, Row

#: A step with one of these statuses has given its successor an input.
PASSED = frozenset({StepStatus.SUCCESS, StepStatus.SKIPPED})


def retry(graph: Graph, view: History) -> Iterator[Decision]:
    """Yield what to write so that a failed run continues; steps that succeeded do not run again.

    Each decision must be applied before the next is asked for, because the view is read as it
    changes.
    """
    yield from _go_on(graph, view, graph.entries, scope="", parent=None, payload=RunInput())


def _go_on(
    graph: Graph,
    view: History,
    entries: Sequence[Node],
    *,
    scope: str,
    parent: str | None,
    payload: Value,
) -> Iterator[Decision]:
    """Continue a sequence at its first entry that has not succeeded."""
    last: Row | None = None
    for entry in entries:
        row = view.find(in_scope(scope, entry.name))
        if row is None:
            yield from enter(entry, scope=scope, parent=parent, payload=payload)
            return
        if row.status not in PASSED:
            yield from _revive(graph, view, row)
            return
        last, payload = row, OutputOf(row.path)
    if parent is not None and last is not None:
        yield from close(graph, view, view.row(parent), OutputOf(last.path))


def _revive(graph: Graph, view: History, row: Row) -> Iterator[Decision]:
    """Begin a snapshot again that failed or was canceled; a container keeps what succeeded."""
    node = graph.nodes[row.base_path]
    yield Supersede(row.path)
    if not row.unfinished:  # it was never open
        yield from enter(
            node,
            scope=row.scope,
            parent=row.parent,
            payload=PreviousInput(row.path),
            position=row.position,
            name=row.name,
        )
    elif node.kind is Kind.WORKFLOW:
        yield from _reopen(row, 1)
        inside = PreviousInput(row.path)
        yield from _go_on(
            graph, view, node.children, scope=row.path, parent=row.path, payload=inside
        )
    elif node.kind in LOOPS:
        yield from _revive_loop(graph, view, row)
    elif node.kind is Kind.FOREACH:
        yield from _revive_items(graph, view, row)
    else:
        yield from _revive_arms(graph, view, row)


def _revive_loop(graph: Graph, view: History, row: Row) -> Iterator[Decision]:
    last = view.find(f"{row.path}[{row.opened - 1}]")
    yield from _reopen(row, 1)
    if last is None or last.status in PASSED:
        yield AskLoop(row.path)
    else:
        yield from _revive(graph, view, last)


def _revive_items(graph: Graph, view: History, row: Row) -> Iterator[Decision]:
    node = graph.nodes[row.base_path]
    again = view.unsuccessful_parts(row.path)
    unfinished = row.total - view.count_succeeded(row.path)
    yield from _reopen(row, unfinished)
    for item in again:
        yield from _revive(graph, view, item)
    free = max(row.concurrency - len(again), 0)
    yield from enter_items(node, row.path, row.opened, min(row.opened + free, row.total))
    if not unfinished:
        yield from close(graph, view, view.row(row.path), Joined(row.path))


def _revive_arms(graph: Graph, view: History, row: Row) -> Iterator[Decision]:
    again = view.unsuccessful_parts(row.path)
    yield from _reopen(row, len(again))
    for arm in again:
        yield from _revive(graph, view, arm)
    if not again:
        yield from close(graph, view, view.row(row.path), Joined(row.path))


def _reopen(row: Row, unfinished: int) -> Iterator[Decision]:
    """Open a new container with the parts of the one that it replaces."""
    yield OpenContainer(
        row.path,
        row.base_path,
        row.kind,
        row.parent,
        PreviousInput(row.path),
        max(unfinished, 1),
        row.position,
        total=row.total,
        concurrency=row.concurrency,
        opened=row.opened,
    )
    yield Adopt(row.path)
