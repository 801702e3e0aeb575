"""The kit: time, fakes, answers, losses, assertions."""

import time
from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import Permission, User
from django.test import TestCase

from tests.integration.kit import flows
from workflows_app import Deadline, Workflow, WorkflowResult, emit, errors
from workflows_app.models import Action
from workflows_app.models import Run as RunRow
from workflows_app.testing import (
    FakeContext,
    Signalbox,
    SignalboxMixin,
    SignalboxTestCase,
    Suspended,
    assert_run,
    lose_worker,
)

pytest_plugins = ["workflows_app.pytest_plugin"]

ORDER = {"id": "o-1", "amount": 7}


@pytest.fixture
def ana(db: None) -> User:
    ana = User.objects.create_user("ana")
    ana.user_permissions.add(Permission.objects.get(codename="resume_run"))
    return ana


def test_a_whole_run_with_a_fake_an_answer_and_a_sleep_of_three_days(signalbox, ana):
    began = time.monotonic()
    signalbox.fake(flows.charge, "paid 7")
    run = flows.orders.create_run()

    assert run.start(ORDER).status == "suspended"
    assert_run(run).suspended_at("approve").ran("charge", "approve").not_ran("ship")
    assert signalbox.calls("charge") == [flows.Order(id="o-1", amount=7)]
    (question,) = signalbox.questions()
    assert (question["run_id"], question["path"]) == (run.run_id, "approve")

    assert signalbox.answer(run, {"ok": True}, as_=ana).status == "waiting"
    signalbox.shift(days=2, hours=23)
    assert_run(run).waiting().not_ran(flows.ship)
    signalbox.shift(hours=1)

    assert_run(run).succeeded(with_="paid 7 approved shipped").ran(flows.ship)
    assert time.monotonic() - began < 5
    row = Action.objects.get(verb="resume")
    assert (row.actor_name, row.door) == ("ana", "page")


def test_an_answer_needs_the_permission_and_the_type(signalbox, ana):
    signalbox.fake(flows.charge, "paid")
    run = flows.orders.create_run()
    run.start(ORDER)

    with pytest.raises(errors.NotPermitted):
        signalbox.answer(run, {"ok": True}, as_=User.objects.create_user("bob"))
    with pytest.raises(errors.InvalidResumeData):
        signalbox.answer(run.run_id, {"ok": "perhaps"}, as_=ana)
    assert_run(run).suspended_at(flows.approve)


def test_retries_happen_in_order_at_their_times(signalbox):
    flows.RAN.clear()
    run = flows.flaky.create_run()
    began = signalbox.now

    assert run.start(3).status in {"running", "waiting"}
    assert flows.RAN == ["flaky"]
    signalbox.shift(minutes=59)
    assert flows.RAN == ["flaky"]
    signalbox.shift(hours=5)

    assert_run(run).succeeded(with_=3)
    assert flows.RAN == ["flaky"] * 3
    assert signalbox.now - began == timedelta(hours=5, minutes=59)
    ended = RunRow.objects.get(run_id=run.run_id).ended_at
    assert ended == began + timedelta(hours=2)


def test_a_schedule_fires_at_each_of_its_times(db):
    with Signalbox(now=datetime(2031, 5, 1, 12, tzinfo=UTC)) as signalbox:
        signalbox.drain()
        signalbox.shift(days=3)
        runs = RunRow.objects.filter(workflow_id="kit-nightly")
        assert [run.created_at.hour for run in runs] == [3, 3, 3]
        assert {run.status for run in runs} == {"success"}


def test_a_fake_raises_calls_and_counts_and_is_gone_after_the_test(signalbox):
    own = flows.charge.fn
    signalbox.fake("charge", LookupError("no such card"))
    run = flows.orders.create_run()
    run.start(ORDER)
    assert_run(run).failed(with_=LookupError).failed(with_="no such card")

    signalbox.fake(flows.charge, lambda order: f"paid {order.amount}")
    other = flows.orders.create_run()
    other.start({"id": "o-2", "amount": 9})
    assert_run(other).suspended_at("approve")
    assert [order.id for order in signalbox.calls(flows.charge)] == ["o-1", "o-2"]

    async def later(order, ctx):
        return f"{ctx.run_id} {order.id}"

    signalbox.fake(flows.charge, later)
    third = flows.orders.create_run("third")
    third.start(ORDER)
    assert third.step_output("charge") == "third o-1"

    signalbox.__exit__()
    assert flows.charge.fn is own
    signalbox.__enter__()


