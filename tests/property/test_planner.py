"""What is true of every run of every workflow, whatever its steps do and whoever interferes."""

import itertools
import random
from collections.abc import Iterator
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fakes import Board
from workflows_app.definition import Builder, Graph, Kind, Node, step
from workflows_app.jsontext import NULL
from workflows_app.planner import enter
from workflows_app.planner.decide import cancel, decide
from workflows_app.planner.outcomes import (
    Aborted,
    Bailed,
    Failed,
    Opened,
    Outcome,
    Succeeded,
    Suspended,
)
from workflows_app.planner.statuses import STEP_ENDED, RunStatus, StepStatus
from workflows_app.planner.view import Row

S = StepStatus
ERROR = {"type": "ValueError", "message": "no"}
dice = st.randoms(use_true_random=False)
sizes = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


_flows = itertools.count()


def random_workflow(rng: random.Random, depth: int = 0) -> Builder:
    """Return a committed workflow of random entries, nested at most three deep."""
    number = itertools.count()
    flow = Builder(f"flow-{next(_flows)}", retry_attempts=rng.randrange(3))
    for _ in range(rng.randint(1, 4)):
        _add_entry(flow, rng, number, depth)
    return flow.commit()


def _add_entry(flow: Builder, rng: random.Random, number: Iterator[int], depth: int) -> None:
    def part() -> Any:
        if depth < 2 and rng.random() < 0.3:
            return random_workflow(rng, depth + 1)
        return step(lambda data: data, id=f"s{next(number)}", retries=rng.choice([None, 0, 2]))

    def parts() -> list[Any]:
        return [part() for _ in range(rng.randint(1, 3))]

    match rng.randrange(5):
        case 0:
            flow.parallel(parts(), allow_failure=rng.random() < 0.5)
        case 1:
            flow.branch([(lambda data: True, arm) for arm in parts()])
        case 2:
            flow.map(lambda data: data)
        case _:
            flow.then(part())


def random_outcome(  # noqa: PLR0911 - one roll, one outcome
    rng: random.Random, node: Node, *, may_suspend: bool
) -> Outcome:
    """Return what may come of a claimed entry of this kind."""
    if node.kind is Kind.BRANCH and rng.random() < 0.9:
        taken = [index for index in range(len(node.children)) if rng.random() < 0.6]
        return Opened(tuple(taken), NULL)
    if node.kind is Kind.WORKFLOW and rng.random() < 0.9:
        return Opened((0,), NULL)
    if node.kind is not Kind.STEP:
        return Succeeded(NULL) if node.kind is Kind.MAP else Failed(ERROR, may_retry=False)
    roll = rng.random()
    if roll < 0.12:
        return Failed(ERROR, may_retry=rng.random() < 0.8)
    if roll < 0.22 and may_suspend:
        return Suspended(NULL)
    if roll < 0.24:
        return Bailed(NULL)
    if roll < 0.26:
        return Aborted()
    return Succeeded(NULL)


def run_to_end(rng: random.Random, graph: Graph) -> Board:
    """Drive a run with random outcomes, in random order, checking what must hold at each turn."""
    board = Board()
    board.apply(enter.start(graph))
    for turn in range(2000):
        check_counts(board)
        if board.finished is not None:
            return board
        take_a_turn(rng, graph, board, may_suspend=turn < 200)
    raise AssertionError("the run does not end")


def take_a_turn(rng: random.Random, graph: Graph, board: Board, *, may_suspend: bool) -> None:
    """Claim, settle, answer or cancel something."""
    queued, held = board.having(S.QUEUED), board.having(S.RUNNING, is_held=True)
    suspended = board.having(S.SUSPENDED)
    assert queued or held or suspended, f"nothing can happen any more: {board.rows}"
    if rng.random() < 0.01 and not board.run.ending:
        board.apply(cancel(board))
        return
    chosen = rng.choice([*queued, *held, *suspended])
    if chosen.status is S.QUEUED:
        check_needs(graph, board, chosen)
        board.claim(chosen.path)
    elif chosen.status is S.SUSPENDED:
        board.resume(chosen.path)
    else:
        node = graph.nodes[chosen.base_path]
        settle(graph, board, chosen, random_outcome(rng, node, may_suspend=may_suspend))


def settle(graph: Graph, board: Board, row: Row, outcome: Outcome) -> None:
    """Decide and apply; deciding is the same twice, and adds nothing afterwards."""
    decided = decide(graph, board, row.path, outcome)
    assert decide(graph, board, row.path, outcome) == decided
    rows = len(board.rows)
    board.apply(decided)
    assert len(board.rows) >= rows
    if board.rows[row.path].status is not S.RUNNING:
        assert decide(graph, board, row.path, outcome) == []


def goes_on(board: Board) -> bool:
    """Return whether the run neither ended nor is ending."""
    return board.finished is None and not board.run.ending


def check_counts(board: Board) -> None:
    """The run's counts are those of its rows."""
    held = board.having(S.RUNNING, is_held=True)
    assert board.run.active == len(board.having(S.QUEUED)) + len(held)
    assert board.run.suspended == len(board.having(S.SUSPENDED))


def check_needs(graph: Graph, board: Board, row: Row) -> None:
    """A step starts only after the entry before it succeeded, in containers that are open."""
    before = [node for node in graph.nodes.values() if node.next == row.base_path]
    assert all(board.rows[node.path].status is S.SUCCESS for node in before), row
    if row.parent is not None:
        assert board.rows[row.parent].is_container, row
    assert not board.run.ending, row


@sizes
@given(dice)
def test_every_run_ends_whatever_its_steps_do(rng: random.Random) -> None:
    board = run_to_end(rng, random_workflow(rng).tree)

    assert board.finished in {RunStatus.SUCCESS, RunStatus.FAILED, RunStatus.CANCELED}
    assert {row.status for row in board.rows.values()} <= STEP_ENDED
    assert (board.run.active, board.run.suspended) == (0, 0)


@sizes
@given(dice)
def test_a_run_of_which_nothing_fails_takes_every_entry_on_its_way(rng: random.Random) -> None:
    graph = random_workflow(rng).tree
    board = Board()
    board.apply(enter.start(graph))
    while board.finished is None:
        row = rng.choice(board.having(S.QUEUED))
        check_needs(graph, board, row)
        board.claim(row.path)
        node = graph.nodes[row.base_path]
        every = tuple(range(len(node.children)))
        opens = {Kind.BRANCH: every, Kind.WORKFLOW: (0,)}
        outcome = Opened(opens[node.kind], NULL) if node.kind in opens else Succeeded(NULL)
        settle(graph, board, row, outcome)

    assert board.finished is RunStatus.SUCCESS
    assert set(board.rows) == set(graph.nodes)
    assert {row.status for row in board.rows.values()} == {S.SUCCESS}


@sizes
@given(dice)
def test_a_canceled_run_starts_nothing_new_and_ends_when_what_runs_has_ended(
    rng: random.Random,
) -> None:
    graph = random_workflow(rng).tree
    board = Board()
    board.apply(enter.start(graph))
    for _ in range(rng.randrange(12)):
        if board.finished is None:
            take_a_turn(rng, graph, board, may_suspend=True)
    if not goes_on(board):
        return

    board.apply(cancel(board))
    known = set(board.rows)
    for row in board.having(S.RUNNING, is_held=True):
        settle(graph, board, row, Succeeded(NULL))

    assert (board.finished, set(board.rows)) == (RunStatus.CANCELED, known)
