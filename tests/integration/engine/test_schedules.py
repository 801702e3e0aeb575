"""Schedules: stored, fired once each time by any number of workers, paused, missed, overlapping."""

import threading
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from pydantic import BaseModel, SecretStr

from worker import process
from workflows_app import Schedule, StepContext, Workflow, step
from workflows_app.definition import registry
from workflows_app.engine.host import clock, workers
from workflows_app.engine.verbs import schedules
from workflows_app.engine.work.claim import claim
from workflows_app.engine.work.turn import work
from workflows_app.models import Run as RunRow
from workflows_app.models import Schedule as Row
from workflows_app.models import StepSnapshot, Trigger

pytestmark = pytest.mark.django_db(transaction=True)


class Order(BaseModel):
    """What the workflows here take."""

    n: int = 0


@pytest.fixture(autouse=True)
def _fresh(request, settings, monkeypatch):
    """Leave the firing to the test, and forget which schedules are stored."""
    if "sweep" not in request.node.name:  # that of a worker which an earlier test started
        request.getfixturevalue("swept_by_nobody")
    settings.WORKFLOWS = {"DISPATCHER": "tests.product.SilentDispatcher"}
    monkeypatch.setattr(schedules, "_stored", {})
    monkeypatch.setattr(registry, "_known", {})


@pytest.fixture
def swept_by_nobody():
    """Pause the sweep of this process."""
    with process.here.sweep.turn:
        yield


def flow(name, *given, function=lambda data: data, **options):
    """Return a committed workflow with schedules."""
    given = given[0] if len(given) == 1 else list(given)
    made = Workflow(name, schedule=given, **options)
    return made.then(step(function, id="work")).commit()


def at(row_or_key, moment):
    """Let a schedule be due at a moment."""
    Row.objects.filter(pk=row_or_key).update(next_fire_at=moment)


def minute(moment: datetime) -> datetime:
    """Return the whole minute before a moment."""
    return moment.replace(second=0, microsecond=0)


def test_what_code_says_is_stored_under_its_id():
    one = flow("stored", Schedule("0 9 * * *", timezone="Europe/Amsterdam", metadata={"a": 1}))
    (found,) = one.schedules()
    assert (found.id, found.cron, found.timezone) == ("wf_stored", "0 9 * * *", "Europe/Amsterdam")
    assert (found.status, found.note, found.last_run_id) == ("active", "", None)
    assert found.next_fire_at > clock.now()
    assert found.metadata == {"a": 1}
    many = flow("many", Schedule("@daily", id="d"), Schedule("@hourly", id="h"))
    assert [s.id for s in many.schedules()] == ["wf_many__d", "wf_many__h"]


def test_a_due_time_starts_one_run_with_what_the_schedule_gives():
    due = flow("due", Schedule("* * * * *", input_data={"n": 7}, request_context={"by": "clock"}))
    (schedule,) = due.schedules()
    now = clock.now()
    tick = minute(now)
    at(schedule.id, tick)
    assert schedules.fire_due(now) == 1
    assert schedules.fire_due(now) == 0

    schedule.refresh()
    run = due.get_run(schedule.last_run_id)
    assert (run.result().input, run.request_context) == ({"n": 7}, {"by": "clock"})
    assert run.status == "running"
    assert schedule.next_fire_at == tick + timedelta(minutes=1)
    (trigger,) = schedule.triggers()
    assert (trigger.scheduled_at, trigger.outcome, trigger.kind) == (tick, "published", "schedule")
    assert trigger.run_id == run.run_id


class Login(BaseModel):
    """Has a secret part."""

    password: SecretStr


