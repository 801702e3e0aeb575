"""Which entries a time travel passes over: one rule per test, on records in memory."""

import pytest

from workflows_app.definition import Builder, step
from workflows_app.planner import passed
from workflows_app.planner.statuses import StepStatus
from workflows_app.planner.travel import chain_to
from workflows_app.planner.view import Row

S = StepStatus


def make(name):
    return step(lambda data: data, id=name)


def past(flow, target, rows, given=(), changed=()):
    """Return the entries passed over; `rows` has the recorded statuses by path."""
    tree = flow.commit().tree
    known = {path: Row(path, path, tree.nodes[path].kind, status) for path, status in rows.items()}
    chain = chain_to(tree, tree.nodes[target])
    return set(passed.paths(tree, chain, known, given, changed))


@pytest.fixture
def line():
    return Builder("line").then(make("a")).then(make("b")).then(make("c"))


def test_a_step_that_succeeded_is_not_passed_over(line):
    assert past(line, "c", {"a": S.SUCCESS, "b": S.SUCCESS}) == set()


def test_a_step_without_a_result_is_passed_over(line):
    assert past(line, "c", {"a": S.SUCCESS, "b": S.SUSPENDED}) == {"b"}
    assert past(line, "c", {"a": S.SKIPPED, "b": S.SUCCESS}) == {"a"}
    assert past(line, "c", {}) == {"a", "b"}


@pytest.mark.parametrize("change", ["a", "b"])
def test_a_given_result_replaces_everything_before_and_after_it(line, change):
    assert past(line, "c", {"a": S.SUCCESS, "b": S.SUCCESS}, given=[change]) == {"a", "b"}


@pytest.mark.parametrize("place", ["c", passed.RUN_INPUT])
def test_another_input_does_the_same(line, place):
    assert past(line, "c", {"a": S.SUCCESS, "b": S.SUCCESS}, changed=[place]) == {"a", "b"}


def test_results_given_behind_the_target_do_not_count(line):
    assert past(line, "b", {"a": S.SUCCESS}, given=["c"]) == set()


@pytest.fixture
def split():
    return Builder("split").parallel([make("a"), make("b")], id="both").then(make("end"))


def test_arms_of_one_parallel_are_apart(split):
    known = {"both": S.SUCCESS, "a": S.SUCCESS, "b": S.SUCCESS}
    assert past(split, "end", known, given=["a"]) == {"a", "both"}
    assert past(split, "a", known, changed=["a"]) == set()
    assert past(split, "a", {**known, "b": S.SUSPENDED}) == {"b"}
    assert past(split, "a", {**known, "b": S.FAILED}) == {"b"}


def test_an_arm_that_may_fail_is_not_passed_over():
    flow = Builder("may").parallel([make("a"), make("b")], allow_failure=True)
    assert past(flow, "a", {"a": S.SUCCESS, "b": S.FAILED}) == set()


@pytest.fixture
def fork():
    yes, no = make("yes"), make("no")
    branch = [(lambda data: True, yes), (lambda data: False, no)]
    return Builder("fork").then(make("a")).branch(branch, id="which").then(make("end"))


def test_an_arm_that_a_condition_left_out_is_not_passed_over_while_nothing_changes(fork):
    known = {"a": S.SUCCESS, "which": S.SUCCESS, "yes": S.SUCCESS}
    assert past(fork, "yes", known) == set()
    assert past(fork, "end", known) == set()
    assert past(fork, "end", known, given=["yes"]) == {"a", "which", "yes"}
    assert past(fork, "no", known) == set()
    assert past(fork, "yes", known, changed=["yes"]) == {"a", "no"}
    assert past(fork, "yes", known, given=["a"]) == {"a", "no"}
    assert past(fork, "end", known, changed=["end"]) == {"a", "which", "yes", "no"}


def test_an_arm_whose_condition_was_not_asked_is_passed_over(fork):
    assert past(fork, "yes", {"a": S.SUCCESS}) == {"no"}
    assert past(fork, "end", {"a": S.SUCCESS}, given=["yes"]) == {"a", "which", "yes", "no"}


@pytest.fixture
def nested():
    inner = Builder("inner").then(make("x")).then(make("y")).commit()
    return Builder("outer").then(inner, id="in").then(make("end"))


def test_a_result_given_for_a_workflow_or_a_part_replaces_everything_inside(nested):
    known = {"in": S.SUCCESS, "in.x": S.SUCCESS, "in.y": S.SUCCESS}
    everything = {"in", "in.x", "in.y"}
    assert past(nested, "end", known, given=["in"]) == everything
    assert past(nested, "end", known, given=["in.y"]) == everything
    assert past(nested, "in.y", known, given=["in.x"]) == {"in.x"}
    assert past(nested, "in.y", known) == set()
    assert past(nested, "in.y", {}) == {"in.x"}


def test_the_items_of_a_foreach_are_passed_over_with_it():
    flow = Builder("items").foreach(make("each"), id="all").then(make("end"))
    assert past(flow, "end", {}) == {"all", "all[]"}
    assert past(flow, "end", {"all": S.SUCCESS}) == set()
    assert past(flow, "end", {"all": S.SUCCESS}, given=["all"]) == {"all", "all[]"}
