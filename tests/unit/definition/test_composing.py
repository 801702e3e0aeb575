"""Composing workflows: entries, their names and paths, and what is refused."""

# The types would also refuse what these tests pass.
# mypy: disable-error-code="arg-type, list-item, no-untyped-call, union-attr"

import functools
from typing import Any

import pytest

from workflows_app import errors
from workflows_app.definition import Builder, Kind, Step, from_init, step


def make(id_: str) -> Step:
    return step(lambda value: value, id=id_)


add, double, report = make("add"), make("double"), make("report")


def true(_data):
    return True


def paths(flow: Builder) -> list[str]:
    return list(flow.tree.nodes)


def test_every_method_returns_the_workflow():
    class Workflow(Builder):
        pass

    flow = Workflow("order")
    assert flow.then(add) is flow
    assert flow.parallel([double, report]) is flow
    assert flow.branch([(true, make("last"))]) is flow
    assert flow.map(true) is flow
    assert flow.commit() is flow
    assert repr(flow) == "<Workflow order>"


def test_entries_stand_in_order_and_know_the_next():
    flow = (
        Builder("order").then(add).parallel([double, report]).branch([(true, make("x"))]).map(true)
    ).commit()
    assert [node.kind for node in flow.tree.entries] == ["step", "parallel", "branch", "map"]
    assert [node.next for node in flow.tree.entries] == ["parallel-1", "branch-1", "map-1", None]
    assert [node.parent for node in flow.tree.entries] == ["", "", "", ""]
    assert flow.tree.first is flow.tree.entries[0] is flow.tree.nodes["add"]
    assert flow.tree.workflow is flow


def test_arms_stand_in_the_namespace_of_their_workflow():
    flow = Builder("order").parallel([add, double], allow_failure=True).commit()
    parallel = flow.tree.first
    assert paths(flow) == ["parallel-1", "add", "double"]
    assert parallel.allow_failure
    assert [arm.parent for arm in parallel.children] == ["parallel-1", "parallel-1"]
    assert [arm.next for arm in parallel.children] == [None, None]
    assert parallel.children[0] is flow.tree.nodes["add"]


def test_conditions_are_aligned_with_the_arms():
    flow = Builder("order").branch([(true, add), [lambda data, ctx: data, double]]).commit()
    branch = flow.tree.first
    assert [condition.source for condition in branch.conditions] == [
        "true",
        "lambda data, ctx: data",
    ]
    assert [condition.arity for condition in branch.conditions] == [1, 2]
    assert [arm.key for arm in branch.children] == ["add", "double"]


def test_unnamed_entries_are_counted_by_kind():
    flow = (
        Builder("order")
        .map(true)
        .parallel([add])
        .map(true, id="named")
        .map(true)
        .branch([(true, double)])
        .parallel([report])
    ).commit()
    names = [node.name for node in flow.tree.entries]
    assert names == ["map-1", "parallel-1", "named", "map-2", "branch-1", "parallel-2"]


def test_the_same_step_may_occur_twice():
    flow = Builder("order").then(add).parallel([add, double]).then(add).commit()
    assert paths(flow) == ["add", "parallel-1", "add#2", "double", "add#3"]
    again = flow.tree.nodes["add#2"]
    assert (again.name, again.key, again.step) == ("add#2", "add", add)


def test_the_same_step_may_not_occur_twice_in_one_parallel_or_branch():
    flow = Builder("order").then(report)
    with pytest.raises(errors.DuplicateStep, match=r"'add' .*twice in 'parallel-1'"):
        flow.parallel([add, double, add])
    with pytest.raises(errors.DuplicateStep, match=r"'add' .*twice in 'checks'"):
        flow.branch([(true, add), (true, add)], id="checks")


def test_two_different_steps_with_one_id_are_refused_naming_both():
    def other():
        return None

    flow = Builder("order").then(add)
    with pytest.raises(
        errors.DuplicateStep, match=r"'order' has two different steps.*'add'.*lambda.*other"
    ):
        flow.then(step(other, id="add"))
    with pytest.raises(errors.DuplicateStep, match="two different steps"):
        flow.then(step(other, id="add"), id="elsewhere")
    with pytest.raises(errors.DuplicateStep, match="two different steps"):
        flow.parallel([make("add")])
    flow.then(add.clone(id="add-again")).commit()
    assert paths(flow) == ["add", "add-again"]