def test_a_fake_of_no_step_is_refused(signalbox):
    with pytest.raises(errors.StepNotFound, match="charge"):
        signalbox.fake("chrage", 1)
    with pytest.raises(errors.StepNotFound, match="not replaced"):
        signalbox.calls(flows.ship)


def test_a_lost_worker_means_another_attempt_that_knows(signalbox):
    seen = []

    def paying(order, ctx):
        seen.append(ctx.restarted)
        if not ctx.restarted:
            lose_worker(run)
        return f"attempt {len(seen)}"

    signalbox.fake(flows.charge, paying)
    run = flows.orders.create_run()
    run.start(ORDER)
    signalbox.drain()

    assert seen == [False, True]
    assert run.step_output("charge") == "attempt 2"


def test_nothing_runs_so_nothing_can_be_lost(signalbox):
    run = flows.orders.create_run()
    with pytest.raises(errors.RunNotActive):
        lose_worker(run)


def test_a_failed_assertion_shows_steps_and_events(signalbox):
    signalbox.fake(flows.charge, ValueError("no money"))
    run = flows.orders.create_run()
    run.start(ORDER)

    with pytest.raises(AssertionError) as failure:
        assert_run(run).succeeded()
    for part in ("is failed, not success", "no money", "charge: failed", "workflow-start"):
        assert part in str(failure.value)
    for wrong in (
        lambda: assert_run(run).failed(with_=KeyError),
        lambda: assert_run(run).ran("ship"),
        lambda: assert_run(run).not_ran("charge"),
        lambda: assert_run(run).suspended_at("approve"),
    ):
        with pytest.raises(AssertionError):
            wrong()


def test_time_only_moves_forward(signalbox):
    with pytest.raises(errors.InvalidInput):
        signalbox.shift(seconds=-1)


@pytest.mark.django_db(transaction=True)
async def test_on_an_event_loop(signalbox):
    signalbox.fake(flows.charge, "paid")
    run = await flows.orders.acreate_run()
    assert (await run.astart(ORDER)).status == "suspended"
    assert (await run.aresume({"ok": False})).status == "waiting"
    await signalbox.ashift(days=3)
    assert (await run.arefresh()).status == "success"


def test_a_step_is_called_alone_with_a_fake_context():
    with pytest.raises(Suspended) as asked:
        flows.approve("paid", FakeContext())
    assert asked.value.payload == {"paid": "paid"}
    answer = flows.Decision(ok=True)
    assert flows.approve("paid", FakeContext(resume_data=answer)) == "paid approved"
    context = FakeContext(state={"n": 1}, results={"charge": "paid"}, init_data=ORDER)
    context.set_state({"m": 2})
    context.writer.write("half")
    assert context.state == {"n": 1, "m": 2}
    assert context.get_step_result(flows.charge) == "paid"
    assert context.get_init_data() == ORDER
    assert context.written == ["half"]


def waits_for_payment(order, ctx):
    """Wait up to a day for the payment of an order."""
    return ctx.wait_for_event("payment", order, timeout=timedelta(days=1))


def test_an_event_is_emitted_and_its_run_has_gone_on(signalbox):
    run = Workflow("kit-event").then(waits_for_payment).commit().create_run()
    assert run.start("o1").status == "suspended"
    assert emit("payment", "o1", {"amount": 3}) == 1
    assert run.refresh().result().result == {"amount": 3}


def test_the_timeout_of_an_event_follows_the_clock(signalbox):
    run = Workflow("kit-timeout").then(waits_for_payment).commit().create_run()
    run.start("o2")
    signalbox.shift(hours=23)
    assert run.refresh().status == "suspended"
    signalbox.shift(hours=2)
    assert run.refresh().result().error.type == "EventTimeout"


