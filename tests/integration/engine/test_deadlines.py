"""Deadlines of runs, and starts that expire: in every mode, once, whatever else happens."""

import threading
import time
from datetime import timedelta

import pytest
from django.db import connection

from workflows_app import Deadline, Workflow, errors, step
from workflows_app.engine.host import clock
from workflows_app.engine.record import start as shortcut
from workflows_app.engine.run import expiry
from workflows_app.engine.work import recover
from workflows_app.models import AcceptedStart, Action, RunDeadline
from workflows_app.models import Run as Row

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("execution")]

SOON = timedelta(seconds=0.2)
NEVER = 3600


def until(says_so, seconds=10.0):
    """Wait until something is so."""
    end = time.monotonic() + seconds
    while not says_so():
        assert time.monotonic() < end
        time.sleep(0.01)


def over(run):
    """Return the result of a run once it has ended."""
    until(lambda: run.refresh().status in {"success", "failed", "canceled"})
    return run.result()


def types(run):
    """Return the types of the run's events that concern its deadline and its ends."""
    wanted = ("workflow-deadline", "workflow-canceled", "workflow-finish")
    return [event.type for event in run.events() if event.type.startswith(wanted)]


def event(run, kind):
    """Return the payload of the last event of a type."""
    return [each.payload for each in run.events() if each.type == kind][-1]


@step(id="ask")
def ask(data, ctx):
    """Ask somebody, and return the answer."""
    if ctx.resume_data is None:
        ctx.suspend({"what": data})
    return ctx.resume_data


def asks(name, **options):
    """Return a workflow that asks somebody."""
    return Workflow(name, **options).then(ask).commit()


def pass_by(run, seconds):
    """Let the time of a run's deadline come, without waiting for it; return how many acted."""
    return expiry.expire_due(clock.now() + timedelta(seconds=seconds))


# What may be said.


@pytest.mark.parametrize(
    "said",
    [
        {"after": 0}, {"after": -1}, {"after": "1h"}, {"after": True}, {"after": float("nan")},
        {"after": 10**400}, {"after": timedelta.max}, {"after": 5, "then": "explode"},
        {"after": 5, "while_suspended": 1}, {"after": 5, "warn_after": 5},
        {"after": 5, "warn_after": 0}, {"after": 5, "warn_after": timedelta(seconds=6)},
    ],
)  # fmt: skip
def test_a_deadline_that_cannot_be_is_refused(said):
    with pytest.raises(errors.InvalidDeadline):
        Deadline(**said)


@pytest.mark.parametrize("options", [{"deadline": 5}, {"start_within": 0}, {"start_within": "x"}])
def test_a_wrong_time_is_refused_where_it_is_written_and_writes_nothing_at_a_start(options):
    with pytest.raises(errors.InvalidDeadline):
        Workflow("deadline-wrong", **options)
    run = asks("deadline-wrong-start").create_run()
    with pytest.raises(errors.InvalidDeadline):
        run.start(1, **options)
    assert (run.refresh().status, run.events()) == ("pending", [])
    assert run.start(1).status == "suspended"


# What happens at its time.


def test_a_run_past_its_deadline_fails():
    run = asks("deadline-fails", deadline=Deadline(SOON)).create_run()
    began = time.monotonic()
    assert run.start(1).status == "suspended"
    result = over(run)
    assert time.monotonic() - began < 1.2
    assert (result.status, result.error.type) == ("failed", "RunDeadlineExceeded")
    assert result.error.details["after"] == 0.2
    assert result.steps["ask"].status == "canceled"
    assert types(run)[1:] == ["workflow-deadline", "workflow-finish"]
    assert event(run, "workflow-deadline")["then"] == "fail"
    with pytest.raises(errors.RunNotSuspended):
        run.resume(2)


def test_it_may_be_canceled_instead():
    run = asks("deadline-cancels", deadline=Deadline(SOON, then="cancel")).create_run()
    run.start(1)
    assert over(run).status == "canceled"
    assert types(run)[1:] == ["workflow-deadline", "workflow-canceled", "workflow-finish"]
    assert event(run, "workflow-canceled") == {"actor": None, "reason": "deadline"}
    assert run.ended_reason == "deadline"


def test_or_only_be_warned():
    run = asks("deadline-warns", deadline=Deadline(SOON, then="warn")).create_run()
    run.start(1)
    until(lambda: run.deadline.passed_at is not None)
    assert run.refresh().status == "suspended"
    assert types(run)[1:] == ["workflow-deadline-warning", "workflow-deadline"]
    assert pass_by(run, NEVER) == 0
    assert run.resume(2).result == 2


