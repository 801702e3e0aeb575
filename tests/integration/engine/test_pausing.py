"""pause, proceed, hold; the intake of a workflow; all schedules of a workflow at once."""

import threading
from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model

from tests.product import wait_until
from workflows_app import Schedule, StepContext, Workflow, errors, step
from workflows_app.engine.host import clock, ports, workers
from workflows_app.engine.work import recover
from workflows_app.engine.work.claim import claim
from workflows_app.models import AcceptedStart, Action, Hold, StepSnapshot
from workflows_app.models import Run as RunRow

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("execution")]


class Gate:
    """A step that waits until it is opened, and a note of what ran."""

    def __init__(self) -> None:
        self.started, self.opened = threading.Event(), threading.Event()
        self.ran: list[str] = []

    def step(self, name, **options):
        """Return a step that waits at the gate."""

        def fn(data):
            self.ran.append(name)
            self.started.set()
            assert self.opened.wait(20)
            return [*data, name]

        return step(fn, id=name, **options)

    def plain(self, name, **options):
        """Return a step that does not wait."""

        def fn(data):
            self.ran.append(name)
            return [*data, name]

        return step(fn, id=name, **options)


@pytest.fixture
def gate():
    found = Gate()
    yield found
    found.opened.set()


@step
def ask(data, ctx: StepContext):
    """Ask once."""
    if ctx.resume_data is None:
        ctx.suspend({"data": data})
    return [*data, ctx.resume_data]


def paused_at_gate(gate, flow, **options):
    """Return a run that was paused while its first step ran."""
    run = flow.create_run()
    run.start([], wait=False, **options)
    assert gate.started.wait(20)
    run.pause("look first")
    return run


def types_of(run):
    """Return the types of a run's events."""
    return [event.type for event in run.events()]


# Pause.


def test_a_paused_run_records_the_step_that_runs_and_starts_nothing_more(gate):
    flow = Workflow("pausing").then(gate.step("a")).then(gate.plain("b")).commit()
    run = flow.create_run()
    run.start([], wait=False)
    assert gate.started.wait(20)
    result = run.pause("look first", get_user_model().objects.create_user("ana"))
    assert (result.status, run.status) == ("running", "running")
    gate.opened.set()
    result = run.pause("again", wait=True, timeout=20)
    assert result.status == "paused"
    assert (result.steps["a"].output, result.steps["b"].status) == (["a"], "paused")
    assert (run.hold.reason, run.hold.actor) == ("look first", "ana")
    paused = next(event for event in run.events() if event.type == "workflow-paused")
    assert paused.payload == {"reason": "look first", "actor": "ana"}
    assert types_of(run)[-2:] == ["workflow-paused", "workflow-finish"]
    assert Action.objects.get(verb="pause").data == {"reason": "look first"}

    result = run.proceed(timeout=20)
    assert (result.status, result.result, gate.ran) == ("success", ["a", "b"], ["a", "b"])
    assert run.hold is None
    assert not Hold.objects.exists()


def test_a_run_whose_last_step_runs_succeeds_though_it_is_paused(gate):
    flow = Workflow("last-step").then(gate.step("a")).commit()
    run = paused_at_gate(gate, flow)
    gate.opened.set()
    wait_until(lambda: run.refresh().status == "success", 20)
    assert run.hold is None


def test_entries_that_are_no_steps_do_not_start_either(gate):
    def counted(data):
        gate.ran.append("map")
        return data

    flow = (
        Workflow("glue")
        .then(gate.step("a"))
        .map(counted)
        .sleep(0.01)
        .then(gate.plain("b"))
        .commit()
    )
    run = paused_at_gate(gate, flow)
    gate.opened.set()
    wait_until(lambda: run.refresh().status == "paused", 20)
    assert gate.ran == ["a"]
    assert run.steps["map-1"].status == "paused"
    assert run.proceed(timeout=20).result == ["a", "b"]


def test_a_suspended_run_is_paused_at_once_and_its_question_may_be_answered():
    flow = Workflow("suspended-pause").then(ask).commit()
    run = flow.create_run()
    run.start([])
    assert run.pause("holiday").status == "paused"
    assert flow.list_runs(status="suspended").total == 0
    result = run.resume("yes")
    assert (result.status, result.steps["ask"].status) == ("paused", "paused")
    with pytest.raises(errors.ResumeAlreadyClaimed):
        run.resume("no")
    assert run.proceed().result == ["yes"]