@pytest.mark.parametrize("declared", [Login, Any])
def test_a_schedule_gives_its_runs_a_secret_as_it_was(declared):
    seen = []
    given = {"password": SecretStr("hunter2")}
    due = flow(
        "secret-due",
        Schedule("* * * * *", input_data=given, initial_state=given, request_context=given),
        function=lambda data: seen.append(dict(data)["password"].get_secret_value()),
        input=declared, state=declared, request_context=declared,
    )  # fmt: skip
    (schedule,) = due.schedules()
    tick = minute(clock.now())
    at(schedule.id, tick)

    assert schedules.fire_due(clock.now()) == 1

    schedule.refresh()
    assert schedule.triggers()[0].outcome == "published"
    run = due.get_run(schedule.last_run_id)
    queued = StepSnapshot.objects.get(run__run_id=run.run_id)
    work(claim(queued.pk, worker=workers.mine(), now=clock.now()))
    assert seen == ["hunter2"]
    result = run.result()
    assert result.status == "success"
    assert "hunter" not in repr((result, run.request_context))


def test_many_workers_fire_a_time_once():
    busy = flow("busy", Schedule("* * * * *"))
    (schedule,) = busy.schedules()
    now = clock.now()
    at(schedule.id, minute(now))
    gate = threading.Barrier(8, timeout=20)
    fired = []

    def fire():
        try:
            gate.wait()
            fired.append(schedules.fire(schedule.id, now))
        finally:
            connection.close()

    threads = [threading.Thread(target=fire) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(fired) == [0] * 7 + [1]
    assert RunRow.objects.filter(workflow_id="busy").count() == 1
    assert Trigger.objects.count() == 1


def test_a_process_that_dies_in_the_middle_neither_loses_nor_doubles_a_time(monkeypatch):
    fragile = flow("fragile", Schedule("* * * * *"))
    (schedule,) = fragile.schedules()
    now = clock.now()
    at(schedule.id, minute(now))

    def die(*_args, **_kwargs):
        raise SystemExit

    with monkeypatch.context() as dying:
        dying.setattr(schedules, "_record", die)
        with pytest.raises(SystemExit):
            schedules.fire_due(now)
    assert RunRow.objects.filter(workflow_id="fragile").count() == 0
    assert schedules.fire_due(now) == 1
    assert RunRow.objects.filter(workflow_id="fragile").count() == 1


def test_what_was_missed_comes_once_as_a_backfill_and_the_rest_is_skipped():
    missed = flow("missed", Schedule("0 * * * *"))
    (schedule,) = missed.schedules()
    now = clock.now().replace(minute=30)
    first = now.replace(minute=0, second=0, microsecond=0) - timedelta(hours=3)
    at(schedule.id, first)
    assert schedules.fire_due(now) == 1
    told = [(t.scheduled_at.hour, t.outcome, t.kind) for t in schedule.refresh().triggers()]
    hours = [(first + timedelta(hours=n)).hour for n in range(4)]
    assert told == [
        (hours[3], "published", "backfill"), (hours[2], "skipped", "schedule"),
        (hours[1], "skipped", "schedule"), (hours[0], "skipped", "schedule"),
    ]  # fmt: skip
    assert schedule.next_fire_at > now


def test_missed_times_of_the_last_minute_are_all_made_up_for():
    each = flow("seconds", Schedule("*/10 * * * * *"))
    (schedule,) = each.schedules()
    now = minute(clock.now()) + timedelta(seconds=35)
    at(schedule.id, now - timedelta(seconds=25))
    assert schedules.fire_due(now) == 3


def test_skip_leaves_a_time_out_while_the_previous_run_continues():
    skips = flow("skips", Schedule("* * * * *", overlap="skip"))
    (schedule,) = skips.schedules()
    now = minute(clock.now())
    at(schedule.id, now)
    assert schedules.fire_due(now) == 1
    assert schedules.fire_due(now + timedelta(minutes=1)) == 0
    assert schedule.triggers()[0].outcome == "skipped"
    assert "not ended" in schedule.triggers()[0].error["message"]
    skips.get_run(schedule.refresh().last_run_id).cancel()
    assert schedules.fire_due(now + timedelta(minutes=2)) == 1


def test_queue_lets_each_time_wait_for_the_previous_run():
    queues = flow("queues", Schedule("* * * * *", overlap="queue"))
    (schedule,) = queues.schedules()
    now = minute(clock.now())
    at(schedule.id, now)
    later = now + timedelta(minutes=5)
    fired = []
    for _ in range(6):
        fired.append(schedules.fire_due(later))
        assert schedules.fire_due(later) == 0
        queues.get_run(schedule.refresh().last_run_id).cancel()
    assert fired == [1] * 6
    times = [t.scheduled_at for t in schedule.triggers()]
    assert times == [now + timedelta(minutes=n) for n in reversed(range(6))]


def test_a_pause_holds_over_a_deploy_that_changes_the_schedule():
    old = flow("deployed", Schedule("0 9 * * *"))
    old.schedules()[0].pause("holidays")
    new = flow("deployed", Schedule("0 10 * * *"))
    (found,) = new.schedules()
    assert (found.cron, found.status, found.note) == ("0 10 * * *", "paused", "holidays")
    assert found.next_fire_at is None
    assert schedules.fire_due(clock.now() + timedelta(days=3)) == 0
    found.unpause()
    assert (found.status, found.note) == ("active", "")
    assert found.next_fire_at > clock.now()


def test_a_schedule_that_code_no_longer_has_stops_firing_and_keeps_its_triggers():
    old = flow("gone", Schedule("* * * * *", id="a"), Schedule("* * * * *", id="b"))
    now = clock.now()
    for schedule in old.schedules():
        at(schedule.id, minute(now))
    assert schedules.fire_due(now) == 2
    new = flow("gone", [Schedule("* * * * *", id="b")])
    assert [s.id for s in new.schedules()] == ["wf_gone__b"]
    assert schedules.fire_due(now + timedelta(minutes=1)) == 1
    gone = Row.objects.get(pk="wf_gone__a")
    assert (gone.is_defined, gone.triggers.count()) == (False, 1)


def test_a_refused_start_is_recorded_and_the_schedule_goes_on():
    wrong = flow("wrong", Schedule("* * * * *", input_data={"n": "many"}), input=Order)
    (schedule,) = wrong.schedules()
    now = minute(clock.now())
    at(schedule.id, now)
    assert schedules.fire_due(now) == 0
    (trigger,) = schedule.triggers()
    assert (trigger.outcome, trigger.run_id) == ("failed", None)
    assert trigger.error["type"] == "InvalidInput"
    assert schedule.refresh().next_fire_at == now + timedelta(minutes=1)
    assert RunRow.objects.filter(workflow_id="wrong").count() == 0


def test_run_now_starts_a_run_at_once_also_while_it_is_paused(settings):
    settings.WORKFLOWS = {"EXECUTION": "inline"}
    now_and_then = flow("now", Schedule("@yearly", input_data={"n": 3}))
    (schedule,) = now_and_then.schedules()
    schedule.pause()
    run = schedule.run_now()
    assert now_and_then.get_run(run.run_id).workflow_id == "now"
    (trigger,) = schedule.triggers()
    assert (trigger.kind, trigger.outcome, trigger.run_id) == ("manual", "published", run.run_id)
    assert schedule.last_run_id == run.run_id
    assert schedule.status == "paused"


def test_once_fires_once_also_when_its_moment_passed_unseen():
    moment = clock.now() - timedelta(hours=2)
    once = flow("once", Schedule(run_at=moment))
    (schedule,) = once.schedules()
    assert schedules.fire_due(clock.now()) == 1
    assert schedules.fire_due(clock.now() + timedelta(days=1)) == 0
    assert schedule.refresh().next_fire_at is None
    assert schedule.triggers()[0].kind == "backfill"


def test_the_embedded_sweep_fires_what_is_due(settings):
    settings.WORKFLOWS = {"EXECUTION": "embedded"}
    done = threading.Event()

    def work(data, ctx: StepContext):
        done.set()

    every_second = flow("swept", Schedule("* * * * * *"), function=work)
    other = Workflow("wakes").then(step(lambda d: d, id="s")).commit()
    other.create_run().start(1)  # the threads start at the first wake
    try:
        assert done.wait(15)
    finally:
        every_second.schedules()[0].pause()