def test_a_warning_comes_before_the_end():
    said = Deadline(timedelta(seconds=0.6), warn_after=SOON)
    run = asks("deadline-near", deadline=said).create_run()
    run.start(1)
    until(lambda: run.deadline.warned_at is not None)
    assert run.refresh().status == "suspended"
    assert event(run, "workflow-deadline-warning")["then"] == "fail"
    assert over(run).error.type == "RunDeadlineExceeded"
    assert types(run)[1:] == ["workflow-deadline-warning", "workflow-deadline", "workflow-finish"]


def test_a_start_has_its_own_in_place_of_the_workflows():
    run = asks("deadline-own", deadline=Deadline(NEVER)).create_run()
    run.start(1, deadline=Deadline(SOON, then="cancel"))
    assert over(run).status == "canceled"


def test_a_sleep_and_a_retry_do_not_stop_it():
    @step(id="fails", retries=3, retry_delay=NEVER)
    def fails(data):
        raise ValueError(data)

    slept = Workflow("deadline-sleeps").sleep(NEVER).then(ask).commit().create_run()
    tried = Workflow("deadline-retries").then(fails).commit().create_run()
    for run in (slept, tried):
        run.start(1, deadline=Deadline(SOON), wait=False)
    assert [over(run).error.type for run in (slept, tried)] == ["RunDeadlineExceeded"] * 2


def test_running_steps_see_the_signal_and_are_recorded_then_the_run_ends():
    begun, seen = threading.Event(), []

    @step(id="works")
    def works(data, ctx):
        begun.set()
        seen.append(ctx.abort_signal.wait(10))
        return "done"

    flow = Workflow("deadline-running").then(works).then(ask).commit()
    run = flow.create_run()
    run.start(1, deadline=Deadline(SOON), wait=False)
    result = over(run)
    assert seen == [True]
    assert result.error.type == "RunDeadlineExceeded"
    assert result.steps["works"].output == "done"
    assert "ask" not in result.steps
    assert not Row.objects.get(pk=run.pk).is_canceling


def test_a_step_that_does_not_end_is_given_up(settings):
    settings.WORKFLOWS = {**settings.WORKFLOWS, "CANCEL_GRACE_SECONDS": 0.1}
    let_go = threading.Event()

    @step(id="hangs")
    def hangs(data):
        let_go.wait(20)

    run = Workflow("deadline-hangs").then(hangs).commit().create_run()
    run.start(1, deadline=Deadline(SOON), wait=False)
    try:
        until(lambda: run.deadline is not None and run.deadline.passed_at is not None)
        until(lambda: recover.give_up_canceled(clock.now()) or run.refresh().status == "failed")
        assert over(run).error.type == "RunDeadlineExceeded"
    finally:
        let_go.set()


def test_hooks_are_called_at_its_end():
    called = []
    run = asks(
        "deadline-hooks", deadline=Deadline(SOON), on_error=lambda info: called.append("error"),
        on_finish=lambda info: called.append(info.status),
    ).create_run()  # fmt: skip
    run.start(1)
    over(run)
    until(lambda: called[-2:] == ["error", "failed"])


# What counts.


def test_time_held_by_a_pause_counts_and_a_paused_run_meets_its_deadline():
    run = asks("deadline-paused", deadline=Deadline(NEVER, while_suspended=False)).create_run()
    run.start(1)
    assert run.deadline.ends_at is None
    run.pause("wait")
    assert run.deadline.ends_at is not None
    assert pass_by(run, NEVER + 1) == 1
    assert over(run).error.type == "RunDeadlineExceeded"


def test_time_suspended_does_not_count_if_so_said():
    said = Deadline(timedelta(seconds=0.5), while_suspended=False)
    flow = Workflow("deadline-stops", deadline=said).then(ask).sleep(NEVER).commit()
    run = flow.create_run()
    run.start(1)
    first = run.deadline
    assert (first.ends_at, first.due_at) == (None, None)
    time.sleep(0.8)
    assert run.refresh().status == "suspended"
    run.resume(2, wait=False)
    until(lambda: run.deadline.ends_at is not None)
    counted = run.deadline.ends_at - clock.now()
    assert timedelta(seconds=0.1) < counted < timedelta(seconds=0.51)
    assert run.deadline.began_at - first.began_at > timedelta(seconds=0.75)
    assert over(run).error.type == "RunDeadlineExceeded"


def test_each_suspension_adds_to_the_time_that_does_not_count():
    said = Deadline(NEVER, while_suspended=False)
    flow = Workflow("deadline-adds", deadline=said)
    run = flow.then(ask).then(ask.clone(id="again")).commit().create_run()
    run.start(1)
    began = run.deadline.began_at
    time.sleep(0.15)
    run.resume(2)
    time.sleep(0.15)
    run.resume(3)
    assert run.deadline.began_at - began > timedelta(seconds=0.28)


