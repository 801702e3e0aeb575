"""Runs that continue under changed code: what counts as a change, what verbs and workers do."""

import uuid
from contextlib import contextmanager
from datetime import timedelta

import pytest

from worker import process
from workflows_app import StepContext, Workflow, errors, step
from workflows_app.definition import registry
from workflows_app.engine.host import clock, ports, workers
from workflows_app.engine.work import recover
from workflows_app.engine.work.claim import claim
from workflows_app.engine.work.turn import work
from workflows_app.models import Action, StepSnapshot

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("execution")]


def named(name, **options):
    """Return a step that adds its name."""
    return step(lambda data: [*data, name], id=name, **options)


@step
def ask(data, ctx: StepContext):
    """Ask once."""
    if ctx.resume_data is None:
        ctx.suspend()
    return [*data, ctx.resume_data]


@contextmanager
def deployed(workflow):
    """Let this process have other code for a workflow's id for a while."""
    before = registry.get(workflow.id)
    registry.register(workflow)
    try:
        yield workflow
    finally:
        registry.register(before)


def flow(name, *parts, **options):
    """Return an uncommitted workflow of these steps."""
    made = Workflow(name, **options)
    for part in parts:
        made.then(part)
    return made


def newer(workflow, *parts, **options):
    """Return other code for the same workflow, as a deploy would bring it."""
    made = flow(f"{workflow.id}-next", *parts, **options).commit()
    made.id = workflow.id
    for cached in ("_written", "version_hash"):
        made.__dict__.pop(cached, None)
    return made


def suspended(workflow):
    """Return a run that waits for an answer."""
    run = workflow.create_run()
    assert run.start([]).status == "suspended"
    return run


def test_a_change_after_the_step_or_of_its_description_does_not_count():
    old = flow("later", named("a"), ask, named("b")).commit()
    run = suspended(old)
    calm = named("a", description="new words", retries=3, timeout=5)
    with deployed(newer(old, calm, ask, named("c"))) as new:
        result = new.get_run(run.run_id).resume("yes")
    assert (result.status, result.result) == ("success", ["a", "yes", "c"])


@pytest.mark.parametrize(
    ("parts", "word"),
    [
        ((named("other"), ask, named("b")), "'other'"),
        ((ask, named("a"), named("b")), "where 'a'"),
        ((named("a"),), "is gone"),
    ],
)
def test_a_change_before_the_step_refuses_every_verb(parts, word):
    old = flow("before", named("a"), ask, named("b")).commit()
    run = suspended(old)
    with deployed(newer(old, *parts)) as new:
        again = new.get_run(run.run_id)
        with pytest.raises(errors.DefinitionChanged, match=word):
            again.resume("yes")
    assert run.refresh().status == "suspended"
    assert run.resume("yes").result == ["a", "yes", "b"]


def test_refuse_counts_every_change_of_the_graph():
    old = flow("strict", ask, named("b"), on_version_change="refuse").commit()
    run = suspended(old)
    changed = newer(old, ask, named("b"), named("c"), on_version_change="refuse")
    with deployed(changed) as new, pytest.raises(errors.DefinitionChanged, match=r"'c' .* is new"):
        new.get_run(run.run_id).resume("yes")
    assert run.resume("yes").status == "success"


def test_retry_proceed_and_time_travel_are_refused_too():
    broken = [True]

    def fail(data):
        if broken[0]:
            raise ValueError
        return data

    failing = step(fail, id="fail")
    old = flow("refused", named("a"), failing).commit()
    run = old.create_run()
    run.start([])
    paused = old.create_run()
    paused.start([], per_step=True)
    with deployed(newer(old, named("z"), failing)) as new:
        with pytest.raises(errors.DefinitionChanged):
            new.get_run(run.run_id).retry()
        with pytest.raises(errors.DefinitionChanged):
            new.get_run(paused.run_id).proceed()
        with pytest.raises(errors.DefinitionChanged):
            new.get_run(run.run_id).time_travel("fail")
        assert new.get_run(run.run_id).rerun([]).result().steps["z"].status == "success"
    broken[0] = False
    assert run.retry().result == ["a"]


def queued_step(workflow):
    """Return the first step of a run that nobody takes by itself."""
    run = workflow.create_run()
    with ports.holding_back():
        run.start([], wait=False)
    return run, StepSnapshot.objects.get(run=run.pk, path="a")


