"""Verbs with `wait=False` inside `transaction.atomic()`: nothing goes on before the commit."""

import threading

import pytest
from django.db import transaction

from workflows_app import StepContext, Workflow, errors, step

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("execution")]


@step
def first(data):
    """Give what it gets."""
    return data


@step
def asks(data, ctx: StepContext):
    """Ask once, and fail when the answer is `fail`."""
    if ctx.resume_data is None:
        ctx.suspend()
    if ctx.resume_data == "fail":
        raise ValueError
    return ctx.resume_data


def begun(how):
    """Return a new run that the verb fits."""
    run = Workflow("in-transactions").then(first).then(asks).commit().create_run()
    match how:
        case "suspended":
            run.start("x")
        case "failed":
            run.start("x")
            run.resume("fail")
        case "paused":
            run.start("x", per_step=True)
    return run


VERBS = {
    "start": ("pending", ("x",), {}, "suspended"),
    "start per step": ("pending", ("x",), {"per_step": True}, "paused"),
    "resume": ("suspended", ("yes",), {}, "success"),
    "retry": ("failed", (), {}, "suspended"),
    "proceed": ("paused", (), {"per_step": False}, "suspended"),
    "time_travel": ("suspended", ("first",), {"input_data": "z"}, "suspended"),
    "fork": ("suspended", ("first",), {"input_data": "z"}, "suspended"),
    "rerun": ("suspended", (), {}, "suspended"),
}


def settled(run):
    """Wait until the run stands still."""
    pause = threading.Event()
    while run.refresh().status in {"pending", "running"}:
        pause.wait(0.01)
    return run.status


@pytest.mark.parametrize("verb", VERBS)
def test_a_run_is_pending_until_the_commit_also_in_what_the_verb_returns(verb):
    how, args, options, end = VERBS[verb]
    run = begun(how)
    with transaction.atomic():
        answer = getattr(run, verb.split()[0])(*args, **options, wait=False)
        changed = answer if verb in {"fork", "rerun"} else run
        assert answer.status == "pending"
        assert changed.status == changed.refresh().status == changed.result().status == "pending"
        assert changed.workflow.get_run(changed.run_id).status == "pending"
        with transaction.atomic():
            assert changed.status == "pending"
    assert settled(changed) == end


@pytest.mark.parametrize("verb", [v for v, (how, *_) in VERBS.items() if how != "pending"])
def test_a_rollback_leaves_the_run_as_it_was(verb):
    how, args, options, _ = VERBS[verb]
    run = begun(how)
    before = run.refresh().status
    with transaction.atomic():
        getattr(run, verb.split()[0])(*args, **options, wait=False)
        transaction.set_rollback(True)
    assert run.refresh().status == before


def test_a_rolled_back_savepoint_leaves_it_as_it_was_too():
    run = begun("suspended")
    with transaction.atomic():
        with transaction.atomic():
            run.resume("yes", wait=False)
            assert run.status == "pending"
            transaction.set_rollback(True)
        assert run.refresh().status == "suspended"
    assert run.refresh().status == "suspended"


def test_a_run_that_is_canceled_before_the_commit_is_canceled_there_and_afterwards():
    run = begun("pending")
    with transaction.atomic():
        run.start("x", wait=False)
        assert run.status == "pending"
        with pytest.raises(errors.RunAlreadyStarted):
            run.start("x", wait=False)
        run.cancel()
        assert run.status == "canceled"
    assert run.refresh().status == "canceled"


@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_that_would_wait_there_is_refused_and_changes_nothing(verb):
    how, args, options, _ = VERBS[verb]
    run = begun(how)
    before = run.refresh().status, len(run.events()), len(run.workflow.list_runs())
    for timeout in (None, 1):
        with transaction.atomic(), pytest.raises(errors.WaitInsideTransaction, match="wait=False"):
            getattr(run, verb.split()[0])(*args, **options, timeout=timeout)
    assert (run.refresh().status, len(run.events()), len(run.workflow.list_runs())) == before