def test_a_sleep_ends_under_a_hold_and_what_follows_it_waits(gate):
    flow = Workflow("sleeps").sleep(3600).then(gate.plain("b")).commit()
    run = flow.create_run()
    run.start([], wait=False)
    assert run.pause().status == "paused"
    asleep = StepSnapshot.objects.get(run=run.pk, kind="sleep")
    later = clock.now() + timedelta(hours=2)
    assert claim(asleep.pk, worker=workers.mine(), now=later) is None
    assert run.refresh().status == "paused"
    assert run.steps["sleep-1"].status == "success"
    assert gate.ran == []
    assert run.proceed(timeout=20).result == ["b"]


def test_a_step_that_awaits_its_next_attempt_waits_with_it(gate):
    @step(retries=1, retry_delay=3600)
    def flaky(data, ctx: StepContext):
        if ctx.retry_count == 0:
            raise ValueError("once")
        return data

    flow = Workflow("held-retry").then(flaky).commit()
    run = flow.create_run()
    run.start([], wait=False)
    wait_until(lambda: StepSnapshot.objects.filter(run=run.pk, retry_count=1).exists(), 20)
    assert run.pause().status == "paused"
    step_row = StepSnapshot.objects.get(run=run.pk)
    assert (step_row.status, step_row.wake_at is not None) == ("paused", True)
    run.proceed(wait=False)
    step_row.refresh_from_db()
    assert (step_row.status, step_row.wake_at is not None) == ("queued", True)
    assert run.refresh().status == "running"
    run.cancel()


def test_an_attempt_that_fails_under_a_hold_is_not_tried_again_before_the_run_is_let_on(gate):
    def fn(data, ctx: StepContext):
        gate.ran.append(str(ctx.retry_count))
        gate.started.set()
        assert gate.opened.wait(20)
        if ctx.retry_count == 0:
            raise ValueError("once")
        return "second"

    flow = Workflow("fails-held").then(step(fn, id="work", retries=1)).commit()
    run = paused_at_gate(gate, flow)
    gate.opened.set()
    wait_until(lambda: run.refresh().status == "paused", 20)
    assert gate.ran == ["0"]
    assert run.proceed(timeout=20).result == "second"


def test_a_held_run_is_canceled_at_once_and_is_held_no_more():
    run = Workflow("held-cancel").then(ask).commit().create_run()
    run.start([])
    run.pause("why")
    run.cancel()
    assert (run.status, run.hold) == ("canceled", None)
    with pytest.raises(errors.RunNotActive, match="rerun"):
        run.pause()


def test_pause_of_a_held_run_changes_nothing():
    run = Workflow("twice").then(ask).commit().create_run()
    run.start([])
    run.pause("first")
    before = RunRow.objects.get(pk=run.pk).revision
    assert run.pause("second").status == "paused"
    assert RunRow.objects.get(pk=run.pk).revision == before
    assert run.hold.reason == "first"


def test_pause_and_proceed_refuse_what_has_ended(gate):
    run = Workflow("ended").then(gate.plain("a")).commit().create_run()
    run.start([])
    with pytest.raises(errors.RunNotActive, match="pause"):
        run.pause()
    with pytest.raises(errors.RunNotPaused):
        run.proceed()


def test_a_hold_is_lifted_while_the_running_step_has_not_ended(gate):
    flow = Workflow("undo").then(gate.step("a")).then(gate.plain("b")).commit()
    run = paused_at_gate(gate, flow)
    run.proceed(wait=False)
    assert run.hold is None
    gate.opened.set()
    wait_until(lambda: run.refresh().status == "success", 20)
    assert "workflow-paused" not in types_of(run)


# Step by step.


def test_proceed_goes_on_as_before_the_pause(gate):
    steps = [gate.plain(name) for name in "abc"]
    flow = Workflow("pace").then(steps[0]).then(steps[1]).then(steps[2]).commit()
    run = flow.create_run()
    run.start([], per_step=True)
    run.pause("wait")
    assert run.refresh().status == "paused"
    assert run.proceed().status == "paused"
    assert gate.ran == ["a", "b"]
    run.pause("wait")
    assert run.proceed(per_step=False).result == ["a", "b", "c"]


def test_proceed_takes_one_step_of_a_run_that_went_freely(gate):
    flow = (
        Workflow("one-step").then(ask).map(lambda data: data).then(gate.plain("b"))
        .then(gate.plain("c")).commit()
    )  # fmt: skip
    run = flow.create_run()
    run.start([])
    run.pause()
    run.resume("yes")
    assert run.proceed(per_step=True).steps["b"].status == "paused"
    assert run.proceed(per_step=True).steps["c"].status == "paused"
    assert run.proceed().result == ["yes", "b", "c"]