def test_usually_time_suspended_counts():
    run = asks("deadline-counts", deadline=Deadline(NEVER)).create_run()
    run.start(1)
    assert run.deadline.ends_at - run.deadline.began_at == timedelta(seconds=NEVER)


def test_a_retry_begins_it_anew():
    run = asks("deadline-retried", deadline=Deadline(NEVER)).create_run()
    run.start(1)
    pass_by(run, NEVER + 1)
    assert over(run).status == "failed"
    before = run.deadline.began_at
    assert run.retry().status == "suspended"
    again = run.deadline
    assert again.began_at > before
    assert (again.passed_at, again.due_at) == (None, again.ends_at)
    assert run.ended_reason is None
    assert run.resume(7).result == 7


def test_so_does_a_time_travel():
    run = asks("deadline-travels", deadline=Deadline(NEVER)).create_run()
    run.start(1)
    before = run.deadline.began_at
    assert run.time_travel("ask").status == "suspended"
    assert run.deadline.began_at > before
    assert pass_by(run, NEVER + 1) == 1
    assert over(run).error.type == "RunDeadlineExceeded"


def test_a_run_that_begins_with_a_time_travel_has_its_workflows():
    run = asks("deadline-late", deadline=Deadline(SOON)).create_run()
    assert run.time_travel("ask", input_data=1).status == "suspended"
    assert over(run).error.type == "RunDeadlineExceeded"


def test_a_rerun_and_a_fork_have_the_one_that_was_given_to_the_start():
    run = asks("deadline-again", deadline=Deadline(NEVER)).create_run()
    run.start(1, deadline=Deadline(50, then="cancel"))
    for other in (run.rerun(), run.fork("ask")):
        assert (other.deadline.after, other.deadline.then) == (50, "cancel")
    usual = asks("deadline-again-2", deadline=Deadline(NEVER)).create_run()
    usual.start(1)
    assert not usual.rerun().deadline.is_own


def test_a_run_that_ends_in_time_is_left_alone():
    @step(id="quick")
    def quick(data):
        return data

    run = Workflow("deadline-met").then(quick).then(quick.clone(id="b")).commit().create_run()
    assert run.start(1, deadline=Deadline(0.3)).status == "success"
    assert expiry.expire_due(clock.now() + timedelta(seconds=1)) == 0
    assert RunDeadline.objects.get().due_at is None
    assert types(run) == ["workflow-finish"]


def test_a_run_may_be_deleted_with_its_deadline():
    run = asks("deadline-deleted", deadline=Deadline(NEVER)).create_run()
    run.start(1)
    run.delete()
    assert not RunDeadline.objects.exists()


def test_runs_without_one_start_by_the_shortcut_and_have_no_row(monkeypatch):
    began = []
    whole = shortcut.start

    def start(*args):
        began.append(args)
        return whole(*args)

    monkeypatch.setattr(shortcut, "start", start)
    asks("deadline-none").create_run().start(1)
    assert len(began) == 1
    asks("deadline-none-either", start_within=5).create_run().start(1)
    assert len(began) == 2
    asks("deadline-slower").create_run().start(1, deadline=Deadline(NEVER))
    assert len(began) == 2
    assert RunDeadline.objects.count() == 1


def test_the_start_in_the_audit_trail_says_it(django_user_model):
    person = django_user_model.objects.create_superuser("ana", "a@example.com", "x")
    asks("deadline-audit").create_run().start(1, actor=person, deadline=Deadline(60, "warn"))
    said = {"after": 60.0, "then": "warn", "while_suspended": True, "warn_after": None}
    assert Action.objects.get().data["deadline"] == said


# Races.


def at_once(*acts):
    """Do several things at the same time; return what they returned, or the error as it was."""
    came, gate = [], threading.Barrier(len(acts))

    def do(act):
        gate.wait()
        try:
            came.append(act())
        except errors.WorkflowError as error:
            came.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=do, args=(act,)) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return came


def test_any_number_of_looks_fires_it_once():
    run = asks("deadline-once", deadline=Deadline(NEVER, warn_after=10)).create_run()
    run.start(1)
    assert sum(at_once(*[lambda: pass_by(run, 11)] * 4)) == 1
    assert sum(at_once(*[lambda: pass_by(run, NEVER + 1)] * 4)) == 1
    ends = ["workflow-deadline-warning", "workflow-deadline", "workflow-finish"]
    assert types(run)[1:] == ends


