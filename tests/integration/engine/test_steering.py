"""restart, retry, rerun, fork, per_step, proceed: continuing a run."""

import threading
import time

import pytest
from django.contrib.auth import get_user_model

from workflows_app import StepContext, Workflow, errors, step
from workflows_app.engine.host import clock, ports, workers
from workflows_app.engine.work.claim import claim
from workflows_app.models import Action, StepSnapshot

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("execution")]


class Flaky:
    """Code that fails until it is fixed, and remembers what ran."""

    def __init__(self) -> None:
        self.is_broken = True
        self.ran: list[str] = []
        self.done: dict[str, threading.Event] = {}

    def step(self, name, *, fails=False, after=None, **options):
        """Return a step that adds its name to a list, or fails while things are broken.

        It waits until the step `after` has run.
        """

        def fn(data, ctx: StepContext):
            self.ran.append(name)
            if after is not None:
                assert self.done.setdefault(after, threading.Event()).wait(10)
            if fails and self.is_broken:
                raise ValueError(f"{name} is broken")
            self.done.setdefault(name, threading.Event()).set()
            return [*data, name]

        return step(fn, id=name, **options)


@pytest.fixture
def flaky():
    return Flaky()


@step
def ask(data, ctx: StepContext):
    """Ask once."""
    if ctx.resume_data is None:
        ctx.suspend({"data": data})
    return [*data, ctx.resume_data]


# Retry.


def test_retry_runs_failed_steps_again_on_a_new_timeline_and_goes_on(flaky):
    flow = (
        Workflow("retried", retry_attempts=1)
        .then(flaky.step("a"))
        .parallel([flaky.step("b", fails=True, after="c"), flaky.step("c")])
        .map(lambda both: both["b"] + both["c"])
        .commit()
    )
    run = flow.create_run()
    failed = run.start([])
    assert (failed.status, failed.steps["b"].retry_count) == ("failed", 1)
    flaky.is_broken = False
    flaky.ran.clear()
    result = run.retry()

    assert (result.status, result.result) == ("success", ["a", "b", "a", "c"])
    assert flaky.ran == ["b"]
    assert (result.steps["b"].retry_count, result.error) == (0, None)
    first, second = run.timelines()
    assert (first.number, first.cause, first.status, first.step) == (1, "start", "failed", None)
    assert (second.number, second.cause, second.status, second.step) == (2, "retry", "success", "b")
    assert first.error.message == "b is broken"
    assert first.steps["b"].status == "failed"
    assert second.steps["b"].status == "success"
    retried = next(e for e in run.events() if e.type == "workflow-retried")
    assert (retried.payload["path"], retried.timeline) == ("b", 2)


def test_siblings_canceled_because_of_the_failure_run_again_too(flaky):
    flow = Workflow("canceled-sibling").parallel([ask, flaky.step("b", fails=True)]).commit()
    run = flow.create_run()
    result = run.start([])
    assert (result.status, result.steps["ask"].status) == ("failed", "canceled")
    flaky.is_broken = False
    result = run.retry()
    assert (result.status, result.suspended) == ("suspended", [["ask"]])
    assert run.resume("yes").result == {"ask": ["yes"], "b": ["b"]}


def test_a_failed_condition_map_and_loop_condition_run_again():
    broken = [True]

    def check(data):
        if broken[0]:
            raise ValueError("not yet")
        return True

    one = step(lambda data: data + 1, id="one")
    flows = [
        Workflow("r-branch").branch([(check, one)]).commit(),
        Workflow("r-map").map(lambda data: check(data) and {"one": data + 1}).commit(),
        Workflow("r-loop").do_until(one, check).map(lambda n: {"one": n}).commit(),
        Workflow("r-sleep").sleep(lambda n: 0 * check(n)).map(lambda n: {"one": n + 1}).commit(),
        Workflow("r-each")
        .foreach(one, concurrency=lambda: int(check(1)))
        .map(lambda ns: {"one": ns[0]})
        .commit(),
    ]
    for flow in flows:
        broken[0] = True
        run = flow.create_run()
        given = [1] if flow.id == "r-each" else 1
        assert run.start(given).error.message == "not yet", flow
        broken[0] = False
        assert run.retry().result == {"one": 2}, flow