def test_a_step_named_like_an_unnamed_entry_is_refused_in_either_order():
    with pytest.raises(errors.DuplicateStep, match=r"'map-1': a map and step 'map-1'"):
        Builder("order").map(true).then(make("map-1"))
    with pytest.raises(errors.DuplicateStep, match=r"'map-1': step 'map-1'.* and a map"):
        Builder("order").then(make("map-1")).map(true)


def test_a_step_may_be_named_like_an_unnamed_parallel_or_branch_in_either_order():
    for kind in ("parallel", "branch"):
        part = make(f"{kind}-1")

        def fork(flow, *parts, kind=kind):
            given = list(parts) if kind == "parallel" else [(true, each) for each in parts]
            return getattr(flow, kind)(given)

        inside = fork(Builder("order"), part, add).commit()
        assert paths(inside) == [f"{kind}-1~", f"{kind}-1", "add"]
        before = fork(Builder("order").then(part), add).then(double).commit()
        assert paths(before) == [f"{kind}-1", f"{kind}-1~", "add", "double"]
        after = fork(Builder("order"), add, double).then(part).then(report).commit()
        assert paths(after) == [f"{kind}-1~", "add", "double", f"{kind}-1", "report"]
        assert [node.next for node in after.tree.entries] == [f"{kind}-1", "report", None]
        assert {arm.parent for arm in after.tree.entries[0].children} == {f"{kind}-1~"}
        assert [arm.key for arm in after.tree.entries[0].children] == ["add", "double"]
        nested = fork(Builder("outer"), after).then(make(f"{kind}-1")).commit()
        assert nested.tree.nodes[f"order.{kind}-1~"].kind == kind
        named = fork(Builder("order"), add).map(true, id=f"{kind}-1").commit()
        assert paths(named) == [f"{kind}-1~", "add", f"{kind}-1"]


def test_an_unnamed_parallel_keeps_its_name_when_nothing_else_has_it():
    flow = Builder("order").parallel([add]).branch([(true, double)]).then(report).commit()
    assert [node.name for node in flow.tree.entries] == ["parallel-1", "branch-1", "report"]
    with pytest.raises(errors.DuplicateStep, match="'checks'"):
        Builder("order").parallel([make("checks")], id="checks")


def test_an_entry_may_be_named_and_its_step_keeps_its_id_and_path():
    flow = Builder("order").then(add, id="first", description="Begins", metadata={"a": 1}).commit()
    node = flow.tree.nodes["add"]
    assert (node.name, node.key, node.step, node.entry_id) == ("add", "add", add, "first")
    assert (node.description, node.metadata) == ("Begins", {"a": 1})


def test_a_nested_workflow_has_its_record_under_the_name_of_its_entry():
    inner = Builder("inner").then(add).commit()
    flow = Builder("order").then(inner, id="first").then(inner).commit()
    assert paths(flow) == ["first", "first.add", "inner", "inner.add"]
    assert flow.tree.nodes["first"].key == "inner"


def test_a_name_is_given_once():
    inner = Builder("inner").then(add).commit()
    flow = Builder("order").then(inner, id="x")
    for refused in (
        lambda: flow.then(inner, id="x"),
        lambda: flow.map(true, id="x"),
        lambda: flow.then(make("x")),
    ):
        with pytest.raises(errors.DuplicateStep, match="two entries called 'x'"):
            refused()


def test_every_entry_takes_id_description_and_metadata():
    about: dict[str, Any] = {"description": "Why", "metadata": {"a": [1]}}
    flow = (
        Builder("order")
        .then(Builder("inner").then(add).commit(), id="t", **about)
        .parallel([double], id="p", **about)
        .branch([(true, report)], id="b", **about)
        .map(true, id="m", **about)
    ).commit()
    assert [node.name for node in flow.tree.entries] == ["t", "p", "b", "m"]
    for node in flow.tree.entries:
        assert (node.description, node.metadata) == ("Why", {"a": [1]})


