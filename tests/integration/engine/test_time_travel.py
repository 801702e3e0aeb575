"""Time travel, its plan, and forks: to every entry, from every status, with given values."""

import pytest
from pydantic import BaseModel

from workflows_app import StepContext, Workflow, errors, step

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("execution")]


class Trail:
    """Steps that leave a mark, and a note of which of them ran."""

    def __init__(self) -> None:
        self.ran: list[str] = []
        self.is_broken = False

    def step(self, name, **options):
        """Return a step that adds its name to the input list."""

        def fn(data, ctx: StepContext):
            self.ran.append(name)
            if self.is_broken:
                raise ValueError(f"{name} is broken")
            return [*data, name]

        return step(fn, id=name, **options)

    def again(self):
        """Return what ran since the last look."""
        ran, self.ran = self.ran, []
        return ran


@pytest.fixture
def trail():
    return Trail()


@step
def ask(data, ctx: StepContext):
    """Ask once."""
    if ctx.resume_data is None:
        ctx.suspend({"data": data})
    return [*data, ctx.resume_data]


@pytest.fixture
def nested(trail):
    """A workflow with one nested in it: a, inner (x, y), b."""
    inner = Workflow("tt-inner").then(trail.step("x")).then(trail.step("y")).commit()
    flow = Workflow("tt-outer").then(trail.step("a")).then(inner, id="in").then(trail.step("b"))
    return flow.commit()


def test_it_runs_the_step_again_and_what_follows_with_the_recorded_input(nested, trail):
    run = nested.create_run()
    run.start([])
    trail.again()
    result = run.time_travel("b")
    assert (result.result, trail.again()) == (["a", "x", "y", "b"], ["b"])
    assert [t.cause for t in run.timelines()] == ["start", "time-travel"]
    assert (run.timeline, run.timelines()[1].step) == (2, "b")
    told = next(e for e in run.events() if e.type == "workflow-time-travel")
    assert (told.payload["path"], told.payload["timeline"], told.timeline) == ("b", 2, 2)


@pytest.mark.parametrize("target", ["in.y", ["in", "y"], "step"])
def test_a_target_may_be_in_a_nested_workflow(nested, trail, target):
    y = nested.tree.nodes["in.y"].step
    run = nested.create_run()
    run.start([])
    trail.again()
    inner = nested.tree.nodes["in"].workflow
    result = run.time_travel([inner, y] if target == "step" else target)
    assert (result.result, trail.again()) == (["a", "x", "y", "b"], ["y", "b"])
    assert result.steps["in"].output == ["a", "x", "y"]
    assert result.steps["in.x"].status == "success"


def test_input_data_replaces_the_recorded_input(nested, trail):
    run = nested.create_run()
    run.start([])
    assert run.time_travel("in.y", input_data=["new"]).result == ["new", "y", "b"]
    assert run.result().steps["in.y"].payload == ["new"]


def test_context_replaces_recorded_results(nested, trail):
    run = nested.create_run()
    run.start([])
    trail.again()
    result = run.time_travel("b", context={"in": {"status": "success", "output": ["given"]}})
    assert (result.result, trail.again()) == (["given", "b"], ["b"])
    assert result.steps["in"].output == ["given"]
    result = run.time_travel("in.y", nested_steps_context={"in": {"x": {"output": ["gx"]}}})
    assert result.result == ["gx", "y", "b"]
    assert result.steps["in.x"].output == ["gx"]


@pytest.mark.parametrize("end", ["success", "failed", "suspended", "canceled"])
def test_it_works_after_every_way_to_settle(trail, end):
    flow = Workflow(f"after-{end}").then(trail.step("a")).then(ask).then(trail.step("b")).commit()
    run = flow.create_run()
    run.start([])
    if end == "canceled":
        run.cancel()
    elif end != "suspended":
        trail.is_broken = end == "failed"
        run.resume("yes")
    assert run.refresh().status == end
    trail.is_broken = False
    result = run.time_travel("ask")
    assert (result.status, result.suspended) == ("suspended", [["ask"]])
    assert run.resume("again").result == ["a", "again", "b"]


def test_an_active_run_is_refused_and_untouched(trail):
    flow = Workflow("active").then(trail.step("a")).sleep(60).then(trail.step("b")).commit()
    run = flow.create_run()
    run.start([], wait=False)
    with pytest.raises(errors.RunStillRunning):
        run.time_travel("a")
    with pytest.raises(errors.RunStillRunning):
        run.plan_time_travel("a")
    run.cancel(wait=True)
    assert run.timeline == 1