def test_retry_goes_into_nested_workflows_loops_and_foreach(flaky):
    inner = Workflow("r-inner").then(flaky.step("x")).then(flaky.step("y", fails=True)).commit()
    flow = (
        Workflow("r-nested").foreach(inner, id="each").do_until(inner, lambda d: True, id="loop")
    ).commit()
    run = flow.create_run()
    assert run.start([["0"], ["1"]]).status == "failed"
    flaky.is_broken = False
    flaky.ran.clear()
    result = run.retry()
    assert result.status == "success"
    assert result.steps["each"].output == [["0", "x", "y"], ["1", "x", "y"]]
    assert flaky.ran == ["y", "x", "y", "x", "y"]


def test_a_retry_keeps_the_state_and_counts_attempts_from_the_start(flaky):
    def work(data, ctx: StepContext):
        ctx.set_state({"tries": ctx.state.get("tries", 0) + 1})
        if flaky.is_broken:
            raise ValueError
        return ctx.state

    before = step(lambda d, ctx: ctx.set_state({"kept": 1}), id="before")
    flow = Workflow("r-state").then(before).then(step(work, id="work")).commit()
    run = flow.create_run()
    run.start({})
    flaky.is_broken = False
    assert run.retry(output_options={"include_state": True}).state == {"kept": 1, "tries": 1}


def test_only_a_failed_run_is_retried(flaky):
    flow = Workflow("not-failed").then(flaky.step("a")).commit()
    run = flow.create_run()
    with pytest.raises(errors.RunNotFailed, match=r"start\(\)"):
        run.retry()
    run.start([])
    with pytest.raises(errors.RunNotFailed, match=r"rerun\(\)"):
        run.retry()


# Rerun.


def test_rerun_starts_a_new_run_with_the_input_of_the_first():
    def work(data, ctx: StepContext):
        ctx.request_context["later"] = True
        return [data, ctx.state, dict(ctx.request_context), ctx.resource_id]

    flow = Workflow("rerun").then(step(work, id="work")).commit()
    run = flow.create_run(resource_id="r")
    run.start({"n": 1}, initial_state={"s": 1}, request_context={"lang": "nl"})
    again = run.rerun()
    assert (again.origin, again.run_id != run.run_id) == (run.run_id, True)
    assert again.result().result[:2] == [{"n": 1}, {"s": 1}]
    assert again.result().result[3] == "r"
    assert "later" not in again.result().steps["work"].output[1]
    other = run.rerun({"n": 2})
    assert other.result().result[0] == {"n": 2}
    assert run.refresh().origin is None


# Restart.


def test_restart_takes_a_step_from_a_lost_worker_and_runs_nothing_twice(flaky, execution):
    flow = Workflow(f"lost-{execution}").then(flaky.step("a")).then(flaky.step("b")).commit()
    run = flow.create_run()
    with ports.holding_back():
        run.start([], wait=False)
    queued = StepSnapshot.objects.get(run=run.pk, path="a")
    held = claim(queued.pk, worker=workers.mine(), now=clock.now())
    assert held is not None

    result = run.restart(timeout=20)
    assert (result.status, result.result) == ("success", ["a", "b"])
    restarted = next(e for e in run.events() if e.type == "workflow-restarted")
    assert restarted.payload["path"] == "a"


def test_the_late_result_of_the_previous_worker_is_dropped():
    gate, started, ran = threading.Event(), threading.Event(), []

    def work(data, ctx: StepContext):
        ran.append(ctx.restarted)
        if len(ran) == 1:
            started.set()
            gate.wait(10)
            return "late"
        return "second"

    flow = Workflow("late").then(step(work, id="work")).commit()
    run = flow.create_run()
    run.start(1, wait=False)
    assert started.wait(10)
    result = run.restart(timeout=20)
    gate.set()
    time.sleep(0.2)
    assert (result.result, ran) == ("second", [False, True])
    assert run.result().result == "second"


def test_restart_refuses_what_is_not_active_and_names_the_verb_that_fits(flaky):
    flow = Workflow("not-active").then(ask).then(flaky.step("a", fails=True)).commit()
    run = flow.create_run()
    with pytest.raises(errors.NothingToRestart, match=r"start\(\)"):
        run.restart()
    run.start([])
    with pytest.raises(errors.RunNotActive, match=r"resume\(\)"):
        run.restart()
    run.resume("x")
    with pytest.raises(errors.RunNotActive, match=r"retry\(\)"):
        run.restart()
    flaky.is_broken = False
    run.retry()
    with pytest.raises(errors.RunNotActive, match=r"rerun\(\)"):
        run.restart()
    other = flow.create_run()
    other.start([])
    other.cancel()
    with pytest.raises(errors.RunNotActive, match="canceled"):
        other.restart()