def test_a_run_that_per_step_paused_can_be_held(gate):
    flow = Workflow("both").then(gate.plain("a")).then(gate.plain("b")).commit()
    run = flow.create_run()
    run.start([], per_step=True)
    run.pause("and hold it")
    told = [event.payload for event in run.events() if event.type == "workflow-paused"]
    assert [each["reason"] for each in told] == [None, "and hold it"]
    assert run.proceed().result == ["a", "b"]


# Lists, loops and nested workflows.


def test_a_list_and_a_loop_are_paused_between_their_items(gate):
    flow = (
        Workflow("items")
        .foreach(
            step(lambda item: gate.started.set() or (gate.opened.wait(20) and item + 1), id="i")
        )
        .do_until(step(lambda data: [*data, 0], id="more"), lambda data: len(data) > 6)
        .commit()
    )
    run = flow.create_run()
    run.start([1, 2, 3], wait=False)
    assert gate.started.wait(20)
    run.pause()
    gate.opened.set()
    wait_until(lambda: run.refresh().status == "paused", 20)
    ended = StepSnapshot.objects.filter(run=run.pk, base_path__endswith="[]", status="success")
    assert ended.count() < 3
    result = run.proceed(timeout=20)
    assert result.result == [2, 3, 4, 0, 0, 0, 0]


# Restart, recovery, time travel.


def test_restart_of_a_pausing_run_takes_its_step_which_starts_when_the_run_is_let_on(gate):
    flow = Workflow("restart-held").then(gate.plain("a")).commit()
    run = flow.create_run()
    with ports.holding_back():
        run.start([], wait=False)
    queued = StepSnapshot.objects.get(run=run.pk, path="a")
    assert claim(queued.pk, worker=workers.mine(), now=clock.now()) is not None
    run.pause()
    assert run.refresh().status == "running"
    assert run.restart(timeout=20).status == "paused"
    assert gate.ran == []
    assert run.proceed(timeout=20).result == ["a"]


def test_a_step_that_is_lost_with_its_worker_under_a_hold_waits(gate):
    flow = Workflow("lost-held").then(gate.plain("a")).commit()
    run = flow.create_run()
    with ports.holding_back():
        run.start([], wait=False)
    queued = StepSnapshot.objects.filter(run=run.pk, path="a")
    assert claim(queued.get().pk, worker=workers.mine(), now=clock.now()) is not None
    run.pause()
    assert recover.free(queued, clock.now()) == 1
    assert (run.refresh().status, gate.ran) == ("paused", [])
    assert run.proceed(timeout=20).result == ["a"]


def test_a_time_travel_leaves_the_new_timeline_held_and_a_fork_goes_freely(gate):
    flow = Workflow("travel-held").then(gate.plain("a")).then(ask).commit()
    run = flow.create_run()
    run.start([])
    run.pause("stay")
    result = run.time_travel("a", input_data=["x"])
    assert (result.status, run.hold.reason, run.timeline) == ("paused", "stay", 2)
    assert types_of(run)[-2:] == ["workflow-paused", "workflow-finish"]
    assert run.fork("a", input_data=["y"]).status == "suspended"
    assert run.proceed().suspend_payload["ask"] == {"data": ["x", "a"]}


def test_a_hold_outlives_a_failure_and_its_retry(gate):
    def fn(data):
        gate.started.set()
        assert gate.opened.wait(20)
        gate.ran.append("once")
        if len(gate.ran) == 1:
            raise ValueError("no")
        return data

    run = paused_at_gate(gate, Workflow("retry-held").then(step(fn, id="work")).commit())
    gate.opened.set()
    wait_until(lambda: run.refresh().status == "failed", 20)
    assert run.retry().status == "paused"
    assert run.proceed(timeout=20).status == "success"


# Pending runs.


def test_the_start_of_a_held_pending_run_is_kept_and_begins_when_the_run_is_let_on(gate):
    flow = Workflow("held-pending").then(gate.plain("a")).then(gate.plain("b")).commit()
    run = flow.create_run()
    run.pause("not yet", "ana")
    ben = get_user_model().objects.create_user("ben")
    assert run.start(["x"], actor=ben).status == "pending"
    assert (run.refresh().status, run.hold.reason, gate.ran) == ("pending", "not yet", [])
    with pytest.raises(errors.RunAlreadyStarted):
        run.start(["y"])
    result = run.proceed(timeout=20)
    assert (result.status, result.result) == ("success", ["x", "a", "b"])
    begun = next(event for event in run.events() if event.type == "workflow-start")
    assert begun.payload["actor"] == "ben"
    assert not AcceptedStart.objects.exists()