def test_a_worker_with_other_code_hands_the_step_back_and_the_right_one_takes_it():
    old = flow("handed", named("a"), named("b")).commit()
    run, queued = queued_step(old)
    now = clock.now()
    with deployed(newer(old, named("x"), named("a"))):
        assert claim(queued.pk, worker=workers.mine(), now=now) is None
    queued.refresh_from_db()
    assert (queued.status, queued.token) == ("queued", 0)
    assert queued.unknown_since is not None
    first = queued.wake_at - queued.unknown_since
    with deployed(newer(old, named("x"), named("a"))):
        later = now + timedelta(seconds=20)
        assert claim(queued.pk, worker=workers.mine(), now=later) is None
    queued.refresh_from_db()
    assert queued.wake_at - later > first, "the delay grows"
    held = claim(queued.pk, worker=workers.mine(), now=now + timedelta(seconds=60))
    work(held)
    assert run.result().result == ["a", "b"]


def test_after_the_grace_the_step_fails_and_retry_works_after_a_fix():
    old = flow("graceless", named("a"), named("b")).commit()
    run, queued = queued_step(old)
    now = clock.now()
    with deployed(newer(old, named("x"))):
        claim(queued.pk, worker=workers.mine(), now=now)
        claim(queued.pk, worker=workers.mine(), now=now + timedelta(seconds=700))
    result = run.result()
    assert (result.status, result.error.type) == ("failed", "DefinitionChanged")
    assert run.refresh().retry().result == ["a", "b"]


def test_a_workflow_that_is_not_known_at_all_is_left_to_others_and_can_be_canceled(monkeypatch):
    old = flow("unknown", named("a"), named("b")).commit()
    run, queued = queued_step(old)
    now = clock.now()
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr("workflows_app.definition.registry.find", lambda _id: None)
        assert claim(queued.pk, worker=workers.mine(), now=now) is None
        late = now + timedelta(seconds=700)
        assert claim(queued.pk, worker=workers.mine(), now=late) is None
    assert run.result().error.type == "DefinitionChanged"
    other, _ = queued_step(old)
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr("workflows_app.definition.registry.find", lambda _id: None)
        other.cancel()
    assert other.status == "canceled"


def test_a_run_begins_under_the_code_it_is_started_with_not_created_with():
    old = flow("pending", named("a"), named("b")).commit()
    run = old.create_run()
    with deployed(newer(old, named("x"), named("a"))) as new:
        assert new.get_run(run.run_id).start([], timeout=20).result == ["x", "a"]
    other = old.create_run()
    with deployed(newer(old, named("x"), named("a"))) as new:
        assert new.get_run(other.run_id).time_travel("a", input_data=[]).result == ["a"]


def test_a_lost_run_of_a_workflow_without_auto_restart_waits_for_a_person():
    waits = flow("by-hand", named("a"), named("b"), auto_restart=False).commit()
    run, queued = queued_step(waits)
    claim(queued.pk, worker=uuid.uuid4(), now=clock.now())
    assert recover.recover(clock.now()) == 0
    assert waits.restart_all_active_runs() == []
    assert run.restart(timeout=20).result == ["a", "b"]

    willing = flow("by-itself", named("a"), named("b")).commit()
    with process.here.sweep.turn:  # or the sweep hints at the step, or frees it
        run, queued = queued_step(willing)
        with ports.holding_back():
            while claim(queued.pk, worker=uuid.uuid4(), now=clock.now()) is None:
                run, queued = queued_step(willing)  # a thread that was just done took it
            restarted = willing.restart_all_active_runs(actor="ana", door="client")
    assert restarted == [run.run_id]
    row = Action.objects.get(public_run_id=run.run_id)
    assert (row.verb, row.actor_name, row.door) == ("restart", "ana", "client")
    queued.refresh_from_db()
    assert (queued.status, queued.lost_count) == ("queued", 1)


def sleeping(workflow):
    """Return a run that sleeps, and the row of its sleep."""
    run = workflow.create_run()
    with ports.holding_back():
        run.start([], wait=False)
        if first := StepSnapshot.objects.filter(run=run.pk, status="queued").first():
            work(claim(first.pk, worker=workers.mine(), now=clock.now()))
    return run, StepSnapshot.objects.get(run=run.pk, status="waiting")


def unknown(monkeypatch):
    """Let this process know no workflow at all while the context lasts."""
    monkeypatch.setattr("workflows_app.definition.registry.find", lambda _id: None)


SLEEPS = {
    "constant": lambda: Workflow("dozes").sleep(30).then(named("b")),
    "by function": lambda: Workflow("dozes").sleep(lambda: 30).then(named("b")),
    "until": lambda: Workflow("dozes").sleep_until(
        lambda: clock.now() + timedelta(seconds=30)
    ).then(named("b")),
    "in a parallel": lambda: Workflow("dozes").parallel(
        [Workflow("dozes-inside").sleep(30).then(named("b")).commit()]
    ).map(lambda both: both["dozes-inside"]),
}  # fmt: skip


