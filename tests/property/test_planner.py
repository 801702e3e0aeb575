"""What is true of every run of every workflow, whatever its steps do and whoever interferes."""

import itertools
import random
from collections.abc import Iterator
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fakes import Board
from workflows_app.definition import LOOPS, Builder, Graph, Kind, Node, step
from workflows_app.jsontext import NULL
from workflows_app.planner import enter, travel
from workflows_app.planner.decide import cancel, decide, fail_now, give_result, wake
from workflows_app.planner.outcomes import (
    Aborted,
    Bailed,
    Failed,
    Listed,
    Looped,
    Opened,
    Outcome,
    Slept,
    Succeeded,
    Suspended,
)
from workflows_app.planner.retry import retry
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


def _add_entry(  # noqa: C901 - one roll, one entry
    flow: Builder, rng: random.Random, number: Iterator[int], depth: int
) -> None:
    def part() -> Any:
        if depth < 2 and rng.random() < 0.3:
            return random_workflow(rng, depth + 1)
        retries = rng.choice([None, 0, 2])
        asks: Any = rng.choice([None, None, "ask"])
        return step(lambda data: data, id=f"s{next(number)}", retries=retries, on_exhausted=asks)

    def parts() -> list[Any]:
        return [part() for _ in range(rng.randint(1, 3))]

    match rng.randrange(9):
        case 5:
            flow.foreach(part(), concurrency=rng.choice([1, 2, 5]))
        case 6:
            loop = rng.choice([flow.do_while, flow.do_until])
            loop(part(), lambda data: True)
        case 7:
            waits: list[Any] = [1, lambda data: 1]
            flow.sleep(rng.choice(waits))
        case 0:
            flow.parallel(parts(), allow_failure=rng.random() < 0.5)
        case 1:
            flow.branch([(lambda data: True, arm) for arm in parts()])
        case 2:
            flow.map(lambda data: data)
        case _:
            flow.then(part())


def random_outcome(  # noqa: C901, PLR0911 - one roll, one outcome
    rng: random.Random, node: Node, *, may_suspend: bool
) -> Outcome:
    """Return what may come of a claimed entry of this kind."""
    if node.kind is Kind.BRANCH and rng.random() < 0.9:
        taken = [index for index in range(len(node.children)) if rng.random() < 0.6]
        return Opened(tuple(taken), NULL)
    if node.kind is Kind.WORKFLOW and rng.random() < 0.9:
        return Opened((0,), NULL)
    if node.kind is Kind.FOREACH and rng.random() < 0.9:
        return Listed(rng.randrange(6), rng.randint(1, 3))
    if node.kind in LOOPS and rng.random() < 0.95:
        return Looped(again=rng.random() < 0.5)
    if node.kind is Kind.SLEEP and rng.random() < 0.9:
        return Slept(1.0)
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
    for turn in range(6000):
        check_counts(board)
        if board.finished is not None:
            return board
        take_a_turn(rng, graph, board, may_suspend=turn < 200)
    raise AssertionError("the run does not end")


def take_a_turn(rng: random.Random, graph: Graph, board: Board, *, may_suspend: bool) -> None:
    """Claim, settle, answer or cancel something."""
    queued, held = board.having(S.QUEUED), board.having(S.RUNNING, is_held=True)
    suspended = [*board.having(S.SUSPENDED), *board.having(S.PAUSED), *board.having(S.WAITING)]
    assert queued or held or suspended, f"nothing can happen any more: {board.rows}"
    if rng.random() < 0.01 and not board.run.ending:
        board.apply(cancel(board))
        return
    if rng.random() < 0.03 and not board.run.ending:
        board.hold()
        return
    chosen = rng.choice([*queued, *held, *suspended])
    if chosen.status is S.QUEUED:
        check_needs(graph, board, chosen)
        board.claim(chosen.path)
    elif chosen.status is S.WAITING:
        board.apply(wake(graph, board, chosen.path))
    elif chosen.status is S.PAUSED and board.run.is_stopped:
        board.let_on()
    elif chosen.status in {S.SUSPENDED, S.PAUSED}:
        let_go_on(rng, graph, board, chosen)
    else:
        node = graph.nodes[chosen.base_path]
        settle(graph, board, chosen, random_outcome(rng, node, may_suspend=may_suspend))


def let_go_on(rng: random.Random, graph: Graph, board: Board, row: Row) -> None:
    """Answer a step, give its result or its failure, or let a paused one go."""
    roll = rng.random() if row.status is S.SUSPENDED else 1.0
    if roll < 0.2:
        board.apply(give_result(graph, board, row.path, NULL, "ana"))
    elif roll < 0.3:
        board.apply(fail_now(graph, board, row.path, ERROR))
    else:
        board.resume(row.path)


def settle(graph: Graph, board: Board, row: Row, outcome: Outcome) -> None:
    """Decide and apply; deciding twice gives the same, and afterwards nothing."""
    decided = decide(graph, board, row.path, outcome)
    assert decide(graph, board, row.path, outcome) == decided
    known = set(board.rows)
    board.apply(decided)
    assert set(board.rows) >= known
    if board.rows[row.path].status is not S.RUNNING:
        assert decide(graph, board, row.path, outcome) == []


def goes_on(board: Board) -> bool:
    """Return whether the run neither ended nor is ending."""
    return board.finished is None and not board.run.ending