def test_a_look_that_has_read_the_row_before_another_fired_it_changes_nothing():
    run = asks("deadline-stale", deadline=Deadline(NEVER, warn_after=10)).create_run()
    run.start(1)
    seen = RunDeadline.objects.get()
    assert pass_by(run, 11) == 1
    assert not expiry._meet(seen, clock.now() + timedelta(seconds=11))
    assert types(run)[1:] == ["workflow-deadline-warning"]
    assert RunDeadline.objects.get().due_at == run.deadline.ends_at


@pytest.mark.parametrize("n", range(5))
def test_of_a_deadline_and_a_cancel_one_wins(n):
    run = asks(f"deadline-race-{n}", deadline=Deadline(NEVER)).create_run()
    run.start(1)
    other = run.workflow.get_run(run.run_id)
    at_once(lambda: pass_by(run, NEVER + 1), other.cancel)
    assert over(run).status in {"failed", "canceled"}
    by_cancel, by_deadline = ["workflow-canceled"], ["workflow-deadline"]
    assert types(run)[1:-1] in (by_cancel, by_deadline)
    assert types(run).count("workflow-finish") == 2


@pytest.mark.parametrize("n", range(5))
def test_of_a_deadline_and_an_answer_one_wins(n):
    run = asks(f"deadline-answer-{n}", deadline=Deadline(NEVER)).create_run()
    run.start(1)
    other = run.workflow.get_run(run.run_id)
    at_once(lambda: pass_by(run, NEVER + 1), lambda: other.resume(2, wait=False))
    result = over(run)
    # The answer may win, and the deadline still end the run before its step has run.
    if result.status == "success":
        assert types(run) == ["workflow-finish"] * 2
    else:
        assert types(run)[1:] == ["workflow-deadline", "workflow-finish"]


@pytest.mark.parametrize("n", range(5))
def test_of_a_deadline_and_the_end_of_the_last_step_one_wins(n):
    gate = threading.Event()

    @step(id="ends")
    def ends(data):
        gate.wait(10)
        return 5

    run = Workflow(f"deadline-end-{n}").then(ends).commit().create_run()
    run.start(1, deadline=Deadline(NEVER), wait=False)
    until(lambda: "ends" in run.result().steps)
    at_once(lambda: pass_by(run, NEVER + 1), gate.set)
    result = over(run)
    assert types(run).count("workflow-finish") == 1
    assert (result.status == "failed") == ("workflow-deadline" in types(run))


def test_a_cancel_while_it_ends_at_its_deadline_changes_nothing():
    gate = threading.Event()

    @step(id="ends-late")
    def ends_late(data):
        gate.wait(10)

    run = Workflow("deadline-first").then(ends_late).commit().create_run()
    run.start(1, deadline=Deadline(NEVER), wait=False)
    until(lambda: "ends-late" in run.result().steps)
    assert pass_by(run, NEVER + 1) == 1
    assert "ending at its deadline already" in run.cancel()["message"]
    gate.set()
    assert over(run).error.type == "RunDeadlineExceeded"


# Starts that expire.


def test_a_run_that_cannot_begin_in_time_is_canceled():
    flow = asks("starts-late", start_within=SOON)
    flow.pause_intake("full")
    run = flow.create_run()
    assert run.start(1).status == "pending"
    assert "It is canceled if it has not begun by" in run.why_waiting[0]["text"]
    assert over(run).status == "canceled"
    assert event(run, "workflow-canceled") == {"actor": None, "reason": "expired"}
    assert run.ended_reason == "expired"
    flow.resume_intake()
    assert run.refresh().status == "canceled"
    assert not AcceptedStart.objects.exists()


def test_a_start_says_its_own_time_and_a_held_run_expires_too():
    run = asks("starts-held").create_run()
    run.pause("not yet")
    run.start(1, start_within=0.2)
    assert over(run).status == "canceled"


def test_a_run_that_has_begun_in_time_goes_on_and_its_deadline_counts_from_then():
    flow = asks("starts-in-time", start_within=NEVER, deadline=Deadline(50))
    flow.pause_intake()
    run = flow.create_run()
    run.start(1)
    kept = run.deadline
    assert (kept.began_at, kept.due_at) == (None, None)
    flow.resume_intake()
    until(lambda: run.refresh().status == "suspended")
    assert run.deadline.ends_at is not None
    assert expiry.expire_due(clock.now() + timedelta(seconds=49)) == 0
    assert run.refresh().status == "suspended"


@pytest.mark.parametrize("n", range(5))
def test_of_a_beginning_and_an_expiry_one_wins(n):
    flow = asks(f"starts-race-{n}", start_within=NEVER)
    flow.pause_intake()
    run = flow.create_run()
    run.start(1)
    at_once(lambda: pass_by(run, NEVER + 1), flow.resume_intake)
    until(lambda: run.refresh().status in {"suspended", "canceled"})
    assert types(run).count("workflow-finish") == 1