def test_active_runs_are_listed_and_those_with_a_live_worker_left_alone():
    gate = threading.Event()
    flow = Workflow("alive").then(step(lambda: gate.wait(10), id="wait")).commit()
    run = flow.create_run()
    run.start(wait=False)
    deadline = time.monotonic() + 10
    while not run.steps and time.monotonic() < deadline:
        time.sleep(0.02)
    assert [r.run_id for r in flow.list_active_runs()] == [run.run_id]
    assert flow.restart_all_active_runs() == []
    gate.set()
    while run.refresh().status == "running":
        time.sleep(0.02)
    assert flow.list_active_runs() == []


# Step by step.


def test_per_step_runs_one_step_and_proceed_the_next(flaky):
    flow = (
        Workflow("stepwise").then(flaky.step("a")).map(lambda d: d).then(flaky.step("b"))
    ).commit()
    run = flow.create_run()
    result = run.start([], per_step=True)
    assert (result.status, flaky.ran) == ("paused", ["a"])
    assert result.steps["b"].status == "paused"
    events = [e.type for e in run.events()]
    assert events[-2:] == ["workflow-paused", "workflow-finish"]
    result = run.proceed()
    assert (result.status, result.result) == ("success", ["a", "b"])
    with pytest.raises(errors.RunNotPaused, match="success"):
        run.proceed()


def test_proceed_without_per_step_goes_on_to_the_end(flaky):
    flow = (
        Workflow("to-end").then(flaky.step("a")).then(flaky.step("b")).then(flaky.step("c"))
    ).commit()
    run = flow.create_run()
    run.start([], per_step=True)
    assert run.proceed(per_step=False).result == ["a", "b", "c"]


def test_per_step_takes_one_arm_one_item_and_one_iteration_at_a_time(flaky):
    flow = (
        Workflow("one-at-a-time")
        .parallel([flaky.step("a"), flaky.step("b")])
        .map(lambda d: [["x"], ["y"]])
        .foreach(flaky.step("e"), concurrency=2)
        .map(lambda d: d[0])
        .do_until(flaky.step("r"), lambda d, ctx: ctx.iteration == 1)
        .commit()
    )
    run = flow.create_run()
    result = run.start([], per_step=True)
    seen = [len(flaky.ran)]
    while result.status == "paused":
        result = run.proceed()
        seen.append(len(flaky.ran))
    assert seen == [1, 2, 3, 4, 5, 6]
    assert result.result == ["x", "e", "r", "r"]


def test_resume_with_per_step_goes_on_step_by_step(flaky):
    flow = Workflow("ask-stepwise").then(ask).then(flaky.step("a")).commit()
    run = flow.create_run()
    run.start([], per_step=True)
    assert run.resume("yes", per_step=True).status == "paused"
    assert run.proceed().result == ["yes", "a"]


def test_a_paused_run_can_be_canceled_and_refuses_a_restart(flaky):
    flow = Workflow("paused").then(flaky.step("a")).then(flaky.step("b")).commit()
    run = flow.create_run()
    run.start([], per_step=True)
    with pytest.raises(errors.RunNotActive, match=r"proceed\(\)"):
        run.restart()
    run.cancel()
    assert (run.status, flaky.ran) == ("canceled", ["a"])


# Actors.


def test_the_verbs_keep_an_audit_trail(flaky):
    person = get_user_model().objects.create_user("eva")
    flow = Workflow("audited").then(flaky.step("a", fails=True)).commit()
    run = flow.create_run()
    run.start([], actor=person)
    run.retry(actor=person)
    flaky.is_broken = False
    run.time_travel("a", actor=person)
    forked = run.fork("a", actor=person)
    run.rerun(actor=person)
    assert [a.verb for a in Action.objects.filter(run_id=run.pk).order_by("pk")] == [
        "start", "retry", "time-travel",
    ]  # fmt: skip
    assert Action.objects.get(run_id=forked.pk).verb == "fork"
    assert [t.actor for t in run.timelines()] == ["eva", "eva", "eva"]
