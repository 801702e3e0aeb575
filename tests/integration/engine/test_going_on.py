"""Runs that continue under code with other entries after the current step, which are free to
change.
"""

from datetime import timedelta

import pytest

from tests.integration.engine.test_versions import ask, deployed, flow, named
from worker import process
from workflows_app import StepContext, Workflow, errors, step
from workflows_app.engine.host import clock, ports, workers
from workflows_app.engine.work.claim import claim
from workflows_app.engine.work.turn import work
from workflows_app.models import StepSnapshot

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("execution")]


def failing_once(name):
    """Return a step that fails at its first attempt, and is retried a moment later."""

    def fail(data, ctx: StepContext):
        if ctx.retry_count == 0:
            raise ValueError
        return [*data, name]

    return step(fail, id=name, retries=1, retry_delay=0.01)


def later(workflow, *adds):
    """Return other code for the same workflow; each of `adds` adds its entries."""
    made = Workflow(f"{workflow.id}-next")
    for add in adds:
        add(made)
    made.commit()
    made.id = workflow.id
    for cached in ("_written", "version_hash"):
        made.__dict__.pop(cached, None)
    return made


def then(*parts):
    """Return a function that adds these steps one after another."""

    def add(workflow):
        for part in parts:
            workflow.then(part)

    return add


def suspended(workflow):
    """Return a run that waits for an answer."""
    run = workflow.create_run()
    assert run.start([]).status == "suspended"
    return run


INNER = flow("going-on-inner", named("in"), failing_once("inner-retry")).commit()
BEFORE = then(named("a"), ask)
BOTH = {"new": ["a", "yes", "new"], "other": ["a", "yes", "other"]}

MORE = {
    "parallel": (lambda w: w.parallel([named("new"), named("other")]), BOTH),
    "a parallel with a retry": (
        lambda w: w.parallel([failing_once("new"), named("other")]),
        BOTH,
    ),
    "a step with a retry": (then(failing_once("new")), ["a", "yes", "new"]),
    "a sleep": (lambda w: w.sleep(0.01).then(named("new")), ["a", "yes", "new"]),
    "a sleep by function": (
        lambda w: w.sleep(lambda: 0.01).then(named("new")),
        ["a", "yes", "new"],
    ),
    "a foreach": (
        lambda w: w.foreach(step(lambda item: item.upper(), id="each"), concurrency=2),
        ["A", "YES"],
    ),
    "a foreach with retries": (
        lambda w: w.foreach(failing_once("each"), concurrency=2),
        [["a", "each"], ["y", "e", "s", "each"]],
    ),
    "a loop": (
        lambda w: w.do_until(failing_once("round"), lambda data: len(data) > 3),
        ["a", "yes", "round", "round"],
    ),
    "a nested workflow": (then(INNER), ["a", "yes", "in", "inner-retry"]),
    "a branch": (
        lambda w: w.branch([(lambda: True, failing_once("new")), (lambda: True, named("other"))]),
        BOTH,
    ),
    "a map": (lambda w: w.map(len), 2),
    "a step between": (then(failing_once("new"), failing_once("z")), ["a", "yes", "new", "z"]),
    "one step fewer": (then(failing_once("y")), ["a", "yes", "y"]),
    "nothing more": (then(), ["a", "yes"]),
}


@pytest.mark.parametrize("kind", MORE)
def test_a_run_goes_on_under_code_that_has_other_entries_after_the_step_at_hand(kind):
    more, result = MORE[kind]
    old = flow("goes-on", named("a"), ask, named("z"), named("y")).commit()
    run = suspended(old)
    with deployed(later(old, BEFORE, more)) as new:
        got = new.get_run(run.run_id).resume("yes", timeout=30)
    assert (got.status, got.result) == ("success", result)


@pytest.mark.parametrize("kind", [kind for kind in MORE if kind != "nothing more"])
def test_a_step_of_newer_code_is_taken_by_any_thread_and_kept_from_older_code(kind):
    """As after a restart of the process, each step is claimed by itself."""
    more, result = MORE[kind]
    old = flow("by-itself", named("a"), ask, named("z"), named("y")).commit()
    run = suspended(old)
    with deployed(later(old, BEFORE, more)) as new:
        with ports.holding_back():
            new.get_run(run.run_id).resume("yes", wait=False)
        while steps := StepSnapshot.objects.filter(run=run.pk, status__in=("queued", "waiting")):
            for each in steps:
                at = max(clock.now(), each.wake_at or clock.now()) + timedelta(seconds=1)
                with ports.holding_back():
                    held = claim(each.pk, worker=workers.mine(), now=at)
                    if held is not None:
                        work(held, is_stopping=lambda: True)
        got = new.get_run(run.run_id).result()
    assert (got.status, got.result) == ("success", result)


