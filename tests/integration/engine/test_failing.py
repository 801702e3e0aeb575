"""Errors of the engine itself, lost attempts, and times beyond the calendar."""

import asyncio
import concurrent.futures
import datetime as dt
import threading
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.db import DatabaseError, IntegrityError, OperationalError, connection, transaction

from tests.integration.engine.test_rules import only, until
from tests.recording import without_shortcuts
from worker import process
from workflows_app import Workflow, step
from workflows_app.engine.host import clock, timers
from workflows_app.engine.record import chain, items, reference, waking
from workflows_app.engine.run import failing, taking
from workflows_app.engine.work import claim, context, execute, recover
from workflows_app.models import StepSnapshot

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("execution")]


class Fault(Exception):
    """A fault of the engine."""


def breaks(monkeypatch, module, name):
    """Let a function of the engine raise, and count its calls."""
    calls = []

    def broken(*_args, **_options):
        calls.append(1)
        raise Fault(f"{name} is broken")

    monkeypatch.setattr(module, name, broken)
    return calls


ran: list[Any] = []


def count(data):
    ran.append(data)
    return data


@pytest.fixture(autouse=True)
def _nothing_ran():
    ran.clear()


# The engine's own faults.


@pytest.mark.parametrize(
    ("module", "name"),
    [
        (reference, "decide"),
        (reference, "apply"),
        (context, "Writer"),
        (execute.attempts, "running"),
    ],
    ids=lambda value: getattr(value, "__name__", value),
)
def test_a_fault_of_the_engine_fails_the_run_once_and_is_named(monkeypatch, module, name):
    without_shortcuts(monkeypatch)
    flow = only(count, f"fault-{name.lower()}", retries=3)
    breaks(monkeypatch, module, name)
    result = flow.create_run().start(1, timeout=30)
    assert (result.status, result.error.type, result.error.message) == (
        "failed", "Fault", f"{name} is broken",
    )  # fmt: skip
    assert len(ran) <= 1
    assert StepSnapshot.objects.get(kind="step").lost_count == 0


def test_a_fault_where_the_failure_itself_is_planned_is_recorded_the_plainest_way(monkeypatch):
    without_shortcuts(monkeypatch)
    flow = only(count, "fault-twice")
    breaks(monkeypatch, reference, "decide")
    breaks(monkeypatch, failing, "decide")
    result = flow.create_run().start(1, timeout=30)
    assert (result.status, result.error.type) == ("failed", "Fault")
    assert result.steps["only"].error.message == "decide is broken"


@pytest.mark.parametrize("name", ["_move", "record", "claim"])
def test_a_fault_of_a_shortcut_costs_nothing_but_the_shortcut(monkeypatch, name):
    flow = Workflow(f"lane-{name.strip('_')}").then(step(count)).then(step(count, id="again"))
    run = flow.commit().create_run()
    breaks(monkeypatch, chain, name)
    result = run.start(1, timeout=30)
    assert (result.status, ran) == ("success", [1, 1])


def test_a_fault_of_the_recorder_for_items_costs_nothing(monkeypatch):
    flow = Workflow("lane-items").foreach(step(count), concurrency=4).commit()
    breaks(monkeypatch, items, "_record")
    result = flow.create_run().start(list(range(20)), timeout=30)
    assert (result.status, result.result) == ("success", list(range(20)))


def test_a_fault_at_the_end_of_items_fails_the_run_once(monkeypatch):
    flow = Workflow("fault-items").foreach(step(count), concurrency=4).commit()
    breaks(monkeypatch, items, "_record")
    real = reference.decide

    def broken(graph, view, path, outcome):
        if path == "count[3]":
            raise Fault("the fourth")
        return real(graph, view, path, outcome)

    monkeypatch.setattr(reference, "decide", broken)
    result = flow.create_run().start(list(range(6)), timeout=30)
    assert (result.status, result.error.message) == ("failed", "the fourth")
    assert ran.count(3) == 1


def test_a_fault_where_a_step_is_claimed_fails_the_run(monkeypatch):
    without_shortcuts(monkeypatch)
    flow = Workflow("fault-claim").sleep(0.05).then(step(count)).commit()
    breaks(monkeypatch, taking, "describe")
    result = flow.create_run().start(1, timeout=30)
    assert (result.status, result.error.type, ran) == ("failed", "Fault", [])