def test_an_entry_is_described_by_its_step_unless_told_otherwise():
    described = step(lambda: 1, id="d", description="What it does")
    flow = Builder("order").then(described).parallel([described]).commit()
    assert flow.tree.nodes["d"].description == "What it does"
    assert flow.tree.nodes["d#2"].description == "What it does"


def test_a_plain_function_becomes_a_step_the_same_function_the_same_step():
    def look(value):
        return value

    flow = Builder("order").then(look).then(look).parallel([look]).commit()
    assert paths(flow) == ["look", "look#2", "parallel-1", "look#3"]
    nodes = flow.tree.nodes
    assert nodes["look"].step is nodes["look#2"].step is nodes["look#3"].step
    assert nodes["look"].step.fn is look


def test_a_callable_that_cannot_be_hashed_becomes_a_step_too():
    class Rules:
        __hash__ = None
        __name__ = "rules"

        def __call__(self, value):
            return value

    assert paths(Builder("order").then(Rules()).commit()) == ["rules"]


@pytest.mark.parametrize("wrong", [None, 5, "add", [add], {"a": add}])
def test_a_value_that_is_not_a_step_is_refused(wrong):
    flow = Builder("order").then(add)
    with pytest.raises(errors.InvalidStep, match=r"then\(\) of workflow 'order' was given"):
        flow.then(wrong)
    with pytest.raises(errors.InvalidStep, match=r"parallel\(\) of workflow 'order' was given"):
        flow.parallel([double, wrong])
    with pytest.raises(errors.InvalidStep, match=r"branch\(\) of workflow 'order' was given"):
        flow.branch([(true, wrong)])


@pytest.mark.parametrize("wrong", [add, None, "ab", {"a": add}, 5])
def test_parallel_and_branch_take_lists(wrong):
    with pytest.raises(errors.InvalidStep, match=r"parallel\(\) of workflow 'order' takes a list"):
        Builder("order").parallel(wrong)
    with pytest.raises(errors.InvalidStep, match=r"branch\(\) of workflow 'order' takes a list"):
        Builder("order").branch(wrong)


def test_parallel_and_branch_take_any_iterable_but_an_empty_one():
    flow = Builder("order").parallel(make(id_) for id_ in "ab")
    flow.branch((condition, each) for condition, each in [(true, add)])
    assert paths(flow.commit()) == ["parallel-1", "a", "b", "branch-1", "add"]
    with pytest.raises(errors.InvalidStep, match="empty list"):
        Builder("order").parallel([])
    with pytest.raises(errors.InvalidStep, match="empty list"):
        Builder("order").branch([])


def test_branch_takes_pairs_with_the_condition_first():
    flow = Builder("order")
    for wrong in (add, (true,), (true, add, add), "ab"):
        with pytest.raises(errors.InvalidStep, match="takes pairs"):
            flow.branch([wrong])
    with pytest.raises(errors.InvalidStep, match="condition, a function, comes first"):
        flow.branch([(add, true)])
    with pytest.raises(errors.InvalidStep, match="condition of 'add' in workflow 'order'"):
        flow.branch([(True, add)])
    with pytest.raises(errors.InvalidStep, match="condition of 'add' in workflow 'order' needs"):
        flow.branch([(lambda a, b, c: a, add)])


def test_a_method_that_was_refused_has_added_nothing():
    flow = Builder("order").then(report)
    with pytest.raises(errors.DuplicateStep):
        flow.parallel([add, double, make("report")])
    with pytest.raises(errors.InvalidStep):
        flow.branch([(true, add), (None, double)])
    with pytest.raises(errors.InvalidStep):
        flow.map(None)
    flow.parallel([add, double]).branch([(true, make("x"))]).map(true).commit()
    assert paths(flow) == ["report", "parallel-1", "add", "double", "branch-1", "x", "map-1"]


def test_options_of_entries_are_checked():
    flow = Builder("order")
    with pytest.raises(errors.InvalidStep, match="allow_failure"):
        flow.parallel([add], allow_failure="yes")
    with pytest.raises(errors.InvalidStep, match="An entry of workflow 'order' has metadata"):
        flow.then(add, metadata=[1])
    with pytest.raises(errors.InvalidStep, match="description"):
        flow.then(add, description=5)


