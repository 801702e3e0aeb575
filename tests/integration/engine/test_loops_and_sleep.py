"""do_while, do_until, sleep, sleep_until: iterations with their history, durable waits."""

import time
from datetime import UTC, datetime, timedelta

import pytest

from workflows_app import StepContext, Workflow, errors, step

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("execution")]


@step
def inc(n: int) -> int:
    """Add one."""
    return n + 1


def types_of(run, *types):
    """Return (type, path) of the run's events of these types."""
    return [(e.type, e.payload.get("path")) for e in run.events() if e.type in types]


def test_a_loop_runs_at_least_once_and_until_its_condition_says_so():
    flow = (
        Workflow("loops").do_while(inc, lambda n: n < 3).do_until(inc, lambda n, ctx: n >= 5)
    ).commit()
    result = flow.create_run().start(0)
    assert result.result == 5
    assert list(result.steps) == ["inc", "inc#2"]
    assert flow.create_run().start(10).result == 12


def test_a_loop_keeps_all_its_iterations_and_shows_the_latest():
    flow = Workflow("history").do_until(inc, lambda n: n == 3, id="poll").commit()
    run = flow.create_run()
    result = run.start(0)
    poll = result.steps["poll"]
    assert (poll.status, poll.payload, poll.output) == ("success", 2, 3)
    assert [(i.payload, i.output) for i in poll.iterations] == [(0, 1), (1, 2), (2, 3)]
    assert types_of(run, "workflow-step-result") == [
        ("workflow-step-result", path) for path in ("poll[0]", "poll[1]", "poll[2]", "poll")
    ]
    assert types_of(run, "workflow-step-start")[0] == ("workflow-step-start", "poll")


def test_the_step_and_the_condition_get_the_count():
    seen = []
    look = step(lambda n, ctx: (seen.append(("step", ctx.iteration, ctx.path)), n)[1], id="look")

    def again(n, ctx):
        seen.append(("condition", ctx.iteration, ctx.path))
        return ctx.iteration < 1

    Workflow("counted").do_while(look, again).commit().create_run().start(0)
    assert seen == [
        ("step", 0, "look[0]"), ("condition", 0, "look"),
        ("step", 1, "look[1]"), ("condition", 1, "look"),
    ]  # fmt: skip


def test_a_condition_that_raises_fails_the_run():
    flow = Workflow("bad-condition").do_while(inc, lambda n: n / 0).commit()
    result = flow.create_run().start(1)
    assert (result.status, result.error.type) == ("failed", "ZeroDivisionError")
    assert result.steps["inc"].status == "failed"
    assert result.steps["inc"].iterations[0].status == "success"


def test_an_iteration_can_ask_and_continues_with_the_answer():
    @step
    def ask(n, ctx: StepContext):
        if ctx.resume_data is None:
            ctx.suspend({"round": ctx.iteration})
        return ctx.resume_data

    flow = (
        Workflow("asking-loop").do_until(ask, lambda answer: answer == "stop", id="loop").commit()
    )
    run = flow.create_run()
    result = run.start(0)
    assert result.suspended == [["loop"]]
    assert result.steps["loop"].status == "suspended"
    result = run.resume("more", step=result.suspended[0])
    assert result.suspend_payload == {"loop[1]": {"round": 1}}
    result = run.resume("stop", step=ask)
    assert result.result == "stop"


def test_a_workflow_in_a_loop_runs_each_iteration_under_its_index():
    inner = Workflow("in-loop").then(inc).then(inc).commit()
    flow = Workflow("loops-over").do_while(inner, lambda n: n < 4, id="twice").commit()
    result = flow.create_run().start(0)
    assert result.result == 4
    assert set(result.steps) >= {"twice", "twice[0].inc", "twice[1].inc#2"}


def test_a_sleep_waits_and_passes_its_input_on():
    flow = Workflow("sleeps").then(inc).sleep(0.3).then(inc).commit()
    run = flow.create_run()
    began = time.monotonic()
    result = run.start(1)
    assert 0.3 <= time.monotonic() - began < 1.5
    assert result.result == 3
    slept = result.steps["sleep-1"]
    assert (slept.status, slept.payload, slept.output) == ("success", 2, 2)
    assert types_of(run, "workflow-step-waiting") == [("workflow-step-waiting", "sleep-1")]
    waited = next(e for e in run.events() if e.type == "workflow-step-waiting").payload
    assert datetime.fromisoformat(waited["resume_at"]).utcoffset() is not None


def test_a_run_that_sleeps_is_waiting_and_can_be_canceled():
    flow = Workflow("long-sleep").sleep(timedelta(hours=1), id="nap").commit()
    run = flow.create_run()
    run.start(1, wait=False)
    deadline = time.monotonic() + 10
    while run.refresh().status != "waiting" and time.monotonic() < deadline:
        time.sleep(0.02)
    assert run.status == "waiting"
    assert run.result().steps["nap"].status == "waiting"
    with pytest.raises(errors.RunStillRunning):
        run.delete()
    assert run.cancel() == {"message": "Workflow run canceled"}
    assert run.status == "canceled"
    assert run.result().steps["nap"].status == "canceled"


def test_sleeps_take_functions_and_moments():
    soon = datetime.now(UTC) + timedelta(seconds=0.2)
    flow = (
        Workflow("moments")
        .sleep(lambda n, ctx: timedelta(milliseconds=n))
        .sleep_until(soon)
        .sleep_until(lambda n: datetime.now(UTC) - timedelta(days=1), id="past")
        .commit()
    )
    result = flow.create_run().start(10)
    assert result.result == 10
    assert set(result.steps) == {"sleep-1", "sleep-2", "past"}
    assert datetime.now(UTC) >= soon


@pytest.mark.parametrize(
    ("flow", "word"),
    [
        (lambda: Workflow("w1").sleep(lambda n: "long"), "long"),
        (lambda: Workflow("w2").sleep(lambda n: -1), "-1"),
        (lambda: Workflow("w3").sleep_until(lambda n: datetime(2030, 1, 1)), "time zone"),  # noqa: DTZ001
    ],
)
def test_a_sleep_whose_function_gives_no_time_fails_the_run(flow, word):
    result = flow().commit().create_run().start(1)
    assert result.status == "failed"
    assert word in result.error.message


def test_sleeping_and_working_arms_run_side_by_side():
    nap = Workflow("nap").sleep(0.4).commit()
    flow = Workflow("both").parallel([nap, inc]).commit()
    began = time.monotonic()
    assert flow.create_run().start(1).result == {"nap": 1, "inc": 2}
    assert time.monotonic() - began < 2


def test_a_suspended_arm_and_a_sleeping_one_leave_the_run_waiting_first():
    @step
    def ask(n, ctx: StepContext):
        return ctx.suspend() if ctx.resume_data is None else ctx.resume_data

    flow = (
        Workflow("ask-and-nap").parallel([ask, Workflow("short-nap").sleep(0.4).commit()]).commit()
    )
    run = flow.create_run()
    run.start(1, wait=False)
    seen = set()
    deadline = time.monotonic() + 10
    while run.refresh().status != "suspended" and time.monotonic() < deadline:
        seen.add(run.status)
        time.sleep(0.01)
    assert "waiting" in seen
    assert run.status == "suspended"
    assert run.resume("yes").result == {"ask": "yes", "short-nap": 1}
