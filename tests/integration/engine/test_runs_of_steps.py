"""Runs that steps start, and steps that wait for the end of other runs, in every mode."""

import threading
import time
from datetime import timedelta

import pytest
from django.db import connection, transaction

from workflows_app import Workflow, emit, errors, step
from workflows_app.engine.host import clock
from workflows_app.models import Run, StepSnapshot, Wait

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("execution")]


def until(says_so, seconds=10.0):
    """Wait until something is so."""
    end = time.monotonic() + seconds
    while not says_so():
        assert time.monotonic() < end
        time.sleep(0.02)


def over(run):
    """Return the result of a run that ends by itself, however often it waits meanwhile."""
    until(lambda: run.refresh().status in {"success", "failed", "canceled"})
    return run.result()


def double(number):
    """Double a number; fail for what is none."""
    return number * 2


def asks(data, ctx):
    """Ask, and return the answer."""
    if ctx.resume_data is None:
        ctx.suspend(data)
    return ctx.resume_data


def of(name, fn):
    """Return a workflow of one step."""
    return Workflow(name).then(step(fn, id="only")).commit()


def test_a_step_starts_a_run_that_lives_its_own_life():
    child = of("child-own", double)
    started = []

    def parent(data, ctx):
        started.append(ctx.start(child, 4))
        return started[0]

    run = of("parent-own", parent).create_run()
    assert run.start(None).result == started[0]
    assert over(child.get_run(started[0])).result == 8


def test_it_is_started_once_for_each_key_however_often_the_step_runs():
    child = of("child-once", double)

    def parent(data, ctx):
        ids = [ctx.start(child, n, key=n) for n in (1, 2)]
        if ctx.retry_count == 0:
            raise ValueError("once")
        if ctx.resume_data is None:
            ctx.suspend(ids)
        return ids

    flow = Workflow("parent-once").then(step(parent, id="p", retries=1, retry_delay=0.01))
    run = flow.commit().create_run()
    asked = run.start(None).suspend_payload["p"]
    assert run.resume(0).result == asked
    assert Run.objects.filter(workflow_id="child-once").count() == 2


def test_two_workflows_under_one_key_are_two_runs_and_a_name_is_enough():
    of("child-a", double)
    of("child-b", double)

    def parent(data, ctx):
        return [ctx.start("child-a", 1), ctx.start("child-b", 1), ctx.start("child-a", 2)]

    a, b, again = of("parent-names", parent).create_run().start(None).result
    assert a == again != b


def test_each_round_starts_a_run_of_its_own():
    child = of("child-rounds", double)

    def parent(number, ctx):
        ctx.start(child, number)
        return number + 1

    flow = Workflow("parent-rounds").do_while(step(parent), lambda number: number < 3)
    assert flow.commit().create_run().start(0).result == 3
    assert Run.objects.filter(workflow_id="child-rounds").count() == 3


def test_a_run_of_an_atomic_step_exists_exactly_when_the_step_commits():
    child = of("child-atomic", double)

    def parent(data, ctx):
        ctx.start(child, 1)
        if ctx.retry_count == 0:
            raise ValueError("once")
        return "done"

    made = step(parent, atomic=True, retries=1, retry_delay=0.01)
    run = Workflow("parent-atomic").then(made).commit().create_run()
    run.start(None, wait=False)
    assert over(run).result == "done"
    assert Run.objects.filter(workflow_id="child-atomic").count() == 1


def test_a_wrong_input_starts_nothing_and_fails_the_step():
    child = Workflow("child-typed", input=int).then(step(double)).commit()

    def parent(data, ctx):
        return ctx.start(child, "no number")

    result = of("parent-typed", parent).create_run().start(None)
    assert result.error.type == "InvalidInput"
    assert not Run.objects.filter(workflow_id="child-typed").exists()
    assert not Wait.objects.exists()


def fan_out(name, child):
    """Return a workflow that starts a run for each number, and waits for all of them."""

    def parent(numbers, ctx):
        ids = [ctx.start(child, n, key=n) for n in numbers]
        return [ctx.wait_for_run(each).result for each in ids]

    return of(name, parent)


def test_a_step_fans_out_over_runs_and_holds_no_worker():
    run = fan_out("parent-fan", of("child-fan", double)).create_run()
    run.start([1, 2, 3], wait=False)
    assert over(run).result == [2, 4, 6]
    assert Run.objects.filter(workflow_id="child-fan").count() == 3


def test_a_suspended_child_does_not_wake_its_parent():
    child = of("child-asks", asks)
    run = fan_out("parent-asks", child).create_run()
    assert run.start(["?"]).status == "suspended"
    until(lambda: Run.objects.filter(workflow_id="child-asks", status="suspended").exists())
    assert run.refresh().status == "suspended"
    assert StepSnapshot.objects.filter(run=run.pk, awaits="run").exists()
    asked = child.get_run(Run.objects.get(workflow_id="child-asks").run_id)
    asked.resume("yes")
    assert over(run).result == ["yes"]


def waits_for(name):
    """Return a workflow that waits for the run whose id is its input."""

    def waiting(run_id, ctx):
        found = ctx.wait_for_run(run_id)
        return [found.status, found.result, found.error and found.error.type, found.run_id]

    return of(name, waiting)


def test_it_waits_for_any_run_and_gets_failed_and_canceled_ones_too():
    other = of("awaited", asks)
    flow = waits_for("waits-any")
    awaited = [other.create_run() for _ in range(3)]
    runs = []
    for each in awaited:
        each.start("?")
        runs.append(flow.create_run())
        assert runs[-1].start(each.run_id).status == "suspended"
    awaited[0].resume(1)
    awaited[1].cancel()
    assert over(runs[0]).result == ["success", 1, None, awaited[0].run_id]
    assert over(runs[1]).result == ["canceled", None, None, awaited[1].run_id]
    assert runs[2].refresh().status == "suspended"
    failing = of("awaited-fails", lambda data: data["missing"]).create_run()
    failing.start({})
    assert flow.create_run().start(failing.run_id).result[:3] == ["failed", None, "KeyError"]