def test_a_worker_with_the_older_code_leaves_a_step_of_newer_code_to_others():
    old = flow("rolled-back", named("a"), ask, named("z"), named("y")).commit()
    run = suspended(old)
    with deployed(later(old, BEFORE, then(named("new"), named("z")))) as new, ports.holding_back():
        new.get_run(run.run_id).resume("yes", wait=False)
        asked = StepSnapshot.objects.get(run=run.pk, path="ask")
        work(claim(asked.pk, worker=workers.mine(), now=clock.now()), is_stopping=lambda: True)
        added = StepSnapshot.objects.get(run=run.pk, path="new")
        work(claim(added.pk, worker=workers.mine(), now=clock.now()), is_stopping=lambda: True)
    last = StepSnapshot.objects.get(run=run.pk, path="z")
    now = clock.now()
    assert claim(last.pk, worker=workers.mine(), now=now) is None, "the older code has z elsewhere"
    last.refresh_from_db()
    assert last.unknown_since is not None
    with deployed(new):
        held = claim(last.pk, worker=workers.mine(), now=now + timedelta(seconds=60))
        work(held)
        assert new.get_run(run.run_id).result().result == ["a", "yes", "new", "z"]


def failing(name, broken):
    """Return a step that fails while `broken` holds anything."""

    def fail(data):
        if broken:
            raise ValueError
        return [*data, name]

    return step(fail, id=name)


def test_retry_and_time_travel_go_on_with_a_run_that_went_over_to_newer_code():
    broken = [True]
    old = flow("went-over", named("a"), ask, named("z")).commit()
    run = suspended(old)
    newer = later(old, BEFORE, lambda w: w.parallel([failing("new", broken), named("other")]))
    with deployed(newer) as new:
        again = new.get_run(run.run_id)
        assert again.resume("yes", timeout=30).status == "failed"
        broken.clear()
        assert again.retry(timeout=30).result == BOTH
        assert again.time_travel("new", timeout=30).result == BOTH
        assert again.time_travel("a", input_data=[], timeout=30).status == "suspended"
        assert again.resume("no", timeout=30).result["new"] == ["a", "no", "new"]
        assert again.fork("other", timeout=30).result().result["other"] == ["a", "no", "other"]
    with pytest.raises(errors.DefinitionChanged):
        run.time_travel("z")


def test_a_question_restart_and_proceed_work_in_steps_that_the_first_version_lacks():
    old = flow("asks-later", named("a"), ask, named("z")).commit()
    run = suspended(old)
    asks_again = ask.clone(id="ask-again")
    newer = later(old, BEFORE, then(asks_again, named("b"), named("c")))
    with deployed(newer) as new:
        again = new.get_run(run.run_id)
        assert again.resume("yes", timeout=30).suspended == [["ask-again"]]
        assert again.resume("yes", per_step=True, timeout=30).status == "paused"
        assert again.proceed(timeout=30).status == "paused"
        with process.here.sweep.turn:  # or the sweep may take the step before the restart does
            with ports.holding_back():
                again.proceed(wait=False)
            assert again.restart(timeout=30).result == ["a", "yes", "yes", "b", "c"]


@pytest.mark.parametrize("inside", ["nested", "foreach", "loop", "parallel", "branch"])
def test_what_follows_the_step_at_hand_inside_its_container_is_free_too(inside):
    def wrap(workflow, part):
        match inside:
            case "nested":
                workflow.then(part)
            case "foreach":
                workflow.map(lambda data: [data, data]).foreach(part, concurrency=2)
            case "loop":
                workflow.do_until(part, lambda _: True)
            case "parallel":
                workflow.parallel([part, named("beside")])
            case "branch":
                workflow.branch([(lambda: True, part)])
        return workflow

    def inner(*parts):
        return flow("asks-inside", *parts).commit()

    old = wrap(Workflow("holds-it"), inner(named("a"), ask, named("z"))).commit()
    run = suspended(old)
    newer = later(
        old, lambda w: wrap(w, inner(named("a"), ask, failing_once("new"), failing_once("z")))
    )
    with deployed(newer) as new:
        result = new.get_run(run.run_id).resume("yes", timeout=30)
    whole = ["a", "yes", "new", "z"]
    wanted = {
        "nested": whole,
        "foreach": [whole, whole],
        "loop": whole,
        "parallel": {"asks-inside": whole, "beside": ["beside"]},
        "branch": {"asks-inside": whole},
    }
    assert (result.status, result.result) == ("success", wanted[inside])
