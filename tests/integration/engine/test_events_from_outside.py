"""Steps that wait for events from outside: answered, kept, timed out, in every mode."""

import threading
import time
from datetime import timedelta

import pytest
from django.db import connection, transaction
from pydantic import BaseModel

from workflows_app import Workflow, emit, errors, from_init, step
from workflows_app.engine.host import clock
from workflows_app.engine.run import expiry
from workflows_app.engine.verbs import emitting
from workflows_app.models import Action, OutsideEvent, StepSnapshot, Wait

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("execution")]


class Payment(BaseModel):
    amount: int


def until(says_so, seconds=10.0):
    """Wait until something is so."""
    end = time.monotonic() + seconds
    while not says_so():
        assert time.monotonic() < end
        time.sleep(0.02)


def ended(run):
    """Return the result of a run once it has settled."""
    until(lambda: run.refresh().status not in {"running", "waiting", "pending"})
    return run.result()


def waits(name="event-waits", *, timeout=None, **options):
    """Return a workflow whose step waits for the payment of its order."""

    @step(id="pay", **options)
    def pay(order, ctx):
        paid = ctx.wait_for_event("payment", order["id"], timeout=timeout)
        return {"order": order["id"], "paid": paid}

    return Workflow(name).then(pay).commit()


def test_an_event_lets_the_step_run_again_with_its_data():
    run = waits().create_run()
    assert run.start({"id": "o1"}).status == "suspended"
    assert emit("payment", "other", {"amount": 1}) == 0
    assert emit("payment", "o1", {"amount": 7}) == 1
    assert ended(run).result == {"order": "o1", "paid": {"amount": 7}}


def test_the_data_has_the_resume_type_of_the_step():
    @step(resume=Payment, id="typed")
    def typed(data, ctx):
        return ctx.wait_for_event("payment", 7).amount + 1

    run = Workflow("event-typed").then(typed).commit().create_run()
    run.start(None)
    with pytest.raises(errors.InvalidResumeData):
        emit("payment", 7, {"amount": "much"})
    assert run.refresh().status == "suspended"
    assert not OutsideEvent.objects.exists()
    assert emit("payment", "7", Payment(amount=4)) == 1
    assert ended(run).result == 5


def test_an_event_answers_every_step_that_waits_and_none_twice():
    flow = waits()
    runs = [flow.create_run() for _ in range(3)]
    for run in runs:
        run.start({"id": "same"})
    assert emit("payment", "same", 1) == 3
    assert [ended(run).result["paid"] for run in runs] == [1, 1, 1]
    assert emit("payment", "same", 2) == 0


def test_two_steps_of_one_run_get_the_same_event():
    @step(id="a")
    def a(data, ctx):
        return ctx.wait_for_event("both", 1)

    run = Workflow("event-both").parallel([a, a.clone(id="b")]).commit().create_run()
    run.start(None)
    assert emit("both", 1, "x") == 2
    assert ended(run).result == {"a": "x", "b": "x"}


def test_an_event_that_nobody_waits_for_is_kept_and_the_oldest_is_taken_first():
    assert emit("payment", "o2", 1) == 0
    assert emit("payment", "o2", 2) == 0
    flow = waits()
    first, second, third = (flow.create_run() for _ in range(3))
    assert ended_or_started(first, "o2").result["paid"] == 1
    assert ended_or_started(second, "o2").result["paid"] == 2
    assert ended_or_started(third, "o2").status == "suspended"


def ended_or_started(run, key):
    """Start a run; return its result once it has settled."""
    run.start({"id": key})
    return ended(run)


def test_a_kept_event_is_gone_after_its_window():
    emit("payment", "late", 1)
    OutsideEvent.objects.update(emitted_at=clock.now() - timedelta(days=1, seconds=1))
    run = waits().create_run()
    assert run.start({"id": "late"}).status == "suspended"
    emitting.prune(clock.now())
    assert not OutsideEvent.objects.exists()


def test_a_repeated_event_id_changes_nothing_and_returns_what_the_first_returned():
    run = waits().create_run()
    run.start({"id": "o3"})
    assert emit("payment", "o3", 1, event_id="e1") == 1
    assert emit("payment", "o3", 2, event_id="e1") == 1
    assert ended(run).result["paid"] == 1
    again = waits("event-again").create_run()
    assert again.start({"id": "o3"}).status == "suspended"


def test_an_event_of_a_transaction_that_is_rolled_back_has_answered_nobody():
    run = waits().create_run()
    run.start({"id": "o4"})

    with transaction.atomic():
        assert emit("payment", "o4", 1) == 1
        transaction.set_rollback(True)
    assert run.refresh().status == "suspended"
    assert not OutsideEvent.objects.exists()
    with transaction.atomic():
        assert emit("payment", "o4", 2) == 1
    assert ended(run).result["paid"] == 2


def test_a_step_with_two_waits_runs_from_the_top_and_gets_the_first_again():
    calls = []

    @step(id="both")
    def both(data, ctx):
        calls.append("top")
        one = ctx.wait_for_event("one", 1)
        two = ctx.wait_for_event("two", 1)
        return [one, two]

    run = Workflow("event-two").then(both).commit().create_run()
    run.start(None)
    emit("one", 1, "a")
    assert ended(run).status == "suspended"
    emit("two", 1, "b")
    assert ended(run).result == ["a", "b"]
    assert len(calls) == 3