def test_a_deadline_follows_the_clock(signalbox):
    run = Workflow("kit-deadline").then(waits_for_payment).commit().create_run()
    run.start("o3", deadline=Deadline(timedelta(hours=5), warn_after=timedelta(hours=4)))
    signalbox.shift(hours=4)
    assert (run.refresh().status, run.deadline.warned_at) == ("suspended", signalbox.now)
    signalbox.shift(hours=2)
    assert run.refresh().result().error.type == "RunDeadlineExceeded"
    assert run.deadline.passed_at == signalbox.now - timedelta(hours=1)


def test_a_start_that_waits_expires_by_the_clock(signalbox):
    flow = Workflow("kit-expires", start_within=60).then(waits_for_payment).commit()
    flow.pause_intake()
    run = flow.create_run()
    run.start("o4")
    signalbox.shift(seconds=61)
    assert (run.refresh().status, run.ended_reason) == ("canceled", "expired")


def test_a_fake_context_gives_events_and_raises_errors():
    assert waits_for_payment("o", FakeContext(events={"payment": 3})) == 3
    late = FakeContext(events={"payment": errors.EventTimeout("late")})
    with pytest.raises(errors.EventTimeout):
        waits_for_payment("o", late)
    with pytest.raises(Suspended) as asked:
        waits_for_payment("o", FakeContext())
    assert asked.value.payload == {"kind": "event", "event": "payment", "key": "o"}


def twice(number):
    """Double a number."""
    return number * 2


def fan_out(numbers, ctx):
    """Start a run for each number, and add their results."""
    ids = [ctx.start("kit-child", number, key=number) for number in numbers]
    return sum(ctx.wait_for_run(each).result for each in ids)


def test_runs_of_steps_have_ended_when_the_verb_returns(signalbox):
    Workflow("kit-child").then(twice).commit()
    run = Workflow("kit-parent").then(fan_out).commit().create_run()
    assert run.start([1, 2]).result == 6


def test_a_step_that_waits_for_a_sleeping_run_goes_on_when_time_passes(signalbox):
    Workflow("kit-child").sleep(3600).then(twice).commit()
    run = Workflow("kit-parent").then(fan_out).commit().create_run()
    assert run.start([1]).status == "suspended"
    signalbox.shift(hours=2)
    assert run.refresh().result().result == 2


def test_a_fake_context_notes_the_runs_that_are_started():
    context = FakeContext()
    with pytest.raises(Suspended) as asked:
        fan_out([4], context)
    assert context.started == [("kit-child", 4, "4")]
    assert asked.value.payload == {"kind": "run", "run_id": "run-1"}
    ended = WorkflowResult(status="success", run_id="run-1", workflow_id="kit-child", result=8)
    assert fan_out([4], FakeContext(runs={"run-1": ended})) == 8


class WithTheCase(SignalboxTestCase):
    def test_the_case_has_a_kit(self):
        self.signalbox.fake(flows.charge, "paid")
        run = flows.orders.create_run()
        run.start(ORDER)
        self.signalbox.answer(run, {"ok": True})
        self.signalbox.shift(days=3)
        assert_run(run).succeeded()


class WithTheMixin(SignalboxMixin, TestCase):
    def test_the_mixin_too(self):
        assert self.signalbox.questions() == []


def test_a_step_whose_fake_raises_asks_when_its_attempts_are_used_up(signalbox, ana):
    asks = Workflow("kit-used-up", on_exhausted="ask").then(flows.ship).commit()
    signalbox.fake(flows.ship, RuntimeError("no ship"))
    run = asks.create_run()
    run.start("paid")
    assert_run(run).suspended_at("ship")
    assert signalbox.questions()[0]["suspend_payload"]["error"]["message"] == "no ship"

    signalbox.answer(run, {"action": "retry"}, as_=ana)
    assert_run(run).suspended_at("ship")
    signalbox.answer(run, {"action": "result", "output": "shipped by hand"}, as_=ana)
    assert_run(run).succeeded(with_="shipped by hand")
