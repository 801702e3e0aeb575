"""Steps that start other runs and wait for them, with fewer threads than steps that wait."""

import asyncio
import contextvars
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection

from tests.integration.engine.test_rules import until
from worker import lending, process
from workflows_app import Workflow, errors, get_workflow, step

pytestmark = pytest.mark.django_db(transaction=True)

PARENTS = 100


@pytest.fixture
def two_threads(embedded):
    """Run steps in two threads of this process."""
    process.stop()
    process.start(threads=2)
    yield
    process.stop()


def child(name, *steps):
    """Return a committed workflow of these steps, or of one that adds 1."""
    made = Workflow(name)
    for each in steps or (step(lambda data: data + 1, id="add"),):
        made = made.then(each)
    return made.commit()


def parent(name, fn, **options):
    return Workflow(name).then(step(fn, id="wait", **options)).commit()


def settled(runs, seconds=120.0):
    until(lambda: all(run.refresh().status not in ("pending", "running") for run in runs), seconds)
    return [run.result() for run in runs]


def started(flow, number):
    runs = [flow.create_run() for _ in range(number)]
    for index, run in enumerate(runs):
        run.start(index, wait=False)
    return runs


def lent():
    return [t for t in threading.enumerate() if t.name == "signalbox-run-lent"]


def nobody_is_lent():
    """Return whether all lent threads have ended."""
    until(lambda: not lent(), 20)
    taken = [process.here.lent._left.acquire(blocking=False) for _ in range(lending.MOST)]
    for _ in taken:
        process.here.lent._left.release()
    return all(taken)


@pytest.mark.usefixtures("two_threads")
def test_a_hundred_steps_that_wait_for_a_run_each_end_over_two_threads():
    adds = child("wait-child")
    flow = parent("wait-parents", lambda data: adds.create_run().start(data).result)
    results = settled(started(flow, PARENTS))
    assert [result.result for result in results] == [index + 1 for index in range(PARENTS)]
    assert nobody_is_lent()


@pytest.mark.usefixtures("two_threads")
def test_runs_that_wait_for_runs_that_wait_for_runs_end_over_two_threads():
    adds = child("deep-3", step(lambda data: data + 1, id="a"), step(lambda data: data + 1, id="b"))
    third = parent("deep-2", lambda data: adds.create_run().start(data).result)
    second = parent("deep-1", lambda data: third.create_run().start(data).result)
    first = parent("deep-0", lambda data: second.create_run().start(data).result)
    results = settled(started(first, 10))
    assert [result.result for result in results] == [index + 2 for index in range(10)]
    assert nobody_is_lent()


@pytest.mark.usefixtures("two_threads")
def test_async_steps_that_wait_end_over_two_threads():
    adds = child("async-child")

    async def both(data):
        runs = [await adds.acreate_run() for _ in range(3)]
        results = await asyncio.gather(*(run.astart(data) for run in runs))
        return [result.result for result in results]

    flow = parent("async-parents", both)
    results = settled(started(flow, 10))
    assert [result.result for result in results] == [[i + 1] * 3 for i in range(10)]
    assert nobody_is_lent()


def waits_by(verb, flow):
    """Return a function that waits for a run by this verb."""

    def suspended(data):
        run = flow.create_run()
        assert run.start(data).status == "suspended"
        return run

    ways = {
        "resume": lambda data: suspended(data).resume(1).result,
        "stream": lambda data: _streamed(flow, data),
        "resume_stream": lambda data: _resumed_stream(suspended(data)),
        "rerun": lambda data: suspended(data).rerun(data).status,
        "cancel": lambda data: suspended(data).cancel(wait=True)["message"],
        "time_travel": lambda data: suspended(data).time_travel("ask", input_data=data).status,
    }
    return ways[verb]


def _streamed(flow, data):
    run = flow.create_run()
    return [event.type for event in run.stream(data)][-1]


def _resumed_stream(run):
    return [event.type for event in run.resume_stream(1)][-1]


EXPECTED = {
    "resume": 1,
    "stream": "workflow-finish",
    "resume_stream": "workflow-finish",
    "rerun": "suspended",
    "cancel": "Workflow run canceled",
    "time_travel": "suspended",
}