def test_two_runs_wait_for_one_and_the_result_has_its_steps():
    awaited = of("awaited-by-two", asks).create_run()
    awaited.start("?")

    def waiting(run_id, ctx):
        return ctx.wait_for_run(run_id).steps["only"].resume_payload

    flow = of("waits-two", waiting)
    runs = [flow.create_run() for _ in range(2)]
    for run in runs:
        run.start(awaited.run_id)
    awaited.resume("x")
    assert [over(run).result for run in runs] == ["x", "x"]


def test_the_result_is_kept_with_the_activation():
    awaited = of("awaited-kept", double).create_run()
    awaited.start(1)

    def waiting(run_id, ctx):
        found = ctx.wait_for_run(run_id)
        if ctx.resume_data is None:
            ctx.suspend(found.result)
        return found.result

    run = of("waits-kept", waiting).create_run()
    run.start(awaited.run_id)
    awaited.time_travel("only", input_data=5)
    assert run.resume(0).result == 2


def test_a_run_that_is_not_there_or_oneself_is_refused():
    flow = waits_for("waits-refused")
    assert flow.create_run().start("nobody").error.type == "RunNotFound"
    own = of("waits-itself", lambda data, ctx: ctx.wait_for_run(ctx.run_id)).create_run()
    assert own.start(None).error.type == "InvalidInput"


def test_the_end_of_a_deleted_run_is_that_there_is_none():
    awaited = of("awaited-deleted", asks).create_run()
    awaited.start("?")
    run = waits_for("waits-deleted").create_run()
    run.start(awaited.run_id)
    awaited.delete()
    assert over(run).error.type == "RunNotFound"


def test_nobody_answers_for_another_run():
    awaited = of("awaited-alone", asks).create_run()
    awaited.start("?")
    run = waits_for("waits-alone").create_run()
    run.start(awaited.run_id)
    with pytest.raises(errors.StepNotSuspended):
        run.resume({"status": "success"})


def tied(name, *, is_tied):
    """Return a workflow that starts a run that asks, and asks itself."""
    child = of(f"{name}-child", asks)

    def parent(data, ctx):
        ctx.start(child, "?", cancel_with_parent=is_tied)
        ctx.suspend("?")

    return of(name, parent)


@pytest.mark.parametrize("is_tied", [True, False])
def test_a_run_is_canceled_with_its_parent_only_if_it_is_tied(is_tied):
    name = f"tied-{is_tied}"
    run = tied(name, is_tied=is_tied).create_run()
    run.start(None)
    child = Run.objects.get(workflow_id=f"{name}-child")
    until(lambda: Run.objects.get(pk=child.pk).status == "suspended")
    run.cancel(actor="ana")
    until(
        lambda: run.refresh().status == "canceled" and not Run.objects.get(pk=run.pk).hooks_pending
    )
    child.refresh_from_db()
    assert child.status == ("canceled" if is_tied else "suspended")
    assert child.canceled_by == ("ana" if is_tied else "")


def test_a_run_that_nobody_waits_for_ends_without_a_hook():
    run = of("not-awaited", double).create_run()
    assert run.start(1).status == "success"
    assert not StepSnapshot.objects.filter(kind="hook").exists()


def test_children_that_end_while_their_parents_begin_to_wait_wake_all_of_them():
    child = of("child-race", double)
    flow = fan_out("parent-race", child)
    runs = [flow.create_run() for _ in range(6)]
    failures = []

    def act(run):
        try:
            run.start([1, 2, 3], wait=False)
        except Exception as error:  # noqa: BLE001 - shown by the assertion
            failures.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=act, args=(run,)) for run in runs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert [over(run).result for run in runs] == [[2, 4, 6]] * 6


def test_the_shortcut_does_not_end_a_run_that_is_awaited():
    def slow(data):
        time.sleep(0.3)
        return data

    awaited = Workflow("awaited-slow").then(step(slow)).then(step(double)).commit().create_run()
    awaited.start(3, wait=False)
    run = waits_for("waits-slow").create_run()
    run.start(awaited.run_id, wait=False)
    assert over(run).result[:2] == ["success", 6]


def test_a_run_started_in_a_transaction_may_be_awaited_there():
    awaited = of("awaited-open", double).create_run()
    with transaction.atomic():
        awaited.start(2, wait=False)
    run = waits_for("waits-open").create_run()
    run.start(awaited.run_id, wait=False)
    assert over(run).result[1] == 4
    assert clock.now() - run.created_at < timedelta(minutes=1)


def test_an_async_step_uses_the_async_twins():
    child = of("child-async", double)

    async def parent(data, ctx):
        run_id = await ctx.astart(child, 3)
        found = await ctx.await_for_run(run_id)
        url = await ctx.acallback_url()
        return [found.result, await ctx.await_for_event("async", 1), "/callbacks/" in url]

    run = of("parent-async", parent).create_run()
    run.start(None, wait=False)
    until(lambda: StepSnapshot.objects.filter(run=run.pk, awaits="event").exists())
    until(lambda: run.refresh().status == "suspended")
    emit("async", 1, "x")
    assert over(run).result == [6, "x", True]


def test_a_blocking_wait_in_an_async_step_names_its_twin():
    async def parent(data, ctx):
        ctx.wait_for_event("async", 2)

    result = of("parent-blocking", parent).create_run().start(None)
    assert "await_for_event()" in result.error.message
