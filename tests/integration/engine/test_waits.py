"""skip_wait and give_up: ending a sleep, or the delay before a step's next attempt."""

import pytest
from django.contrib.auth import get_user_model

from tests.product import wait_until
from workflows_app import StepContext, Workflow, errors, step
from workflows_app.models import Action, StepSnapshot

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("execution")]


def flaky(name, **options):
    """Return a step that fails once, and would be tried again in an hour."""

    def fn(data, ctx: StepContext):
        if ctx.retry_count == 0:
            raise ValueError(f"{name} is tired")
        return [*data, name]

    return step(fn, id=name, retries=1, retry_delay=3600, **options)


@step
def add(data):
    """Add a letter."""
    return [*data, "x"]


def waiting(flow, count=1):
    """Return a run whose steps wait by themselves."""
    run = flow.create_run()
    run.start([], wait=False)
    waits = StepSnapshot.objects.filter(run=run.pk, wake_at__isnull=False)
    wait_until(lambda: waits.count() == count, 20)
    return run


def test_a_sleep_that_is_skipped_ends_now_and_the_run_goes_on():
    ana = get_user_model().objects.create_user("ana")
    run = waiting(Workflow("skip-sleep").sleep(3600).then(add).commit())
    result = run.skip_wait(actor=ana, timeout=20)
    assert (result.status, result.result) == ("success", ["x"])
    row = Action.objects.get(verb="skip-wait")
    assert (row.actor_name, row.path) == ("ana", "sleep-1")


def test_a_step_that_waits_for_its_next_attempt_runs_now():
    run = waiting(Workflow("skip-delay").then(flaky("a")).then(add).commit())
    result = run.skip_wait("a", timeout=20)
    assert (result.result, result.steps["a"].retry_count) == (["a", "x"], 1)


def test_a_step_that_is_given_up_fails_with_its_last_error():
    run = waiting(Workflow("give-up").then(flaky("a")).then(add).commit())
    result = run.give_up(timeout=20)
    assert (result.status, result.error.message) == ("failed", "a is tired")
    assert result.steps["a"].status == "failed"
    assert run.retry(timeout=20, wait=False).status in {"running", "failed"}


def test_a_step_of_an_arm_that_may_fail_is_given_up_and_the_run_goes_on():
    arms = [flaky("a"), add]
    flow = Workflow("may-fail").parallel(arms, allow_failure=True).commit()
    result = waiting(flow).give_up("a", timeout=20)
    assert (result.status, result.result) == ("success", {"a": None, "add": ["x"]})


def test_with_several_waiting_steps_one_is_named():
    flow = Workflow("several").parallel([flaky("a"), flaky("b")]).commit()
    run = waiting(flow, 2)
    with pytest.raises(errors.MultipleWaitingSteps, match="a, b"):
        run.skip_wait()
    run.skip_wait("a", wait=False)
    result = run.skip_wait("b", timeout=20)
    assert result.result == {"a": ["a"], "b": ["b"]}


def test_what_does_not_wait_is_refused_with_what_does():
    run = waiting(Workflow("refused").sleep(3600).then(flaky("a")).commit())
    with pytest.raises(errors.StepNotWaiting, match="none"):
        run.give_up()
    with pytest.raises(errors.StepNotWaiting, match="sleep-1"):
        run.skip_wait("a")
    with pytest.raises(errors.StepNotFound):
        run.skip_wait("nobody")
    run.cancel()
    with pytest.raises(errors.StepNotWaiting, match="canceled"):
        run.skip_wait()


def test_a_wait_of_a_held_run_ends_and_its_step_waits_until_the_run_is_let_on():
    run = waiting(Workflow("skip-held").then(flaky("a")).commit())
    run.pause()
    assert run.skip_wait().status == "paused"
    assert run.proceed(timeout=20).result == ["a"]


def test_a_step_of_a_held_run_is_given_up():
    run = waiting(Workflow("give-up-held").then(flaky("a")).commit())
    run.pause()
    assert run.give_up().status == "failed"