@pytest.mark.usefixtures("two_threads")
@pytest.mark.parametrize("verb", EXPECTED)
def test_every_verb_that_waits_may_be_called_by_more_steps_than_there_are_threads(verb):
    def ask(data, ctx):
        if ctx.resume_data is None:
            ctx.suspend("?")
        return ctx.resume_data

    asks = child(f"verb-{verb}-child", step(ask))
    flow = parent(f"verb-{verb}-parents", waits_by(verb, asks))
    results = settled(started(flow, 6))
    assert [(r.status, r.result) for r in results] == [("success", EXPECTED[verb])] * 6
    assert nobody_is_lent()


@pytest.mark.usefixtures("two_threads")
def test_a_step_whose_time_is_up_while_it_waits_gives_the_lent_thread_back():
    go = threading.Event()
    slow = child("timeout-child", step(lambda data, ctx: go.wait(30), id="slow"))
    flow = parent("timeout-parents", lambda data: slow.create_run().start(data).result, timeout=0.5)
    results = settled(started(flow, 4))
    assert {result.error.type for result in results} == {"StepTimeout"}
    go.set()
    until(lambda: not slow.list_active_runs(), 20)
    assert nobody_is_lent()


@pytest.mark.usefixtures("two_threads")
def test_a_verb_that_gives_up_waiting_inside_a_step_gives_the_lent_thread_back():
    go = threading.Event()
    slow = child("gives-up-child", step(lambda data, ctx: go.wait(30), id="slow"))

    def waits(data):
        try:
            slow.create_run().start(data, timeout=0.3)
        except errors.WaitTimeout:
            return "gave up"

    results = settled(started(parent("gives-up-parents", waits), 4))
    assert [result.result for result in results] == ["gave up"] * 4
    go.set()
    until(lambda: not slow.list_active_runs(), 20)
    assert nobody_is_lent()


@pytest.mark.usefixtures("two_threads")
def test_a_workflow_that_starts_itself_for_ever_is_refused_and_the_pool_goes_on():
    def again(data):
        return get_workflow("endless").create_run().start(data + 1).status

    flow = parent("endless", again)
    (result,) = settled(started(flow, 1))
    assert result.result == "success"  # that of the run it started; the deepest was refused
    (deepest,) = flow.list_runs(status="failed")
    assert deepest.result().error.type == "WaitTooDeep"
    assert "wait=False" in deepest.result().error.message
    assert len(flow.list_runs(status="pending")) == 1  # the one that was refused was not begun
    assert nobody_is_lent()


@pytest.mark.usefixtures("two_threads")
def test_hooks_that_wait_for_a_run_do_not_hold_the_pool_up():
    adds = child("hook-child")
    waited = []

    def on_finish(info):
        waited.append(adds.create_run().start(1).result)

    flow = Workflow("hook-parents", on_finish=on_finish).then(step(lambda d: d, id="only")).commit()
    started(flow, 6)
    until(lambda: waited == [2] * 6, 60)


def test_an_inline_step_that_waits_runs_the_other_run_itself(settings):
    settings.WORKFLOWS = {"EXECUTION": "inline"}
    adds = child("inline-child")
    deep = parent("inline-middle", lambda data: adds.create_run().start(data).result)
    flow = parent("inline-parents", lambda data: deep.create_run().start(data).result, timeout=30)
    assert flow.create_run().start(1).result == 2


def test_the_time_of_an_inline_step_is_up_once_the_run_it_waits_for_has_settled(settings):
    settings.WORKFLOWS = {"EXECUTION": "inline"}
    slow = child("inline-slow", step(lambda data: time.sleep(0.4), id="slow"))
    flow = parent(
        "inline-late", lambda data: slow.create_run("inline-slow-1").start(data), timeout=0.1
    )
    result = flow.create_run().start(1)
    assert (result.status, result.error.type) == ("failed", "StepTimeout")
    assert slow.get_run("inline-slow-1").status == "success"


@pytest.mark.usefixtures("two_threads")
def test_threads_of_a_step_that_wait_in_its_context_do_not_hold_the_pool_up():
    adds = child("own-threads-child")

    def one(data):
        try:
            return adds.create_run().start(data).result
        finally:
            connection.close()

    def several(data):
        with ThreadPoolExecutor(3) as pool:
            futures = [pool.submit(contextvars.copy_context().run, one, data + n) for n in range(3)]
            return [future.result() for future in futures]

    results = settled(started(parent("own-threads-parents", several), 4))
    assert [result.result for result in results] == [[n + 1, n + 2, n + 3] for n in range(4)]
    assert nobody_is_lent()
