"""What the planner decides: one rule per test, on a board in memory."""

import pytest

from tests.fakes import Board
from workflows_app.definition import Builder, Graph, step
from workflows_app.jsontext import NULL, Raw
from workflows_app.planner import enter, retries
from workflows_app.planner.decide import cancel, decide, give_up
from workflows_app.planner.outcomes import Bailed, Failed, Lost, Opened, Succeeded, Suspended
from workflows_app.planner.statuses import MOVES, STEP_ENDED, RunStatus, StepStatus, sources

S = StepStatus
ERROR = {"type": "ValueError", "message": "no"}


def make(name, **options):
    return step(lambda data: data, id=name, **options)


def begin(flow: Builder) -> tuple[Graph, Board]:
    board = Board()
    board.apply(enter.start(flow.commit().tree))
    return flow.tree, board


def settle(graph, board, path, outcome):
    board.claim(path)
    board.apply(decide(graph, board, path, outcome))


def test_what_has_ended_never_moves_again():
    assert all(not MOVES[status] for status in STEP_ENDED)
    assert set(sources(S.RUNNING)) == {S.QUEUED}
    assert set(sources(S.SUSPENDED)) == {S.RUNNING}


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, retries.RetryPolicy(2, 0.5, 1.0)),
        ({"retries": 0}, retries.RetryPolicy(0, 0.5, 1.0)),
        ({"retries": 3, "retry_delay": 1, "retry_backoff": 2}, retries.RetryPolicy(3, 1, 2)),
    ],
)
def test_a_step_overrides_the_retries_of_its_workflow(options, expected):
    flow = Builder("flow", retry_attempts=2, retry_delay=0.5).then(make("a", **options)).commit()
    assert retries.policy_of(flow.tree, flow.tree.nodes["a"]) == expected


def test_the_delay_before_a_retry_grows_by_its_factor():
    policy = retries.RetryPolicy(3, 0.5, 2.0)
    assert [policy.delay_before(count) for count in (1, 2, 3)] == [0.5, 1.0, 2.0]


def test_a_delay_that_no_float_can_hold_is_infinite_and_none_stays_none():
    assert retries.RetryPolicy(1100, 0.5, 2.0).delay_before(1100) == float("inf")
    assert retries.RetryPolicy(3, 1e308, 1e308).delay_before(3) == float("inf")
    assert retries.RetryPolicy(1100, 0.0, 2.0).delay_before(1100) == 0.0


def test_a_nested_workflow_has_retries_of_its_own_and_glue_has_none():
    inner = Builder("inner", retry_attempts=4).then(make("a")).map(lambda data: data).commit()
    tree = Builder("outer", retry_attempts=1).then(inner).commit().tree
    assert retries.policy_of(tree, tree.nodes["inner.a"]).retries == 4
    assert retries.policy_of(tree, tree.nodes["inner.map-1"]) is retries.NEVER


def test_a_failed_attempt_waits_and_is_tried_again_until_its_retries_are_used_up():
    graph, board = begin(Builder("flow").then(make("a", retries=1)))
    settle(graph, board, "a", Failed(ERROR))
    assert (board.rows["a"].status, board.rows["a"].retry_count) == (S.QUEUED, 1)
    settle(graph, board, "a", Failed(ERROR))
    assert (board.rows["a"].status, board.finished) == (S.FAILED, RunStatus.FAILED)


def test_what_another_attempt_cannot_fix_is_not_tried_again():
    graph, board = begin(Builder("flow").then(make("a", retries=5)))
    settle(graph, board, "a", Failed(ERROR, may_retry=False))
    assert board.finished is RunStatus.FAILED


def test_a_suspended_sibling_of_a_failed_step_is_canceled():
    graph, board = begin(Builder("flow").parallel([make("a"), make("b")]))
    settle(graph, board, "a", Suspended(NULL))
    settle(graph, board, "b", Failed(ERROR))
    assert (board.rows["a"].status, board.finished) == (S.CANCELED, RunStatus.FAILED)


def test_an_arm_that_may_fail_ends_when_what_runs_inside_it_has_ended():
    inner = Builder("inner").parallel([make("a"), make("b")]).then(make("c")).commit()
    flow = Builder("flow").parallel([inner, make("d")], allow_failure=True).then(make("e"))
    graph, board = begin(flow)
    settle(graph, board, "inner", Opened((0,), NULL))
    board.claim("inner.a")
    settle(graph, board, "inner.b", Failed(ERROR))
    assert (board.rows["inner"].status, board.rows["inner"].ending) == (S.RUNNING, "failed")

    board.apply(decide(graph, board, "inner.a", Succeeded(NULL)))
    assert board.rows["inner"].status is S.FAILED
    assert "inner.c" not in board.rows
    settle(graph, board, "d", Succeeded(NULL))
    assert board.rows["e"].status is S.QUEUED
    assert not board.run.ending


def test_a_bail_waits_for_what_runs_beside_it_and_ends_as_a_success():
    graph, board = begin(Builder("flow").parallel([make("a"), make("b")]).then(make("c")))
    board.claim("a")
    settle(graph, board, "b", Bailed(Raw("1")))
    assert (board.finished, board.run.ending) == (None, "success")
    board.apply(decide(graph, board, "a", Succeeded(NULL)))
    assert board.finished is RunStatus.SUCCESS
    assert "c" not in board.rows


def test_a_canceled_run_does_not_wait_for_ever_for_a_step_that_does_not_end():
    graph, board = begin(Builder("flow").then(make("a")))
    board.claim("a")
    board.apply(cancel(board))
    assert board.finished is None
    board.apply(give_up(board))
    assert (board.rows["a"].status, board.finished) == (S.CANCELED, RunStatus.CANCELED)
    assert decide(graph, board, "a", Succeeded(NULL)) == []


def test_a_step_that_lost_its_worker_while_its_run_ends_is_canceled():
    graph, board = begin(Builder("flow").then(make("a")))
    board.claim("a")
    assert decide(graph, board, "a", Lost()) == []
    board.apply(cancel(board))
    board.apply(decide(graph, board, "a", Lost()))
    assert (board.rows["a"].status, board.finished) == (S.CANCELED, RunStatus.CANCELED)
