"""run.why_waiting: everything that a run waits for, what comes first at the top."""

from datetime import timedelta

import pytest

from workflows_app import StepContext, Workflow, step
from workflows_app.engine.host import clock, ports
from workflows_app.models import StepSnapshot

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("embedded")]


@step
def ask(data, ctx: StepContext):
    """Ask once."""
    if ctx.resume_data is None:
        ctx.suspend({})
    return data


@step
def passes(data):
    """Do nothing."""
    return data


def kinds(run):
    """Return the kinds of what a run waits for, in order."""
    assert all(set(each) == {"kind", "text", "until", "holders"} for each in run.why_waiting)
    return [each["kind"] for each in run.why_waiting]


def test_a_run_that_nobody_has_started_or_that_has_ended_waits_for_nothing():
    run = Workflow("why-none").then(passes).commit().create_run()
    assert run.why_waiting == []
    run.start(1)
    assert run.why_waiting == []


def test_answers_come_before_sleeps_and_a_hold_before_all():
    run = Workflow("why-order").parallel([ask, Workflow("nap").sleep(3600).commit()]).commit()
    run = run.create_run()
    run.start(1, wait=False)
    while run.refresh().status != "waiting" or len(run.why_waiting) < 2:
        pass
    assert kinds(run) == ["answer", "sleep"]
    assert run.why_waiting[1]["until"] > clock.now() + timedelta(minutes=50)
    run.pause("look first", "ana")
    assert kinds(run) == ["hold", "answer", "sleep"]
    assert run.why_waiting[0]["text"].startswith("Paused by ana (look first)")
    run.cancel()
    assert run.why_waiting == []


def test_a_run_of_a_paused_intake_waits_for_it_and_one_that_goes_step_by_step_for_somebody():
    flow = Workflow("why-intake").then(passes).then(ask).commit()
    flow.pause_intake("upgrade")
    run = flow.create_run()
    run.start(1)
    assert kinds(run) == ["intake"]
    assert "upgrade" in run.why_waiting[0]["text"]
    run.cancel()
    flow.resume_intake()
    run = flow.create_run()
    run.start(1, per_step=True)
    assert kinds(run) == ["hold"]


def test_a_queued_step_waits_for_a_worker_one_that_failed_for_its_attempt_or_for_code():
    flow = Workflow("why-queue").then(passes).commit()
    run = flow.create_run()
    with ports.holding_back():
        run.start(1, wait=False)
        queued = StepSnapshot.objects.filter(run=run.pk)
        later = clock.now() + timedelta(hours=1)
        queued.update(retry_count=1, wake_at=later)
        assert kinds(run) == ["retry"]
        assert run.why_waiting[0]["until"] == later
        queued.update(unknown_since=clock.now())
        assert kinds(run) == ["version"]
        queued.update(retry_count=0, wake_at=None, unknown_since=None, queue="elsewhere")
        assert kinds(run) == ["queue"]
    run.cancel()
