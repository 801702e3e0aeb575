"""The one rule for shortcuts: cases so plain that one move of the database records them.

A shortcut is what `decide`, `wake` or `enter.start` would decide. None means that the caller must
ask them. `tests/property/test_shortcuts.py` compares both on random graphs.
"""

from dataclasses import dataclass
from typing import NamedTuple

from workflows_app.definition import BODY, Graph, Kind, Node
from workflows_app.planner.enter import queue_of
from workflows_app.planner.outcomes import Outcome, Succeeded
from workflows_app.planner.statuses import RunStatus, StepStatus


@dataclass(frozen=True, slots=True)
class Start:
    """The run starts with this step."""

    first: Node


@dataclass(frozen=True, slots=True)
class GoOn:
    """The step succeeded, and this one follows it on the same queue."""

    following: Node


@dataclass(frozen=True, slots=True)
class EndRun:
    """The step succeeded, and with it the run."""


@dataclass(frozen=True, slots=True)
class NextItems:
    """An item of a list succeeded; as many items as ended may follow, if the list has more."""

    body: Node
    container: Node


@dataclass(frozen=True, slots=True)
class Wake:
    """A sleep is over, and this step follows it."""

    following: Node


Shortcut = Start | GoOn | EndRun | NextItems | Wake


class Facts(NamedTuple):
    """What is known about a run, and about the step in question, if there is one."""

    run: str
    ending: str
    #: Whether steps begin freely: no allowance is counted, and no answer is given ahead.
    is_free: bool
    active: int
    waiting: int
    #: Steps that are suspended or paused, and hooks to be called.
    others: int
    #: Whether a hook is called when the run settles.
    has_hook: bool
    path: str = ""
    base_path: str = ""
    step: str = ""
    is_at_root: bool = True
    queue: str = ""


def shortcut(graph: Graph, facts: Facts, outcome: Outcome | None = None) -> Shortcut | None:
    """Return the shortcut for a run that starts, a step that ended or a sleep that is over.

    `outcome` is the step's; None at a start and for a sleep. Returns None if there is no shortcut.
    """
    if facts.ending or not facts.is_free:
        return None
    if facts.run == RunStatus.PENDING:
        return Start(graph.first) if is_step(graph.first) else None
    if outcome is None:
        return _wake(graph, facts)
    if facts.run != RunStatus.RUNNING or facts.step != StepStatus.RUNNING or not is_plain(outcome):
        return None
    if not facts.is_at_root:
        return items_of(graph, facts.base_path)
    return _follow(graph, facts) if is_in_chain(graph, facts.path, facts.base_path) else None


def _follow(graph: Graph, facts: Facts) -> GoOn | EndRun | None:
    next_path = graph.nodes[facts.base_path].next
    if next_path is not None:
        following = graph.nodes[next_path]
        is_like = is_step(following) and queue_of(following) == facts.queue
        return GoOn(following) if is_like else None
    is_last = facts.active == 1 and not facts.waiting and not facts.others
    return EndRun() if is_last and not facts.has_hook else None


def _wake(graph: Graph, facts: Facts) -> Wake | None:
    is_alone = facts.waiting == 1 and not facts.active and not facts.others
    node = graph.nodes.get(facts.base_path)
    if facts.run != RunStatus.WAITING or facts.step != StepStatus.WAITING or not is_alone:
        return None
    if node is None or node.next is None or facts.path != facts.base_path or not facts.is_at_root:
        return None
    following = graph.nodes[node.next]
    return Wake(following) if is_step(following) else None


def is_step(node: Node) -> bool:
    """Return whether an entry is one step."""
    return node.kind is Kind.STEP and node.step is not None


def is_plain(outcome: Outcome) -> bool:
    """Return whether an outcome is a success that changed nothing else."""
    return type(outcome) is Succeeded and not outcome.changes


def is_in_chain(graph: Graph, path: str, base_path: str) -> bool:
    """Return whether a step is in the chain of its run, not in a list, loop or nested workflow."""
    return path == base_path and is_step(graph.nodes[base_path])


def items_of(graph: Graph, base_path: str) -> NextItems | None:
    """Return the list at the root of which this step is an item; None if there is no such list."""
    if not base_path.endswith(BODY) or "." in base_path:
        return None
    body = graph.nodes[base_path]
    container = graph.nodes[base_path.removesuffix(BODY)]
    is_list = is_step(body) and container.kind is Kind.FOREACH
    return NextItems(body, container) if is_list else None
