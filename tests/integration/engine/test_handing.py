"""A waiting caller works on its run in its own thread; otherwise an idle thread does."""

import threading
import time
from typing import Any

import pytest
from django.db import connection, transaction

from worker import process
from workflows_app import StepContext, Workflow, errors, step
from workflows_app.engine.verbs import waiting

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("embedded")]


def here(_: Any) -> str:
    """Return the name of the thread that runs the step."""
    return threading.current_thread().name


@pytest.fixture
def flow() -> Workflow:
    """Two steps that say where they ran."""
    return Workflow("where").then(step(here, id="a")).then(step(here, id="b")).commit()


def threads_of(result: Any) -> set[str]:
    """Return the names of the threads that ran the steps of a result."""
    return {each.output for each in result.steps.values()}


def all_are_idle() -> bool:
    """Return whether every thread is idle again, within two seconds."""
    until = time.monotonic() + 2
    while process.here.capacity.busy and time.monotonic() < until:
        time.sleep(0.01)
    return process.here.capacity.busy == 0


def test_a_caller_that_waits_works_itself(flow):
    flow.create_run().start()  # starts the threads
    result = flow.create_run().start()
    assert threads_of(result) == {threading.current_thread().name}
    assert all_are_idle()


def test_a_caller_that_does_not_wait_or_not_for_ever_leaves_it_to_a_thread(flow):
    mine = threading.current_thread().name
    assert mine not in threads_of(flow.create_run().start(timeout=20))
    run = flow.create_run()
    run.start(wait=False)
    waiting.wait(run.pk, 20)
    assert mine not in threads_of(run.result())


def test_a_step_that_waits_for_another_run_does_not_work_on_it_itself(flow):
    def start_another(_: Any) -> list[str]:
        return sorted(threads_of(flow.create_run().start()))

    outer = Workflow("outer").then(step(here, id="here")).then(step(start_another)).commit()
    result = outer.create_run().start()
    assert result.steps["here"].output not in result.result


def test_a_caller_answers_and_works_on():
    def ask(_: Any, ctx: StepContext) -> str:
        return here(None) if ctx.resume_data else ctx.suspend()

    run = Workflow("asks").then(step(ask)).commit().create_run()
    run.start()
    assert run.resume("yes").result == threading.current_thread().name


def test_an_interrupt_from_the_keyboard_reaches_the_caller_and_frees_the_step():
    tried = []

    def interrupted(_: Any) -> str:
        tried.append(here(None))
        if len(tried) == 1:
            raise KeyboardInterrupt
        return "done"

    run = Workflow("interrupted").then(step(interrupted)).commit().create_run()
    with pytest.raises(KeyboardInterrupt):
        run.start()
    waiting.wait(run.pk, 20)
    assert run.result().result == "done"
    assert tried[1] != tried[0] == threading.current_thread().name
    assert all_are_idle()


def test_a_step_that_exits_does_not_end_the_caller():
    tried = []

    def exits(_: Any) -> str:
        tried.append(here(None))
        if len(tried) == 1:
            raise SystemExit(1)
        return "done"

    result = Workflow("exits").then(step(exits)).commit().create_run().start()
    assert (result.result, len(tried)) == ("done", 2)


def test_a_run_that_is_hinted_at_while_all_threads_work_is_not_forgotten():
    gate = threading.Event()
    waits = Workflow("waits").then(step(lambda _: gate.wait(20), id="wait")).commit()
    process.start()
    held = [waits.create_run() for _ in range(process.here.capacity.threads)]
    for run in held:
        run.start(wait=False)
    late = waits.create_run()
    late.start(wait=False)
    gate.set()
    for run in (*held, late):
        waiting.wait(run.pk, 5)
        assert run.result().status == "success"


def test_a_verb_inside_a_transaction_hands_nothing_over(flow):
    with transaction.atomic():
        run = flow.create_run()
        with pytest.raises(errors.WaitInsideTransaction):
            run.start()
        run.start(wait=False)
        assert not connection.needs_rollback
    waiting.wait(run.pk, 20)
    assert threading.current_thread().name not in threads_of(run.result())