def test_an_answer_and_an_event_do_not_take_each_others_place():
    @step(id="mixed")
    def mixed(data, ctx):
        paid = ctx.wait_for_event("paid", 1)
        if ctx.resume_data is None:
            ctx.suspend({"paid": paid})
        shipped = ctx.wait_for_event("shipped", 1)
        return [paid, ctx.resume_data, shipped]

    run = Workflow("event-mixed").then(mixed).commit().create_run()
    run.start(None)
    emit("paid", 1, "p")
    assert ended(run).suspend_payload == {"mixed": {"paid": "p"}}
    assert run.resume("yes").status == "suspended"
    emit("shipped", 1, "s")
    assert ended(run).result == ["p", "yes", "s"]


def test_what_was_given_outlives_a_failed_attempt():
    seen = []

    @step(id="fails", retries=1, retry_delay=0.01)
    def fails(data, ctx):
        paid = ctx.wait_for_event("paid", 2)
        seen.append(paid)
        if len(seen) == 1:
            raise ValueError("once")
        return paid

    run = Workflow("event-fails").then(fails).commit().create_run()
    run.start(None)
    emit("paid", 2, "p")
    assert ended(run).result == "p"
    assert seen == ["p", "p"]


def test_a_retry_begins_a_new_activation_which_waits_again():
    @step(id="broken")
    def broken(data, ctx):
        if ctx.wait_for_event("paid", 3) == "bad":
            raise ValueError("bad")
        return "good"

    run = Workflow("event-retry").then(broken).commit().create_run()
    run.start(None)
    emit("paid", 3, "bad")
    assert ended(run).status == "failed"
    assert run.retry().status == "suspended"
    emit("paid", 3, "better")
    assert ended(run).result == "good"


def test_the_first_activation_gets_no_event_after_a_time_travel():
    run = waits().create_run()
    run.start({"id": "o5"})
    assert run.time_travel("pay", input_data={"id": "o6"}).status == "suspended"
    assert emit("payment", "o5", 1) == 0
    assert emit("payment", "o6", 2) == 1
    assert ended(run).result == {"order": "o6", "paid": 2}


def test_a_canceled_run_waits_no_more():
    run = waits().create_run()
    run.start({"id": "o7"})
    run.cancel()
    until(lambda: run.refresh().status == "canceled")
    assert emit("payment", "o7", 1) == 0


def test_every_item_of_a_list_waits_for_its_own_event():
    @step(id="each")
    def each(item, ctx):
        return ctx.wait_for_event("item", item)

    flow = Workflow("event-items").foreach(each, concurrency=3).commit()
    run = flow.create_run()
    run.start([1, 2, 3])
    assert [emit("item", n, n * 10) for n in (3, 1, 2)] == [1, 1, 1]
    assert ended(run).result == [10, 20, 30]


def test_every_round_of_a_loop_waits_again():
    @step(id="poll")
    def poll(total, ctx):
        return total + ctx.wait_for_event("tick", "t")

    flow = Workflow("event-loop").do_while(poll, lambda total: total < 3).commit()
    run = flow.create_run()
    run.start(0)
    for n in (1, 1, 1):
        emit("tick", "t", n)
        result = ended(run)
    assert result.result == 3


def test_a_wait_without_an_event_in_time_raises_event_timeout():
    @step(id="short", retries=3)
    def short(data, ctx):
        return ctx.wait_for_event("never", 1, timeout=0.1)

    run = Workflow("event-short").then(short).commit().create_run()
    assert run.start(None).status == "suspended"
    result = ended_after_timeout(run)
    assert (result.status, result.error.type) == ("failed", "EventTimeout")
    assert emit("never", 1) == 0


def ended_after_timeout(run):
    """Return the result of a run whose wait ends by itself."""
    until(lambda: run.refresh().status in {"success", "failed"})
    return run.result()


def test_a_step_may_catch_the_timeout_and_meets_it_again_at_once():
    @step(id="catches")
    def catches(data, ctx):
        try:
            ctx.wait_for_event("never", 2, timeout=timedelta(seconds=0.1))
        except errors.EventTimeout:
            return ["late", ctx.wait_for_event("then", 2)]

    run = Workflow("event-catches").then(catches).commit().create_run()
    run.start(None)
    until(lambda: Wait.objects.filter(name="then", outcome="").exists())
    until(lambda: run.refresh().status == "suspended")
    emit("then", 2, "x")
    assert ended(run).result == ["late", "x"]


def test_the_sweep_ends_what_no_timer_has_ended():
    run = waits(timeout=3600).create_run()
    run.start({"id": "o8"})
    expiry.expire_due(clock.now() + timedelta(minutes=59))
    assert run.refresh().status == "suspended"
    assert expiry.expire_due(clock.now() + timedelta(hours=2)) == 1
    assert ended(run).error.type == "EventTimeout"