class Typed(BaseModel):
    """What a typed step takes."""

    n: int


def test_unknown_steps_and_wrong_inputs_are_refused():
    typed = step(lambda data: data.n, id="typed", input=Typed)
    flow = Workflow("refusing").then(typed).commit()
    run = flow.create_run()
    run.start({"n": 1})
    seq = run.events()[-1].seq
    with pytest.raises(errors.StepNotFound, match="typed"):
        run.time_travel("other")
    with pytest.raises(errors.InvalidInput, match="n: "):
        run.time_travel("typed", input_data={"n": "many"})
    with pytest.raises(errors.StepNotFound, match="nobody"):
        run.time_travel("typed", context={"nobody": {"output": 1}})
    with pytest.raises(errors.InvalidInput):
        run.time_travel("typed", initial_state=["no mapping"])
    assert run.events()[-1].seq == seq
    assert run.time_travel(typed, input_data={"n": 5}).result == 5


def test_a_step_before_the_target_without_a_result_is_named(trail):
    flow = Workflow("missing").then(trail.step("a")).then(trail.step("b")).then(trail.step("c"))
    flow = flow.commit()
    run = flow.create_run()
    trail.is_broken = True
    run.start([])
    trail.is_broken = False
    with pytest.raises(errors.MissingStepResult, match="'a'"):
        run.time_travel("c")
    context = {"a": {"output": ["A"]}, "b": {"output": ["B"]}}
    assert run.time_travel("c", context=context).result == ["B", "c"]


def test_a_run_never_started_begins_at_the_target(nested, trail):
    run = nested.create_run()
    with pytest.raises(errors.MissingStepResult):
        run.time_travel("b")
    with pytest.raises(errors.InvalidInput):
        run.time_travel("a")
    assert run.refresh().status == "pending"
    result = run.time_travel("b", input_data=["given"])
    assert (result.result, result.input, trail.again()) == (["given", "b"], None, ["b"])
    assert result.steps["a"].status == "skipped"
    with pytest.raises(errors.RunAlreadyStarted):
        run.start([])

    other = nested.create_run()
    assert other.time_travel("b", context={"in": {"output": ["ctx"]}}).result == ["ctx", "b"]
    third = nested.create_run()
    assert third.time_travel("a", input_data=["first"]).result == ["first", "a", "x", "y", "b"]
    assert third.result().input == ["first"]


def test_the_init_data_of_a_run_that_began_later_is_none():
    look = step(lambda data, ctx: [data, ctx.get_init_data()], id="look")
    flow = Workflow("no-init").then(step(lambda d: d, id="first")).then(look).commit()
    assert flow.create_run().time_travel("look", input_data=1).result == [1, None]


def test_in_a_parallel_only_the_chosen_child_runs_again(trail):
    flow = (
        Workflow("tt-par")
        .parallel([trail.step("a"), trail.step("b"), trail.step("c")])
        .map(lambda d: [*d["a"], *d["b"], *d["c"]])
        .commit()
    )
    run = flow.create_run()
    run.start([])
    trail.again()
    assert run.time_travel("b", input_data=["new"]).result == ["a", "new", "b", "c"]
    assert trail.again() == ["b"]


def test_a_sibling_without_a_record_stays_out_of_the_output(trail):
    flow = Workflow("tt-side").parallel([trail.step("a"), ask]).commit()
    run = flow.create_run()
    assert run.start([]).status == "suspended"
    plan = run.plan_time_travel("a")
    assert "ask" in plan.skipped
    assert run.time_travel("a").result == {"a": ["a"]}


def test_in_a_branch_the_chosen_arm_runs_even_if_it_was_not_taken(trail):
    flow = (
        Workflow("tt-branch")
        .branch([(lambda d: True, trail.step("yes")), (lambda d: False, trail.step("no"))])
        .commit()
    )
    run = flow.create_run()
    assert run.start([]).result == {"yes": ["yes"]}
    assert run.time_travel("no").result == {"yes": ["yes"], "no": ["no"]}


@pytest.mark.parametrize("target", ["each", "each[1]", "each.x"])
def test_a_foreach_runs_again_as_a_whole(trail, target):
    inner = Workflow("tt-each-inner").then(trail.step("x")).commit()
    flow = Workflow("tt-each").foreach(inner, id="each").then(trail.step("after")).commit()
    run = flow.create_run()
    run.start([["1"], ["2"]])
    trail.again()
    result = run.time_travel(target)
    assert result.result == [["1", "x"], ["2", "x"], "after"]
    assert trail.again() == ["x", "x", "after"]
    assert run.time_travel(target, input_data=[["9"]]).result == [["9", "x"], "after"]
    with pytest.raises(errors.InvalidInput, match="list"):
        run.time_travel(target, input_data={"no": "list"})
    old = run.timelines()[0].steps["each"]
    assert old.output == [["1", "x"], ["2", "x"]]
    assert len(old.iterations) == 2
    assert len(run.steps["each"].iterations) == 1