def test_a_held_pending_run_that_was_not_started_stays_pending_when_it_is_let_on(gate):
    run = Workflow("held-unstarted").then(gate.plain("a")).commit().create_run()
    run.pause()
    assert run.proceed().status == "pending"
    assert run.start([]).result == ["a"]


def test_a_kept_start_keeps_its_pace(gate):
    flow = Workflow("held-per-step").then(gate.plain("a")).then(gate.plain("b")).commit()
    run = flow.create_run()
    run.pause()
    run.start([], per_step=True)
    assert run.proceed().status == "paused"
    assert gate.ran == ["a"]


def test_a_held_pending_run_is_canceled_with_its_kept_start(gate):
    run = Workflow("held-canceled").then(gate.plain("a")).commit().create_run()
    run.pause()
    run.start([])
    run.cancel()
    assert (run.status, run.hold, AcceptedStart.objects.count()) == ("canceled", None, 0)


# Intake.


def test_runs_of_a_workflow_whose_intake_is_paused_begin_in_order_when_it_ends(gate):
    flow = Workflow("intake").then(gate.plain("a")).commit()
    ana = get_user_model().objects.create_user("ana")
    assert flow.intake is None
    flow.pause_intake("upgrade", actor=ana)
    flow.pause_intake("other")
    assert (flow.intake.reason, flow.intake.actor) == ("upgrade", "ana")
    runs = [flow.create_run() for _ in range(3)]
    assert [run.start([n]).status for n, run in enumerate(runs)] == ["pending"] * 3
    with pytest.raises(errors.RunAlreadyStarted):
        runs[0].start([9])
    assert gate.ran == []
    flow.resume_intake(actor=ana)
    wait_until(lambda: all(run.refresh().status == "success" for run in runs), 20)
    assert [run.result().result for run in runs] == [[0, "a"], [1, "a"], [2, "a"]]
    began = [RunRow.objects.get(pk=run.pk).started_at for run in runs]
    assert began == sorted(began)
    assert flow.intake is None
    verbs = Action.objects.filter(actor_name="ana").order_by("pk").values_list("verb", flat=True)
    assert list(verbs) == ["pause-intake", "resume-intake"]


def test_a_rerun_and_a_fork_wait_for_the_intake_and_runs_that_have_begun_go_on(gate):
    flow = Workflow("intake-doors").then(gate.plain("a")).then(ask).commit()
    before = flow.create_run()
    before.start([])
    flow.pause_intake()
    rerun, forked = before.rerun(), before.fork("ask", input_data=["f"])
    assert (rerun.status, forked.status) == ("pending", "pending")
    assert before.resume("yes").result == ["a", "yes"]
    flow.resume_intake()
    wait_until(lambda: {rerun.refresh().status, forked.refresh().status} == {"suspended"}, 20)
    assert forked.result().suspend_payload["ask"] == {"data": ["f"]}
    assert gate.ran == ["a", "a"]


def test_a_kept_start_of_a_held_run_waits_for_its_own_hold_after_the_intake_resumes(gate):
    flow = Workflow("intake-and-hold").then(gate.plain("a")).commit()
    flow.pause_intake()
    run = flow.create_run()
    run.start([])
    run.pause("mine")
    flow.resume_intake()
    assert run.refresh().status == "pending"
    assert run.proceed(timeout=20).result == ["a"]


def test_a_run_that_is_let_on_still_waits_for_the_intake(gate):
    flow = Workflow("hold-and-intake").then(gate.plain("a")).commit()
    flow.pause_intake()
    run = flow.create_run()
    run.pause()
    run.start([])
    assert run.proceed().status == "pending"
    flow.resume_intake()
    wait_until(lambda: run.refresh().status == "success", 20)


# Schedules.


def test_all_schedules_of_a_workflow_are_paused_and_unpaused_at_once(gate):
    hourly = [Schedule("0 * * * *", id=name) for name in ("one", "two")]
    flow = Workflow("schedules", schedule=hourly).then(gate.plain("a")).commit()
    flow.schedules().pause_all("holiday")
    assert [(s.status, s.note) for s in flow.schedules()] == [("paused", "holiday")] * 2
    flow.schedules().unpause_all()
    assert {s.status for s in flow.schedules()} == {"active"}