def test_a_person_may_answer_for_the_event(django_user_model):
    person = django_user_model.objects.create_superuser("ana", "a@example.com", "x")
    run = waits(resume=Payment).create_run()
    run.start({"id": "o9"})
    with pytest.raises(errors.InvalidResumeData):
        run.resume({"amount": "x"}, actor=person)
    assert run.resume({"amount": 3}, actor=person).result["paid"] == {"amount": 3}
    assert Action.objects.get().verb == "resume"
    assert emit("payment", "o9", {"amount": 4}) == 0


def test_who_emits_is_in_the_audit_trail(django_user_model):
    person = django_user_model.objects.create_superuser("ana", "a@example.com", "x")
    run = waits().create_run()
    run.start({"id": "o10"})
    emit("payment", "o10", 1, actor=person)
    emit("payment", "nobody", 1, actor=person)
    one, two = Action.objects.order_by("pk")
    assert (one.verb, one.actor_name, one.public_run_id, one.path) == (
        "emit", "ana", run.run_id, "pay",
    )  # fmt: skip
    assert (two.verb, two.subject, two.data["key"]) == ("emit", "payment", "nobody")


def test_the_log_says_what_the_step_waited_for_and_got():
    run = waits().create_run()
    run.start({"id": "o11"})
    emit("payment", "o11", {"amount": 7}, actor="the bank")
    ended(run)
    told = {event.type: event.payload for event in run.events()}
    asked = told["workflow-step-suspended"]["suspend_payload"]
    assert asked == {"kind": "event", "event": "payment", "key": "o11"}
    assert told["workflow-resumed"]["resume_data"] == {"amount": 7}
    assert told["workflow-resumed"]["actor"] == "the bank"
    assert [event.seq for event in run.events()] == list(range(1, len(run.events()) + 1))


def entry(name, **options):
    """Return a workflow with the entry that waits."""
    return (
        Workflow(name)
        .wait_for_event("payment", key=from_init("id"), id="paid", **options)
        .then(step(lambda data: ["then", data], id="then"))
        .commit()
    )


def test_the_entry_gives_the_data_of_the_event():
    run = entry("event-entry").create_run()
    assert run.start({"id": 12}).suspended == [["paid"]]
    assert emit("payment", 12, {"amount": 1}) == 1
    assert ended(run).result == ["then", {"amount": 1}]


def test_the_entry_fails_after_its_timeout_or_continues_with_its_input():
    failing = entry("event-entry-fail", timeout=0.1).create_run()
    failing.start({"id": 13})
    going_on = entry("event-entry-continue", timeout=0.1, on_timeout="continue").create_run()
    going_on.start({"id": 13})
    assert ended_after_timeout(failing).error.type == "EventTimeout"
    assert ended_after_timeout(going_on).result == ["then", {"id": 13}]


def test_entries_without_a_name_are_counted():
    flow = Workflow("event-unnamed").wait_for_event("a").wait_for_event("b", key="k").commit()
    run = flow.create_run()
    assert run.start(None).suspended == [["wait-for-event-1"]]
    emit("a")
    assert ended(run).suspended == [["wait-for-event-2"]]
    assert flow.graph()["entries"][1]["event"] == {
        "name": "b", "key": 'constant("k")', "timeout": None, "on_timeout": "fail",
    }  # fmt: skip


@pytest.mark.parametrize(
    "options", [{"timeout": -1}, {"on_timeout": "stop"}, {"key": 1.5}, {"key": "x" * 256}]
)
def test_an_option_that_cannot_be_is_refused_where_it_is_written(options):
    with pytest.raises(errors.InvalidStep):
        Workflow("event-refused").wait_for_event("a", **options)


@pytest.mark.parametrize(
    ("name", "key"), [("", "k"), ("a/b", "k"), ("x" * 256, "k"), ("a", 1.5), ("a", "x" * 256)]
)
def test_a_name_or_a_key_that_cannot_be_is_refused(name, key):
    with pytest.raises(errors.InvalidInput):
        emit(name, key)


def test_emitters_and_steps_at_the_same_time_lose_no_event():
    flow = waits("event-race")
    keys = [f"r{n}" for n in range(12)]
    runs = {key: flow.create_run() for key in keys}
    failures = []

    def act(call):
        try:
            call()
        except Exception as error:  # noqa: BLE001 - shown by the assertion
            failures.append(error)
        finally:
            connection.close()

    threads = [
        threading.Thread(target=act, args=(call,))
        for key in keys
        for call in (
            lambda key=key: runs[key].start({"id": key}),
            lambda key=key: emit("payment", key, key),
        )
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert {key: ended(run).result["paid"] for key, run in runs.items()} == {k: k for k in keys}
    assert not StepSnapshot.objects.filter(status="suspended").exists()


def test_of_two_emitters_with_one_id_one_answers():
    run = waits("event-twice").create_run()
    run.start({"id": "t"})
    said = []

    def send():
        try:
            said.append(emit("payment", "t", 1, event_id="once"))
        finally:
            connection.close()

    threads = [threading.Thread(target=send) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert said == [1] * 6
    assert OutsideEvent.objects.count() == 1
    assert ended(run).status == "success"