def test_a_loop_runs_again_as_a_whole(trail):
    flow = Workflow("tt-loop").do_until(trail.step("r"), lambda d: len(d) > 2, id="loop").commit()
    run = flow.create_run()
    assert run.start([]).result == ["r", "r", "r"]
    assert run.time_travel("loop", input_data=["0"]).result == ["0", "r", "r"]
    assert len(run.timelines()[0].steps["loop"].iterations) == 3


def test_the_state_is_that_of_the_targets_first_start_unless_one_is_given():
    def work(data, ctx: StepContext):
        ctx.set_state({"seen": [*ctx.state.get("seen", []), ctx.step_id]})
        return dict(ctx.state)

    flow = Workflow("tt-state")
    for name in ("a", "b", "c"):
        flow.then(step(work, id=name))
    flow = flow.commit()
    run = flow.create_run()
    start = {"from": "start"}
    final = run.start(1, initial_state=start).result
    assert final == {"from": "start", "seen": ["a", "b", "c"]}
    assert run.time_travel("b").result == final
    given = run.time_travel("b", initial_state={"from": "travel"}).result
    assert given == {"from": "travel", "seen": ["b", "c"]}
    assert run.time_travel("c").result == given
    assert [t.state["from"] for t in run.timelines()] == ["start", "start", "travel", "travel"]


def test_resume_data_goes_to_the_step_that_was_suspended(trail):
    flow = Workflow("tt-answer").then(trail.step("a")).then(ask).then(trail.step("b")).commit()
    run = flow.create_run()
    run.start([])
    assert run.time_travel("ask", resume_data="now").result == ["a", "now", "b"]
    assert run.time_travel("a", resume_data="later").result == ["a", "later", "b"]
    assert run.result().steps["ask"].resume_payload == "later"


def test_resume_data_that_does_not_fit_is_refused():
    @step(resume=Typed)
    def typed(data, ctx: StepContext):
        return ctx.suspend() if ctx.resume_data is None else ctx.resume_data.n

    run = Workflow("tt-typed").then(typed).commit().create_run()
    run.start(1)
    with pytest.raises(errors.InvalidResumeData):
        run.time_travel("typed", resume_data={"n": "x"})
    assert run.refresh().status == "suspended"
    assert run.time_travel("typed", resume_data={"n": 3}).result == 3


def test_the_plan_says_what_would_happen_and_changes_nothing(nested, trail):
    run = nested.create_run()
    run.start([])
    seq = run.events()[-1].seq
    plan = run.plan_time_travel("in.y")
    assert (plan.reused, plan.rerun, plan.skipped) == (["a", "in.x"], ["in.y", "b"], [])
    assert (plan.suspensions, plan.warnings) == ([], [])
    assert plan.version == nested.version_hash
    assert run.events()[-1].seq == seq
    trail.again()
    assert run.time_travel("in.y", plan=plan.token).status == "success"
    assert trail.again() == ["y", "b"]
    with pytest.raises(errors.PlanOutdated):
        run.time_travel("in.y", plan=plan.token)


def test_the_plan_names_what_would_ask_again_and_warns(trail):
    flow = (
        Workflow("tt-plan")
        .then(trail.step("a"))
        .then(ask)
        .foreach(step(lambda d: d, id="e"), id="each")
        .commit()
    )
    run = flow.create_run()
    run.start([])
    run.resume("yes")
    assert run.plan_time_travel("a").suspensions == ["ask"]
    inside = run.plan_time_travel("each[0]")
    assert inside.step == "each"
    assert run.plan_time_travel("each").warnings == []


def test_a_fork_does_the_same_in_a_new_run_and_leaves_the_first_alone(nested, trail):
    run = nested.create_run(resource_id="r")
    run.start([], request_context={"lang": "nl"})
    before = [e.seq for e in run.events()]
    trail.again()
    forked = run.fork("in.y", input_data=["forked"])
    assert (forked.status, forked.result().result) == ("success", ["forked", "y", "b"])
    assert (forked.origin, forked.resource_id, forked.workflow_id) == (run.run_id, "r", "tt-outer")
    assert forked.request_context == {"lang": "nl"}
    assert trail.again() == ["y", "b"]
    assert [e.seq for e in run.events()] == before
    assert run.refresh().result().result == ["a", "x", "y", "b"]
    assert [e.seq for e in forked.events()] == list(range(1, len(forked.events()) + 1))
    run.delete()
    assert forked.refresh().result().steps["in.x"].output == ["a", "x"]