# Committing.


def test_a_workflow_without_entries_is_refused():
    with pytest.raises(errors.EmptyWorkflow, match="'order' has no steps"):
        Builder("order").commit()


def test_a_committed_workflow_takes_nothing_more():
    flow = Builder("order").then(add).commit()
    for late in (
        lambda: flow.then(double),
        lambda: flow.parallel([double]),
        lambda: flow.branch([(true, double)]),
        lambda: flow.map(true),
    ):
        with pytest.raises(errors.AlreadyCommitted, match="'order' is committed"):
            late()
    assert flow.commit() is flow
    assert paths(flow) == ["add"]


def test_before_commit_there_is_no_graph():
    flow = Builder("order").then(add)
    for early in (
        lambda: flow.tree,
        flow.graph,
        lambda: flow.version_hash,
        flow.require_committed,
        lambda: Builder("outer").then(flow),
        lambda: Builder("outer").parallel([flow]),
        lambda: flow.then(flow),
    ):
        with pytest.raises(errors.NotCommitted, match="'order' is not committed"):
            early()
    flow.commit()
    flow.require_committed()
    assert paths(flow) == ["add"]


def test_a_clone_is_committed_under_its_own_id():
    flow = Builder("order", description="Orders", retry_attempts=2).then(add).map(true).commit()
    assert flow.version_hash
    twin = flow.clone(id="order-again")
    assert twin.is_committed
    assert (twin.id, twin.title) == ("order-again", "Order again")
    assert (twin.description, twin.retry_attempts) == ("Orders", 2)
    assert paths(twin) == paths(flow)
    assert twin.tree.workflow is twin
    assert twin.graph()["id"] == "order-again"
    assert flow.graph()["id"] == "order"
    assert twin.version_hash != flow.version_hash
    with pytest.raises(errors.InvalidId):
        flow.clone(id="a.b")


def test_a_clone_of_an_open_workflow_has_the_entries_so_far():
    flow = Builder("order", title="Orders").then(add)
    twin = flow.clone("early")
    flow.then(double).commit()
    assert paths(twin) == ["add"]
    assert twin.title == "Orders"
    assert paths(flow) == ["add", "double"]
    with pytest.raises(errors.EmptyWorkflow):
        Builder("order").clone(id="nothing")


# Nesting.


def inner_flow() -> Builder:
    return (
        Builder("inner").then(add).parallel([double, report]).map(true).then(add).commit()
    )  # fmt: skip


def test_a_workflow_is_a_step():
    inner = inner_flow()
    flow = Builder("outer").then(add).then(inner).then(double).commit()
    assert paths(flow) == [
        "add",
        "inner",
        "inner.add",
        "inner.parallel-1",
        "inner.double",
        "inner.report",
        "inner.map-1",
        "inner.add#2",
        "double",
    ]
    nested = flow.tree.nodes["inner"]
    assert (nested.kind, nested.workflow, nested.step) == (Kind.WORKFLOW, inner, None)
    assert [child.path for child in nested.children] == [
        "inner.add",
        "inner.parallel-1",
        "inner.map-1",
        "inner.add#2",
    ]
    assert [child.next for child in nested.children] == [
        "inner.parallel-1",
        "inner.map-1",
        "inner.add#2",
        None,
    ]
    assert {child.parent for child in nested.children} == {"inner"}
    assert flow.tree.nodes["inner.double"].parent == "inner.parallel-1"
    assert flow.tree.nodes["inner.double"].name == "double"
    assert paths(inner)[0] == "add"


def test_workflows_nest_at_any_depth():
    flow = Builder("w0").then(add).commit()
    for depth in range(1, 20):
        flow = Builder(f"w{depth}").parallel([flow]).commit()
    deepest = ".".join(f"w{depth}" for depth in range(18, -1, -1)) + ".add"
    node = flow.tree.nodes[deepest]
    assert node.step is add
    assert node.parent == deepest.removesuffix(".add")
    assert flow.tree.nodes[node.parent].parent.endswith(".parallel-1")