def test_a_fault_where_a_sleep_is_woken_holds_no_other_sleep_up(monkeypatch):
    broken = Workflow("fault-wake").sleep(0.05, id="first").then(step(count)).commit()
    whole = Workflow("whole-wake").sleep(0.05, id="second").then(step(count)).commit()
    real_wake, real_record = claim.wake, waking._record

    def wakes(graph, view, path):
        if path == "first":
            raise Fault("wake is broken")
        return real_wake(graph, view, path)

    def records(run, row, now):
        if row.path == "first":
            raise Fault("wake is broken")
        return real_record(run, row, now)

    monkeypatch.setattr(claim, "wake", wakes)
    monkeypatch.setattr(waking, "_record", records)
    runs = [broken.create_run(), whole.create_run()]
    for run in runs:
        run.start(1, wait=False)
    until(lambda: [r.refresh().status for r in runs] == ["failed", "success"], 30)
    assert runs[0].result().error.message == "wake is broken"


def test_a_lost_step_that_cannot_be_recovered_holds_no_other_up(monkeypatch, settings):
    settings.WORKFLOWS = {"EXECUTION": "inline"}
    real = recover.hand_back

    def broken(changing, snapshot, **options):
        if changing.model.workflow_id == "recover-a":
            raise Fault("hand_back is broken")
        real(changing, snapshot, **options)

    with process.here.sweep.turn:  # or the sweep recovers them first
        runs = [lost_run("recover-a"), lost_run("recover-b")]
        monkeypatch.setattr(recover, "hand_back", broken)
        recover.recover(clock.now())
    assert runs[0].refresh().status == "failed"
    assert runs[0].result().error.type == "Fault"
    until(lambda: runs[1].refresh().status == "success", 30)


def lost_run(name):
    """Return a run whose step is held by a worker that is gone."""
    run = only(count, name).create_run()
    run.start(1, wait=False)
    until(lambda: run.refresh().status == "success")
    StepSnapshot.objects.filter(run=run.pk).update(
        status="running", worker_id=recover.NOBODY, ended_at=None, settled_token=None
    )
    type(run._row).objects.filter(pk=run.pk).update(status="running", active_count=1)
    return run


def test_what_the_database_refuses_for_ever_fails_the_run(monkeypatch):
    without_shortcuts(monkeypatch)
    flow = only(count, "refused")

    class TooLong(Exception):
        sqlstate = "54000"

    def refuses(*_args, **_options):
        raise OperationalError("string too long") from TooLong()

    monkeypatch.setattr(reference, "apply", refuses)
    result = flow.create_run().start(1, timeout=30)
    assert (result.status, result.error.type) == ("failed", "OperationalError")


# Atomic steps.


def swallows(data):
    Group.objects.create(name="twice")
    try:
        Group.objects.create(name="twice")
    except IntegrityError:
        ran.append(data)
    return data


def swallows_and_asks(data):
    swallows(data)
    return Group.objects.count()


def marks_to_roll_back(data):
    ran.append(data)
    transaction.set_rollback(True)
    return data


def closes(data):
    ran.append(data)
    Group.objects.create(name="gone")
    connection.close()
    return data


@pytest.mark.parametrize("fn", [swallows, swallows_and_asks, marks_to_roll_back])
def test_an_atomic_step_that_swallows_an_error_of_the_database_fails_once_and_says_why(fn):
    flow = only(fn, f"atomic-{fn.__name__.replace('_', '-')}", atomic=True)
    result = flow.create_run().start(1, timeout=30)
    assert (result.status, result.error.type) == ("failed", "TransactionManagementError")
    assert "the current transaction is aborted" in result.error.message
    assert "savepoint" in result.error.message
    assert ran == [1]
    assert not Group.objects.exists()


def test_the_swallowed_error_is_the_cause_of_the_failure():
    result = only(swallows, "atomic-cause", atomic=True).create_run().start(1, timeout=30)
    assert result.error.cause.type == "IntegrityError"


def test_an_atomic_step_that_closes_its_connection_fails_once():
    result = only(closes, "atomic-closes", atomic=True).create_run().start(1, timeout=30)
    assert (result.status, ran) == ("failed", [1])
    assert "closed" in result.error.message
    assert not Group.objects.exists()


def test_an_atomic_step_with_a_savepoint_around_the_error_succeeds():
    def saves(data):
        Group.objects.create(name="twice")
        try:
            with transaction.atomic():
                Group.objects.create(name="twice")
        except IntegrityError:
            return "caught"

    assert only(saves, "atomic-savepoint", atomic=True).create_run().start(1).result == "caught"
    assert Group.objects.count() == 1


