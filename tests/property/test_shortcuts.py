"""A shortcut is what the planner would decide: on random graphs, at any turn of a run."""

from collections import Counter
from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.fakes import Board
from tests.property.test_planner import S, dice, random_workflow, sizes, take_a_turn
from workflows_app.definition import Builder, Graph, step
from workflows_app.jsontext import Raw
from workflows_app.planner import decisions as d
from workflows_app.planner import enter, plain
from workflows_app.planner.decide import decide, wake
from workflows_app.planner.outcomes import Changes, Failed, Succeeded, Suspended
from workflows_app.planner.statuses import RunStatus, StepStatus
from workflows_app.planner.view import Row

DONE = Succeeded(Raw("1"))


def facts(graph: Graph, board: Board, row: Row | None) -> plain.Facts:
    """Return what a recorder would know of a run in memory."""
    run = board.run
    status = RunStatus.RUNNING if run.active or row is None else RunStatus.WAITING
    about = plain.Facts(
        status, run.ending, run.allowance is None, run.active, run.waiting,
        run.suspended + run.paused, has_hook=False,
    )  # fmt: skip
    if row is None:
        return about
    node = graph.nodes[row.base_path]
    return about._replace(
        path=row.path, base_path=row.base_path, step=row.status, is_at_root=row.parent is None,
        queue=enter.queue_of(node),
    )  # fmt: skip


def check(graph: Graph, board: Board, row: Row, seen: Counter[str]) -> None:
    """Compare the shortcut of a step that succeeds with what the planner decides."""
    found = plain.shortcut(graph, facts(graph, board, row), DONE)
    decided = decide(graph, board, row.path, DONE)
    seen[type(found).__name__] += 1
    recorded = d.RecordResult(row.path, StepStatus.SUCCESS, DONE.output)
    match found:
        case plain.GoOn(following):
            assert decided == [recorded, queued(following, row.path)]
        case plain.EndRun():
            assert decided == [
                recorded,
                d.FinishRun(RunStatus.SUCCESS, d.OutputOf(row.path)),
            ]
        case plain.NextItems(body, container):
            assert decided[0] == recorded
            assert row.parent == container.path
            assert row.base_path == body.path


def queued(node: Any, after: str) -> d.QueueStep:
    """Return the decision to queue a step at the root after another."""
    return d.QueueStep(
        node.path, node.path, node.kind, None, d.OutputOf(after), enter.queue_of(node), 0
    )


def check_wake(graph: Graph, board: Board, row: Row, seen: Counter[str]) -> None:
    """Do the same for a sleep that is over."""
    found = plain.shortcut(graph, facts(graph, board, row))
    seen[type(found).__name__] += 1
    if isinstance(found, plain.Wake):
        woken = d.RecordResult(row.path, StepStatus.SUCCESS, d.InputOf(row.path))
        assert wake(graph, board, row.path) == [woken, queued(found.following, row.path)]


@given(rng=dice)
@sizes
def test_at_every_turn_a_shortcut_is_what_the_planner_decides(rng):
    graph = random_workflow(rng).tree
    board = Board()
    seen: Counter[str] = Counter()
    board.apply(enter.start(graph))
    while board.finished is None and sum(seen.values()) < 400:
        for row in board.having(S.RUNNING, is_held=True):
            check(graph, board, row, seen)
        for row in board.having(S.WAITING):
            check_wake(graph, board, row, seen)
        take_a_turn(rng, graph, board, may_suspend=sum(seen.values()) < 50)


@given(rng=dice)
@sizes
def test_a_start_is_a_shortcut_where_the_planner_queues_one_step(rng):
    graph = random_workflow(rng).tree
    about = facts(graph, Board(), None)._replace(run=RunStatus.PENDING)

    found = plain.shortcut(graph, about)

    decided = enter.start(graph)
    is_one_step = len(decided) == 1 and plain.is_step(graph.first)
    assert isinstance(found, plain.Start) is is_one_step
    if isinstance(found, plain.Start):
        first = found.first
        assert decided == [replace(queued(first, ""), payload=d.RunInput())]


def chain() -> Graph:
    """Return two steps, a sleep, a step, a list and a last step."""
    flow = Builder("plain-chain")
    for name in ("a", "b"):
        flow.then(step(lambda data: data, id=name))
    flow.sleep(1).then(step(lambda data: data, id="c"))
    flow.foreach(step(lambda data: data, id="each")).then(step(lambda data: data, id="z"))
    return flow.commit().tree


RUNNING = plain.Facts(
    RunStatus.RUNNING, "", True, 1, 0, 0, False, "a", "a", StepStatus.RUNNING, True, "default"
)


def test_the_plainest_cases_are_shortcuts():
    graph = chain()
    last = RUNNING._replace(path="z", base_path="z")
    item = RUNNING._replace(path="each[3]", base_path="each[]", is_at_root=False)
    asleep = RUNNING._replace(
        run=RunStatus.WAITING, step=StepStatus.WAITING, active=0, waiting=1,
        path="sleep-1", base_path="sleep-1",
    )  # fmt: skip
    assert plain.shortcut(graph, RUNNING, DONE) == plain.GoOn(graph.nodes["b"])
    assert plain.shortcut(graph, last, DONE) == plain.EndRun()
    assert isinstance(plain.shortcut(graph, item, DONE), plain.NextItems)
    assert plain.shortcut(graph, asleep) == plain.Wake(graph.nodes["c"])


@given(
    changed=st.sampled_from(
        [
            {"ending": "canceled"}, {"is_free": False}, {"run": RunStatus.SUSPENDED},
            {"step": StepStatus.QUEUED}, {"queue": "other"}, {"path": "a#2"},
        ]
    )
)  # fmt: skip
def test_nothing_that_is_out_of_the_ordinary_is_a_shortcut(changed):
    assert plain.shortcut(chain(), RUNNING._replace(**changed), DONE) is None


def test_no_outcome_but_a_success_that_changed_nothing_is_a_shortcut():
    for outcome in (
        Failed({"type": "E", "message": ""}, may_retry=False),
        Suspended(Raw("1")),
        Succeeded(Raw("1"), Changes(state={"a": 1})),
    ):
        assert plain.shortcut(chain(), RUNNING, outcome) is None


def test_a_run_with_a_hook_or_other_steps_does_not_end_by_a_shortcut():
    last = RUNNING._replace(path="z", base_path="z")
    for changed in ({"has_hook": True}, {"active": 2}, {"waiting": 1}, {"others": 1}):
        assert plain.shortcut(chain(), last._replace(**changed), DONE) is None