def test_workflows_may_be_in_parallel_and_branch():
    inner = inner_flow()
    flow = (
        Builder("outer").parallel([inner, add]).branch([(true, inner), (true, double)]).commit()
    )  # fmt: skip
    assert flow.tree.nodes["inner"].parent == "parallel-1"
    assert flow.tree.nodes["inner.add"].parent == "inner"
    assert flow.tree.nodes["inner#2"].parent == "branch-1"
    assert flow.tree.nodes["inner#2"].key == "inner"
    assert flow.tree.nodes["inner#2.add#2"].step is add
    assert flow.tree.nodes["inner#2.add"].next == "inner#2.parallel-1"


def test_a_workflow_and_a_step_with_one_id_are_refused_naming_both():
    inner = inner_flow()
    with pytest.raises(
        errors.DuplicateStep, match=rf"step 'inner'.*workflow 'inner' \({__name__}\)"
    ):
        Builder("outer").then(make("inner")).then(inner)
    with pytest.raises(errors.DuplicateStep, match="twice in 'parallel-1'"):
        Builder("outer").parallel([inner, inner])


# Options.


def test_a_workflow_knows_its_options():
    def hook(info):
        return info

    flow = Builder(
        "order",
        input=int,
        output=str,
        state=dict,
        request_context=dict,
        description="Orders",
        metadata={"team": "a"},
        retry_attempts=2,
        retry_delay=1,
        validate_inputs=False,
        auto_restart=False,
        on_start=hook,
        on_finish=hook,
        on_error=functools.partial(hook),
        permission="shop.run",
        on_version_change="refuse",
    )
    assert flow.input.load("1") == 1
    assert flow.output.load('"a"') == "a"
    assert not flow.state.is_any
    assert not flow.request_context.is_any
    assert (flow.description, flow.metadata) == ("Orders", {"team": "a"})
    assert (flow.retry_attempts, flow.retry_delay) == (2, 1.0)
    assert (flow.validate_inputs, flow.auto_restart) == (False, False)
    assert flow.on_start is flow.on_finish is hook
    assert flow.on_error.func is hook
    assert (flow.permission, flow.on_version_change) == ("shop.run", "refuse")
    assert flow.defined_in == __name__


def test_a_workflow_has_the_defaults_of_the_contract():
    flow = Builder("order")
    assert flow.input.is_any
    assert (flow.retry_attempts, flow.retry_delay) == (0, 0.0)
    assert (flow.validate_inputs, flow.auto_restart) == (True, True)
    assert (flow.on_start, flow.permission, flow.on_version_change) == (None, None, "continue")


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"retry_attempts": -1}, "has retry_attempts=-1"),
        ({"retry_delay": -1}, "has retry_delay=-1"),
        ({"validate_inputs": None}, "has validate_inputs=None"),
        ({"auto_restart": 1}, "has auto_restart=1"),
        ({"on_start": "hook"}, "on_start of Workflow 'order' must be a function"),
        ({"on_error": lambda a, b, c: a}, "on_error of Workflow 'order' needs"),
        ({"permission": ""}, "has permission=''"),
        ({"on_version_change": "maybe"}, "'continue' or 'refuse'"),
        ({"title": 5}, "has title=5"),
        ({"metadata": [1]}, r"has metadata=\[1\]"),
    ],
)
def test_an_invalid_option_of_a_workflow_is_refused(wrong, message):
    with pytest.raises(errors.InvalidStep, match=message):
        Builder("order", **wrong)


def test_a_workflow_defined_by_a_subclass_knows_its_module():
    class Workflow(Builder):
        def __init__(self, id_: str) -> None:
            super().__init__(id_)

    assert Workflow("order").defined_in == __name__
    assert Builder[int, str]("order").defined_in == __name__
    namespace: dict[str, Any] = {"Builder": Builder, "__name__": "shop.workflows"}
    exec("flow = Builder('order')", namespace)
    assert namespace["flow"].defined_in == "shop.workflows"


def test_a_map_takes_neither_a_single_source_nor_a_step():
    for wrong in (from_init("a"), add, "a", None):
        with pytest.raises(errors.InvalidStep, match="A map of workflow 'order' takes a function"):
            Builder("order").map(wrong)