def test_an_atomic_step_that_leaves_a_block_open_keeps_what_it_wrote_outside_of_it():
    def leaves(data):
        Group.objects.create(name="outside")
        transaction.atomic().__enter__()
        Group.objects.create(name="inside")
        return "done"

    assert (
        only(leaves, "atomic-open", atomic=True).create_run().start(1, timeout=30).result == "done"
    )
    assert [group.name for group in Group.objects.all()] == ["outside"]


def test_what_is_refused_at_the_commit_of_an_atomic_step_fails_it_once():
    def dangles(data):
        ran.append(data)
        through = Group.permissions.through
        through.objects.create(group_id=4711, permission_id=4711)
        return data

    result = only(dangles, "atomic-deferred", atomic=True).create_run().start(1, timeout=30)
    assert (result.status, result.error.type, ran) == ("failed", "IntegrityError", [1])


def test_a_raw_statement_that_fails_and_is_swallowed_fails_the_step_where_it_must():
    def swallows_raw(data):
        ran.append(data)
        Group.objects.create(name="before")
        try:
            with connection.cursor() as cursor:
                cursor.execute("SELECT nothing FROM nowhere")
        except DatabaseError:
            return "swallowed"

    result = only(swallows_raw, "atomic-raw", atomic=True).create_run().start(1, timeout=30)
    if connection.vendor == "postgresql":
        assert "the current transaction is aborted" in result.error.message
    else:
        assert result.result == "swallowed"  # SQLite's transaction is as good as before
    assert ran == [1]


# Lost attempts.

FOREIGN = [asyncio.CancelledError, SystemExit, KeyboardInterrupt, GeneratorExit]


@pytest.fixture
def apart(settings):
    """Run in threads, where a foreign exception in one ends no other."""
    settings.WORKFLOWS = {"EXECUTION": "embedded"}


@pytest.mark.usefixtures("apart")
@pytest.mark.parametrize("is_async", [False, True])
@pytest.mark.parametrize("kind", FOREIGN, ids=lambda kind: kind.__name__)
def test_a_step_that_is_lost_too_often_names_what_ended_each_attempt(kind, is_async):
    def leaves(data):
        ran.append(data)
        raise kind(f"attempt {len(ran)}")

    async def leaves_later(data):
        leaves(data)

    name = f"lost-{kind.__name__}-{'async' if is_async else 'sync'}"
    run = only(leaves_later if is_async else leaves, name).create_run()
    run.start(1, wait=False)
    until(lambda: run.refresh().status == "failed", 60)
    error = run.result().error
    assert error.type == "WorkerLost"
    assert kind.__name__ in error.message
    assert [loss["type"] for loss in error.details["losses"]] == [kind.__name__] * 5
    assert [loss["message"] for loss in error.details["losses"]] == [
        f"attempt {number}" for number in range(1, 6)
    ]
    assert len(ran) == 5
    told = [event for event in run.events() if event.type == "workflow-restarted"]
    assert [event.payload["cause"]["type"] for event in told] == [kind.__name__] * 4


@pytest.mark.parametrize("is_async", [False, True])
def test_the_canceled_error_of_futures_is_an_exception_like_any_other(is_async):
    def fails(data):
        raise concurrent.futures.CancelledError("gone")

    async def fails_later(data):
        fails(data)

    flow = only(fails_later if is_async else fails, f"futures-{is_async}".lower())
    result = flow.create_run().start(1, timeout=30)
    assert (result.status, result.error.type) == ("failed", "CancelledError")


@pytest.mark.usefixtures("apart")
@pytest.mark.parametrize("kind", FOREIGN, ids=lambda kind: kind.__name__)
def test_a_step_lost_in_a_workflow_that_does_not_restart_waits_for_a_person(kind):
    def leaves(data):
        ran.append(data)
        if len(ran) == 1:
            raise kind("once")
        return data

    flow = Workflow(f"by-hand-{kind.__name__}", auto_restart=False).then(step(leaves, id="only"))
    run = flow.commit().create_run()
    run.start(1, wait=False)
    until(lambda: StepSnapshot.objects.filter(run=run.pk, worker_id=recover.NOBODY).exists())
    recover.recover(clock.now())
    assert (run.refresh().status, ran) == ("running", [1])
    shown = run.result().steps["only"]
    assert (shown.status, shown.error.type) == ("running", kind.__name__)

    result = run.restart(timeout=30)
    assert (result.status, ran) == ("success", [1, 1])


