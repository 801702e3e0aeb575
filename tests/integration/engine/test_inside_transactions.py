"""Verbs with `wait=False` inside `transaction.atomic()`: nothing goes on before the commit."""

import threading

import pytest
from asgiref.sync import async_to_sync
from django.db import connection, transaction

from workflows_app import StepContext, Workflow, errors, step

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("execution")]


@step
def first(data):
    """Return the input."""
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
    """Return a new run that fits the verb."""
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
    """Wait until the run has settled."""
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


STATUSES = ["pending", "running", "waiting", "suspended", "paused", "success", "failed", "canceled"]


def listed_by_status(flow):
    """Return the status under which each run is listed, and check that it says so itself."""
    found = {}
    for status in STATUSES:
        page = flow.list_runs(status=status, limit=1)
        assert page.total == sum(run.status == status for run in flow.list_runs())
        while True:
            for run in page:
                assert run.status == status
                assert run.run_id not in found
                found[run.run_id] = status
            if page.next_cursor is None:
                break
            page = flow.list_runs(status=status, limit=1, cursor=page.next_cursor)
    return found


@pytest.mark.parametrize("verb", VERBS)
def test_lists_agree_with_the_runs_in_them_before_and_after_the_commit(verb):
    how, args, options, end = VERBS[verb]
    run, other = begun(how), begun("suspended")
    others = {run.run_id: run.refresh().status, other.run_id: "suspended"}
    with transaction.atomic():
        answer = getattr(run, verb.split()[0])(*args, **options, wait=False)
        changed = answer if verb in {"fork", "rerun"} else run
        assert listed_by_status(run.workflow) == {**others, changed.run_id: "pending"}
        assert changed.run_id not in [each.run_id for each in run.workflow.list_active_runs()]
    settled(changed)
    assert listed_by_status(run.workflow) == {**others, changed.run_id: end}


def test_refusals_there_say_what_the_run_says():
    run = begun("suspended")
    with transaction.atomic():
        run.resume("yes", wait=False)
        for act in (
            lambda: run.start("x", wait=False),
            lambda: run.retry(wait=False),
            lambda: run.proceed(wait=False),
            lambda: run.time_travel("first", wait=False),
            lambda: run.fork("first", wait=False),
        ):
            with pytest.raises(errors.WorkflowError) as refused, transaction.atomic():
                act()
            assert " is pending" in str(refused.value)
            assert run.status == "pending"


@pytest.mark.parametrize("verb", VERBS)
def test_after_a_rollback_a_run_says_what_it_was_before(verb):
    how, args, options, _ = VERBS[verb]
    run = begun(how)
    before = run.refresh().status
    with transaction.atomic():
        answer = getattr(run, verb.split()[0])(*args, **options, wait=False)
        if verb not in {"fork", "rerun"}:
            assert run.refresh().status == "pending"
        transaction.set_rollback(True)
    assert run.status == before
    if verb in {"fork", "rerun"}:
        assert answer.status == "pending"
        with pytest.raises(errors.RunNotFound):
            answer.refresh()
    again = getattr(run, verb.split()[0])(*args, **options)
    assert again.status == VERBS[verb][3]
    if verb not in {"fork", "rerun"}:
        assert run.status == again.status


def test_a_rolled_back_cancel_leaves_the_run_as_it_was():
    run = begun("suspended")
    with transaction.atomic():
        run.cancel()
        assert run.status == "canceled"
        transaction.set_rollback(True)
    assert run.status == "suspended"
    assert run.resume("yes").status == run.status == "success"


def test_after_a_rolled_back_savepoint_too():
    run = begun("suspended")
    with transaction.atomic():
        with transaction.atomic():
            run.resume("yes", wait=False)
            transaction.set_rollback(True)
        assert run.status == "suspended"
        run.resume("yes", wait=False)
        assert run.status == "pending"
    assert settled(run) == "success"


# Streams: they wait for what the run does.

STREAMS = {
    "stream": ("pending", ("x",), {}),
    "resume_stream": ("suspended", ("yes",), {}),
    "time_travel_stream": ("suspended", ("first",), {"input_data": "z"}),
}


def inside(act):
    """Call in a transaction of a thread of its own; return what it raised, or its result."""
    came = []

    def run():
        try:
            with transaction.atomic():
                came.append(act())
        except Exception as error:  # noqa: BLE001 - it is what the test looks at
            came.append(error)
        finally:
            connection.close()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(10)
    return came[0] if came else "it hangs"


async def listed(stream):
    return [event.type async for event in stream]


def standing(run):
    return run.refresh().status, len(run.events())


@pytest.mark.parametrize("verb", STREAMS)
def test_a_stream_that_would_wait_there_is_refused_and_changes_nothing(verb):
    how, args, options = STREAMS[verb]
    run = begun(how)
    before = standing(run)
    came = inside(lambda: getattr(run, verb)(*args, **options))
    assert isinstance(came, errors.WaitInsideTransaction)
    assert verb in str(came)
    assert standing(run) == before


@pytest.mark.parametrize("verb", STREAMS)
def test_the_async_stream_is_refused_there_when_it_is_iterated(verb):
    how, args, options = STREAMS[verb]
    run = begun(how)
    before = standing(run)
    came = inside(
        lambda: async_to_sync(listed)(getattr(run, f"a{verb}")(*args, **options)),
    )
    assert isinstance(came, errors.WaitInsideTransaction)
    assert standing(run) == before


def test_observing_what_goes_on_is_refused_there():
    run, other = begun("pending"), begun("pending")

    def begins_and_observes():
        run.start("x", wait=False)
        return list(run.observe_stream())

    def observes_on_a_loop():
        other.start("x", wait=False)
        return async_to_sync(listed)(other.aobserve_stream())

    assert isinstance(inside(begins_and_observes), errors.WaitInsideTransaction)
    assert isinstance(inside(observes_on_a_loop), errors.WaitInsideTransaction)
    assert {run.refresh().status, other.refresh().status} == {"pending"}


def test_a_stream_that_began_before_is_not_followed_there():
    run = begun("pending")
    assert isinstance(inside(lambda: list(run.observe_stream())), errors.WaitInsideTransaction)


def test_what_has_settled_can_be_replayed_there():
    run = begun("suspended")
    replayed = [event.type for event in run.observe_stream()]
    assert inside(lambda: [event.type for event in run.observe_stream()]) == replayed
    assert inside(lambda: async_to_sync(listed)(run.aobserve_stream())) == replayed
    went_on = inside(lambda: list(run.observe_stream(close_on_suspend=False)))
    assert isinstance(went_on, errors.WaitInsideTransaction)


def test_an_atomic_step_does_not_follow_what_it_began():
    def follows(_data):
        return [event.type for event in begun("pending").stream("x")]

    flow = Workflow("follows").then(step(follows, atomic=True)).commit()
    assert flow.create_run().start(1, timeout=20).error.type == "WaitInsideTransaction"


def test_the_async_cancel_does_not_wait_there():
    run = begun("suspended")
    came = inside(lambda: async_to_sync(run.acancel)(wait=True))
    assert isinstance(came, errors.WaitInsideTransaction)
    assert run.refresh().status == "suspended"