def check_counts(board: Board) -> None:
    """The run's counts are those of its rows, and nothing of a held run is queued."""
    assert not (board.run.is_stopped and board.having(S.QUEUED))
    held = board.having(S.RUNNING, is_held=True)
    assert board.run.active == len(board.having(S.QUEUED)) + len(held)
    assert board.run.suspended == len(board.having(S.SUSPENDED))
    assert board.run.waiting == len(board.having(S.WAITING))
    assert board.run.paused == len(board.having(S.PAUSED))


def check_needs(graph: Graph, board: Board, row: Row) -> None:
    """A step starts only after the entry before it succeeded, in containers that are open."""
    before = [node for node in graph.nodes.values() if node.next == row.base_path]
    names = [f"{row.scope}.{node.name}" if row.scope else node.name for node in before]
    assert all(board.rows[name].status is S.SUCCESS for name in names), row
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


def fair_outcome(rng: random.Random, node: Node) -> Outcome:
    """Return an outcome with which the run continues, taking every arm."""
    match node.kind:
        case Kind.BRANCH:
            return Opened(tuple(range(len(node.children))), NULL)
        case Kind.WORKFLOW:
            return Opened((0,), NULL)
        case Kind.FOREACH:
            return Listed(rng.randint(1, 4), rng.randint(1, 3))
        case Kind.DO_WHILE | Kind.DO_UNTIL:
            return Looped(again=rng.random() < 0.5)
        case Kind.SLEEP:
            return Slept(1.0)
        case _:
            return Succeeded(NULL)


def go_on_fairly(rng: random.Random, graph: Graph, board: Board) -> None:
    """Drive a run to its end without further failures."""
    if board.run.is_stopped:
        board.let_on()
    while board.finished is None:
        check_counts(board)
        waiting = board.having(S.WAITING)
        held = board.having(S.RUNNING, is_held=True)
        row = rng.choice([*board.having(S.QUEUED), *waiting, *held, *board.having(S.SUSPENDED)])
        if row.status is S.WAITING:
            board.apply(wake(graph, board, row.path))
            continue
        if row.status is S.SUSPENDED:
            board.resume(row.path)
        if board.rows[row.path].status is S.QUEUED:
            check_needs(graph, board, row)
            board.claim(row.path)
        settle(graph, board, row, fair_outcome(rng, graph.nodes[row.base_path]))


@sizes
@given(dice)
def test_a_run_of_which_nothing_fails_takes_every_entry_on_its_way(rng: random.Random) -> None:
    graph = random_workflow(rng).tree
    board = Board()
    board.apply(enter.start(graph))
    go_on_fairly(rng, graph, board)

    assert board.finished is RunStatus.SUCCESS
    assert {row.base_path for row in board.rows.values()} == set(graph.nodes)
    assert {row.status for row in board.rows.values()} == {S.SUCCESS}


@sizes
@given(dice)
def test_a_failed_run_is_retried_without_running_again_what_succeeded(rng: random.Random) -> None:
    graph = random_workflow(rng).tree
    board = run_to_end(rng, graph)
    for _ in range(3):
        if not has_failed(board):
            return
        done = {p for p, r in board.rows.items() if r.status is S.SUCCESS and r.kind == Kind.STEP}
        board.begin_again()
        board.apply(retry(graph, board))
        again = {row.path for row in board.having(S.QUEUED) if row.kind == Kind.STEP}
        assert again.isdisjoint(done)
        finish(rng, graph, board)

    assert {row.status for row in board.rows.values()} <= STEP_ENDED


@sizes
@given(dice)
def test_a_failed_run_that_is_retried_fairly_succeeds(rng: random.Random) -> None:
    graph = random_workflow(rng).tree
    board = run_to_end(rng, graph)
    if has_failed(board):
        board.begin_again()
        board.apply(retry(graph, board))
        go_on_fairly(rng, graph, board)
        assert ended_well(board)


def has_failed(board: Board) -> bool:
    """Return whether the run has failed."""
    return board.finished is RunStatus.FAILED


def ended_well(board: Board) -> bool:
    """Return whether the run has succeeded."""
    return board.finished is RunStatus.SUCCESS


def finish(rng: random.Random, graph: Graph, board: Board) -> None:
    """Drive a run to its end, whatever that is."""
    for _ in range(4000):
        if board.finished is not None:
            return
        check_counts(board)
        take_a_turn(rng, graph, board, may_suspend=False)
    raise AssertionError("the run does not end")


@sizes
@given(dice)
def test_a_time_travel_runs_the_target_and_what_follows_and_nothing_before(
    rng: random.Random,
) -> None:
    graph = random_workflow(rng).tree
    board = Board()
    board.apply(enter.start(graph))
    go_on_fairly(rng, graph, board)
    target = rng.choice(list(graph.nodes.values()))
    outside = {p: r for p, r in board.rows.items() if "[" not in p}

    journey = travel.plan(graph, target, travel.Past(was_started=True, rows=outside))
    before = dict(board.rows)
    board.begin_again()
    board.apply(journey.decisions)
    kept = {p for p, row in board.rows.items() if row is before.get(p)}
    assert all(before[p].status is S.SUCCESS for p in kept)
    go_on_fairly(rng, graph, board)

    assert board.finished is RunStatus.SUCCESS
    assert all(board.rows[p] is before[p] for p in kept)
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