def test_a_fork_keeps_large_values_after_the_first_run_is_gone():
    big = "x" * 5000
    flow = (
        Workflow("tt-big")
        .then(step(lambda d: {"big": big}, id="make"))
        .then(step(lambda d: d, id="same"))
        .then(step(lambda d: len(d["big"]), id="size"))
        .commit()
    )
    run = flow.create_run()
    run.start(1)
    forked = run.fork("size")
    run.delete()
    result = forked.refresh().result()
    assert (result.result, result.steps["same"].payload["big"] == big) == (5000, True)
    assert forked.time_travel("same").result == 5000


def test_a_refused_fork_makes_no_run(nested):
    run = nested.create_run()
    run.start([])
    with pytest.raises(errors.StepNotFound):
        run.fork("nobody")
    with pytest.raises(errors.StepNotFound):
        run.fork("b", context={"nobody": {}})
    assert nested.list_runs().total == 1


def test_a_time_travel_can_be_followed(nested):
    run = nested.create_run()
    run.start([])
    stream = run.time_travel_stream("b")
    types = [e.type for e in stream]
    assert types[0] == "workflow-time-travel"
    assert types[-1] == "workflow-finish"
    assert (stream.status, stream.result.result) == ("success", ["a", "x", "y", "b"])


def test_it_goes_step_by_step_with_per_step(nested, trail):
    run = nested.create_run()
    run.start([])
    trail.again()
    assert run.time_travel("in.x", per_step=True).status == "paused"
    assert trail.again() == ["x"]
    assert run.proceed(per_step=False).result == ["a", "x", "y", "b"]


def test_what_is_recorded_on_an_earlier_timeline_never_changes(nested):
    run = nested.create_run()
    run.start([])
    first = {p: (s.status, s.output, s.ended_at) for p, s in run.steps.items()}
    run.time_travel("in.x", input_data=["other"])
    run.time_travel("a", input_data=["third"])
    old = run.timelines()[0].steps
    assert {p: (s.status, s.output, s.ended_at) for p, s in old.items()} == first
    assert run.timelines()[1].result == ["other", "x", "y", "b"]


def test_the_results_of_arms_make_that_of_the_parallel_before_the_target(trail):
    flow = (
        Workflow("tt-compose")
        .parallel([trail.step("a"), trail.step("b")])
        .then(step(lambda both: sorted(both.items()), id="after"))
        .commit()
    )
    given = {"a": {"output": 1}, "b": {"status": "success", "output": 2}}
    fresh = flow.create_run()
    with pytest.raises(errors.MissingStepResult, match="'b'"):
        fresh.time_travel("after", context={"a": {"output": 1}})
    assert fresh.time_travel("after", context=given).result == [["a", 1], ["b", 2]]
    run = flow.create_run()
    run.start([])
    changed = run.time_travel("after", context={"a": {"output": "new"}})
    assert changed.result == [["a", "new"], ["b", ["b"]]]
    assert sorted(trail.again()) == ["a", "b"]


def test_the_context_may_hold_the_runs_input():
    look = step(lambda data, ctx: [data, ctx.get_init_data()], id="look")
    flow = Workflow("tt-input").then(step(lambda d: d, id="first")).then(look).commit()
    context = {"input": {"n": 1}, "first": {"output": 2}}
    result = flow.create_run().time_travel("look", context=context)
    assert (result.result, result.input) == ([2, {"n": 1}], {"n": 1})


def test_an_answer_that_does_not_fit_makes_no_fork():
    @step(resume=Typed)
    def typed(data, ctx: StepContext):
        return ctx.suspend() if ctx.resume_data is None else ctx.resume_data.n

    flow = Workflow("tt-no-fork").then(typed).commit()
    run = flow.create_run()
    run.start(1)
    with pytest.raises(errors.InvalidResumeData):
        run.fork("typed", resume_data={"n": "x"})
    assert flow.list_runs().total == 1
    assert run.fork("typed", resume_data={"n": 4}).result().result == 4


def test_a_run_canceled_before_it_was_started_begins_at_the_target(nested):
    run = nested.create_run()
    run.cancel()
    assert run.time_travel("a", input_data=["x"]).result == ["x", "a", "x", "y", "b"]
    assert run.result().input == ["x"]