@pytest.mark.parametrize("kind", SLEEPS)
@pytest.mark.parametrize("lacks", ["workflow", "version"])
def test_a_due_sleep_that_no_worker_knows_fails_after_the_grace(kind, lacks, monkeypatch):
    old = SLEEPS[kind]().commit()
    run, sleep = sleeping(old)
    due = sleep.wake_at + timedelta(seconds=1)
    delays = []
    with deployed(newer(old, named("x"))), monkeypatch.context() as elsewhere:
        if lacks == "workflow":
            unknown(elsewhere)
        for seconds in (0, 10, 700):
            now = due + timedelta(seconds=seconds)
            assert claim(sleep.pk, worker=workers.mine(), now=now) is None
            sleep.refresh_from_db()
            delays.append(sleep.wake_at and sleep.wake_at - now)
    assert delays[0] < delays[1], "the delay grows"
    result = run.result()
    assert (result.status, result.error.type) == ("failed", "DefinitionChanged")
    with ports.holding_back():
        assert run.refresh().retry(wait=False).status in {"waiting", "running"}


@pytest.mark.parametrize("kind", SLEEPS)
def test_a_due_sleep_goes_on_when_its_code_comes_back_before_the_grace(kind, monkeypatch):
    old = SLEEPS[kind]().commit()
    run, sleep = sleeping(old)
    due = sleep.wake_at + timedelta(seconds=1)
    with monkeypatch.context() as elsewhere:
        unknown(elsewhere)
        assert claim(sleep.pk, worker=workers.mine(), now=due) is None
    held = claim(sleep.pk, worker=workers.mine(), now=due + timedelta(seconds=60))
    work(held)
    assert run.result().result == ["b"]


def test_a_retry_that_waits_and_an_item_that_no_worker_knows_fail_after_the_grace(monkeypatch):
    def fail(_item):
        raise ValueError

    old = Workflow("retries-later").foreach(step(fail, retries=1, retry_delay=30)).commit()
    run = old.create_run()
    with ports.holding_back():
        run.start([1, 2], wait=False)
        listed = StepSnapshot.objects.get(run=run.pk, status="queued")
        work(claim(listed.pk, worker=workers.mine(), now=clock.now()))
    waits = StepSnapshot.objects.get(run=run.pk, status="queued")
    with monkeypatch.context() as elsewhere:
        unknown(elsewhere)
        for seconds in (1, 700):
            now = waits.wake_at + timedelta(seconds=seconds)
            assert claim(waits.pk, worker=workers.mine(), now=now) is None
    result = run.result()
    assert (result.status, result.error.type) == ("failed", "DefinitionChanged")


def test_hooks_that_no_worker_knows_wait_for_their_code_and_are_given_up_after_the_grace(
    monkeypatch,
):
    called = []
    old = flow("hooked", named("a"), on_finish=lambda info: called.append(info.run_id)).commit()
    for comes_back in (True, False):
        run, queued = queued_step(old)
        with ports.holding_back():
            work(claim(queued.pk, worker=workers.mine(), now=clock.now()))
        hook = StepSnapshot.objects.get(run=run.pk, kind="hook")
        now = clock.now()
        with monkeypatch.context() as elsewhere:
            unknown(elsewhere)
            assert claim(hook.pk, worker=workers.mine(), now=now) is None
            if not comes_back:
                late = now + timedelta(seconds=700)
                assert claim(hook.pk, worker=workers.mine(), now=late) is None
        if comes_back:
            work(claim(hook.pk, worker=workers.mine(), now=now + timedelta(seconds=60)))
            assert called == [run.run_id]
        run.refresh()
        assert (run.status, run._row.hooks_pending) == ("success", 0)
    assert len(called) == 1


def test_a_lost_step_of_a_workflow_that_is_unknown_here_is_freed_for_others(monkeypatch):
    old = flow("lost-elsewhere", named("a"), named("b")).commit()
    run, queued = queued_step(old)
    StepSnapshot.objects.filter(pk=queued.pk).update(lost_count=4)
    with process.here.sweep.turn, monkeypatch.context() as elsewhere:
        claim(queued.pk, worker=uuid.uuid4(), now=clock.now())
        unknown(elsewhere)
        with ports.holding_back():
            assert recover.recover(clock.now()) == 1
    assert run.refresh().status == "running"
    queued.refresh_from_db()
    assert queued.status == "queued"
