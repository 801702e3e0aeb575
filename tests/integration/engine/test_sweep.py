"""What one look of the sweep finds, when all hints and timers were lost."""

import uuid
from datetime import timedelta

import pytest

from worker import process
from worker.serving import Serving
from worker.sweep import OVERDUE, Sweep
from workflows_app import Workflow, step
from workflows_app.engine.host import clock, workers
from workflows_app.engine.verbs import creating, starting, steering
from workflows_app.engine.work.claim import claim
from workflows_app.engine.work.recover import hold, let_go
from workflows_app.models import Run, StepSnapshot

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def hinted(monkeypatch, settings) -> list[int]:
    """The steps that the sweep hints at, to threads that do not exist."""
    process.stop(timeout=2.0)
    settings.WORKFLOWS = {"DISPATCHER": "tests.product.SilentDispatcher"}
    workers.beat(clock.now())
    steps: list[int] = []
    made = Sweep(Serving(), lambda: 8, lambda _queue, step: steps.append(step))
    monkeypatch.setattr(process.here, "sweep", made)
    return steps


def begun(flow: Workflow) -> StepSnapshot:
    """Start a run of which nobody is told, and return its first step."""
    run = creating.create(flow, None, None)
    starting.start(flow, run, 1)
    return StepSnapshot.objects.get(run=run)


def plain() -> Workflow:
    """Return a workflow of one step."""
    return Workflow("swept").then(step(lambda data: data, id="only")).commit()


def sleeping() -> Workflow:
    """Return a workflow that sleeps before its one step."""
    after = step(lambda data: data, id="after")
    return Workflow("swept-sleep").sleep(60).then(after).commit()


def sweep() -> None:
    """Let the sweep look once, as it does each second."""
    assert process.here.sweep.look(is_first=False)


def test_a_step_whose_hint_was_lost_is_hinted_at_again(hinted):
    waits = begun(plain())
    sweep()
    assert hinted == [], "its hint may be on its way"
    StepSnapshot.objects.filter(pk=waits.pk).update(queued_at=clock.now() - 2 * OVERDUE)

    sweep()

    assert hinted == [waits.pk]


def test_a_sleep_whose_timer_was_lost_is_ended_or_hinted_at(hinted):
    sleeps = begun(sleeping())
    sweep()
    assert hinted == []
    StepSnapshot.objects.filter(pk=sleeps.pk).update(wake_at=clock.now() - timedelta(seconds=1))

    sweep()

    has_ended = StepSnapshot.objects.filter(pk=sleeps.pk, status="success").exists()
    assert has_ended or hinted == [sleeps.pk]


def test_a_step_that_was_lost_with_its_worker_is_freed(hinted):
    lost = claim(begun(plain()).pk, worker=uuid.uuid4(), now=clock.now())

    sweep()

    step = StepSnapshot.objects.get(pk=lost.step)
    assert (step.status, step.worker_id, step.lost_count) == ("queued", None, 1)


def test_a_claim_that_no_thread_knows_is_freed_at_the_second_look(hinted):
    unknown = claim(begun(plain()).pk, worker=workers.mine(), now=clock.now())

    sweep()
    assert StepSnapshot.objects.get(pk=unknown.step).status == "running"
    sweep()

    assert StepSnapshot.objects.get(pk=unknown.step).status == "queued"


def test_a_canceled_run_does_not_wait_for_ever_for_a_step_that_does_not_end(hinted, settings):
    settings.WORKFLOWS = {**settings.WORKFLOWS, "CANCEL_GRACE_SECONDS": 60}
    held = claim(begun(plain()).pk, worker=workers.mine(), now=clock.now())
    hold(held)
    steering.cancel(Run.objects.get(pk=held.run))
    sweep()
    assert Run.objects.get(pk=held.run).status == "running"
    long_ago = clock.now() - timedelta(seconds=61)
    Run.objects.filter(pk=held.run).update(cancel_requested_at=long_ago)

    sweep()

    assert Run.objects.get(pk=held.run).status == "canceled"
    let_go(held)
