"""Going forward: which snapshots an entry of the graph needs when its turn comes."""

from workflows_app.definition import Graph, Kind, Node
from workflows_app.planner.decisions import (
    CountPart,
    Decision,
    FinishRun,
    Joined,
    OpenContainer,
    OutputOf,
    QueueStep,
    RecordResult,
    RunInput,
    Value,
)
from workflows_app.planner.statuses import RunStatus, StepStatus
from workflows_app.planner.view import Row, View


def start(graph: Graph) -> list[Decision]:
    """Decide what a run starts with."""
    return enter(graph.entries[0], scope="", parent=None, payload=RunInput())


def enter(
    node: Node, *, scope: str, parent: str | None, payload: Value, position: int = 0
) -> list[Decision]:
    """Decide how an entry begins that stands in `scope`, inside the container `parent`."""
    path = f"{scope}.{node.name}" if scope else node.name
    if node.kind is not Kind.PARALLEL:
        queue = node.step.queue if node.step else "default"
        return [QueueStep(path, node.path, node.kind, parent, payload, queue, position)]
    arms = len(node.children)
    decisions: list[Decision] = [
        OpenContainer(path, node.path, node.kind, parent, payload, arms, position)
    ]
    for index, child in enumerate(node.children):
        decisions += enter(child, scope=scope, parent=path, payload=payload, position=index)
    return decisions


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
    if container.kind == Kind.WORKFLOW:
        output: Value = OutputOf(part.path)
    elif container.unfinished > 1:
        return [CountPart(container.path)]
    else:
        output = Joined(container.path)
    closed = RecordResult(container.path, StepStatus.SUCCESS, output, was_active=False)
    return [closed, *after(graph, view, container)]