def test_a_hook_that_leaves_by_a_foreign_exception_is_called_once():
    def hook(_info):
        ran.append("hook")
        raise SystemExit("hook")

    flow = Workflow("foreign-hook", on_finish=hook).then(step(count)).commit()
    assert flow.create_run().start(1, timeout=30).status == "success"
    assert ran == [1, "hook"]


# Times.


@pytest.mark.parametrize(
    "options",
    [
        {"retries": 40, "retry_backoff": 1e10, "retry_delay": 0.001},
        {"retries": 3, "retry_backoff": 1e308, "retry_delay": 1e308},
        {"retries": 3, "retry_delay": 1e300},
    ],
)
def test_a_delay_before_a_retry_is_bounded_however_it_grows(options, settings):
    settings.WORKFLOWS = {**settings.WORKFLOWS, "MAX_RETRY_DELAY_SECONDS": 0.001}

    def fails(data, ctx):
        ran.append(ctx.retry_count)
        raise ValueError("always")

    flow = only(fails, "delays", **options)
    run = flow.create_run()
    run.start(1, wait=False)
    until(lambda: run.refresh().status == "failed", 120)
    assert run.result().error.type == "ValueError"
    assert ran == list(range(options["retries"] + 1))


def test_a_delay_before_a_retry_is_a_day_at_most():
    flow = only(lambda data: 1 / 0, "a-day", retries=1, retry_delay=1e300)
    run = flow.create_run()
    run.start(1, wait=False)
    until(lambda: any(event.type == "workflow-step-retry" for event in run.events()))
    (told,) = [event for event in run.events() if event.type == "workflow-step-retry"]
    next_at = dt.datetime.fromisoformat(told.payload["next_attempt_at"])
    assert abs((next_at - told.at).total_seconds() - 86_400) < 60
    run.cancel()


FAR = [1e300, 1e12, dt.timedelta.max]


@pytest.mark.parametrize("is_function", [False, True])
@pytest.mark.parametrize("span", FAR, ids=str)
def test_a_sleep_beyond_the_calendar_waits_until_its_last_day(span, is_function):
    flow = Workflow(f"far-{is_function}".lower()).sleep(
        (lambda data: span) if is_function else span
    )
    run = flow.then(step(count)).commit().create_run()
    run.start(1, wait=False)
    until(lambda: run.refresh().status == "waiting")
    (row,) = StepSnapshot.objects.filter(run=run.pk, status="waiting")
    assert row.wake_at.year == 9999
    run.cancel()


ENDS = [
    dt.datetime.max.replace(tzinfo=dt.UTC),
    dt.datetime.max.replace(tzinfo=dt.timezone(dt.timedelta(hours=-12))),
    dt.datetime(9999, 1, 1, tzinfo=dt.UTC),
]


@pytest.mark.parametrize("moment", ENDS, ids=str)
def test_a_sleep_until_the_end_of_the_calendar_is_kept(moment):
    run = Workflow("until-end").sleep_until(moment).then(step(count)).commit().create_run()
    run.start(1, wait=False)
    until(lambda: run.refresh().status == "waiting")
    assert run.result().steps["sleep-1"].status == "waiting"
    run.cancel()


@pytest.mark.parametrize("hours", [-12, 0, 14])
def test_a_sleep_until_the_beginning_of_the_calendar_is_over(hours):
    zone = dt.timezone(dt.timedelta(hours=hours))
    moment = dt.datetime.min.replace(tzinfo=zone)
    flow = Workflow("until-begin").sleep_until(moment).then(step(count)).commit()
    assert flow.create_run().start(1, timeout=30).status == "success"


@pytest.mark.parametrize("span", [float("nan"), float("inf"), -1, 10**400])
def test_a_sleep_that_is_no_span_fails_with_a_sentence(span):
    flow = Workflow("no-span").sleep(lambda data: span).then(step(count)).commit()
    result = flow.create_run().start(1, timeout=30)
    assert (result.status, result.error.type) == ("failed", "InvalidStep")


@pytest.mark.parametrize("is_async", [False, True])
def test_a_timeout_longer_than_a_thread_can_wait_is_no_timeout(is_async):
    async def later(data):
        await asyncio.sleep(0)
        return count(data)

    flow = only(later if is_async else count, "long-timeout", timeout=1e300)
    assert flow.create_run().start(1, timeout=30).status == "success"


def test_timers_go_on_beside_one_that_is_thousands_of_years_away():
    came = threading.Event()
    far = timers.after(1e300, lambda: None)
    timers.after(0.01, came.set)
    assert came.wait(10)
    far.cancel()