def test_resume_data_goes_to_every_item_that_was_suspended(trail):
    flow = Workflow("tt-items").foreach(ask, concurrency=3, id="each").commit()
    run = flow.create_run()
    run.start([["a"], ["b"]])
    assert run.time_travel("each", resume_data="yes").result == [["a", "yes"], ["b", "yes"]]


def test_the_contexts_take_ids_of_workflows_and_steps_also_where_an_entry_has_another_name(
    nested, trail
):
    fresh = nested.create_run()
    inside = {"tt-inner": {"x": {"output": ["gx"]}, "y": {"output": ["gy"]}}}
    assert fresh.time_travel("b", nested_steps_context=inside).result == ["gy", "b"]
    assert fresh.steps["in"].output == ["gy"]
    each = Workflow("tt-named").foreach(trail.step("n"), id="each").then(trail.step("z")).commit()
    other = each.create_run()
    assert other.time_travel("z", context={"n": {"output": [1]}}).result == [1, "z"]


@pytest.mark.parametrize("size", [1, 5000])
def test_a_fork_with_another_input_keeps_what_its_reused_steps_got(size):
    flow = (
        Workflow("tt-got")
        .then(step(lambda d: d["n"], id="first"))
        .then(step(lambda n, ctx: [n, ctx.get_init_data()["n"]], id="last"))
        .commit()
    )
    run = flow.create_run()
    run.start({"n": "x" * size})
    forked = run.fork("last", context={"input": {"n": "y" * size}})
    run.delete()
    result = forked.refresh().result()
    assert result.steps["first"].payload == {"n": "x" * size}
    assert result.result == ["x" * size, "y" * size]


def nested_arms(trail):
    """Return a workflow with arms in every kind of container, and one after them."""
    inner = (
        Workflow("tt-arms-inner")
        .then(trail.step("x"))
        .parallel([trail.step("p"), trail.step("q")])
        .commit()
    )
    return (
        Workflow("tt-arms")
        .then(trail.step("a"))
        .parallel([trail.step("one"), trail.step("two"), inner], id="all")
        .branch(
            [
                (lambda d: True, step(sorted, id="yes")),
                (lambda d: True, step(len, id="also")),
                (lambda d: False, step(list, id="no")),
            ]
        )
        .then(step(lambda d: [d], id="end"))
        .commit()
    )


def what_is_known(result):
    return {path: (each.status, each.payload, each.output) for path, each in result.steps.items()}


@pytest.mark.parametrize(
    ("target", "options"),
    [
        ("one", {}),
        ("two", {"input_data": ["other"]}),
        ("tt-arms-inner", {}),
        ("tt-arms-inner.x", {}),
        ("tt-arms-inner.q", {}),
        ("tt-arms-inner.q", {"context": {"one": {"output": ["given"]}}}),
        ("yes", {}),
        ("no", {}),
        ("end", {}),
        ("end", {"context": {"also": {"output": 7}}}),
        ("end", {"context": {"one": {"output": ["given"]}, "yes": {"output": 1}}}),
    ],
)
def test_a_fork_keeps_the_siblings_that_a_time_travel_keeps(trail, target, options):
    run = nested_arms(trail).create_run()
    run.start([])
    forked = run.fork(target, **options)
    from_fork = forked.result()
    again = forked.time_travel(target)
    travelled = run.time_travel(target, **options)
    assert from_fork.result == travelled.result
    assert what_is_known(from_fork) == what_is_known(travelled)
    assert set(again.steps) == set(travelled.steps)
    assert again.result == run.time_travel(target).result


def test_a_fork_keeps_a_sibling_that_was_allowed_to_fail(trail):
    def breaks(_data):
        raise LookupError

    flow = (
        Workflow("tt-allowed")
        .parallel([trail.step("a"), step(breaks), trail.step("b")], allow_failure=True)
        .commit()
    )
    run = flow.create_run()
    run.start([])
    expected = {"a": ["a"], "breaks": None, "b": ["b"]}
    assert run.fork("a").result().result == run.time_travel("a").result == expected


def test_a_retry_in_a_fork_keeps_the_siblings_too(trail):
    flow = Workflow("tt-fork-retry").parallel([trail.step("a"), trail.step("b")]).commit()
    run = flow.create_run()
    run.start([])
    trail.is_broken = True
    forked = run.fork("b")
    assert forked.status == "failed"
    trail.is_broken = False
    assert forked.retry().result == {"a": ["a"], "b": ["b"]}
