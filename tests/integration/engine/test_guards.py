"""Two writers of one run: guards on its revision, statuses, tokens and times.

Each test lets the other writer write between a look and the write that follows it, so that none
needs luck. `tests/chaos/sabotage` removes the guards one by one, and these tests must then fail.
"""

import uuid
from datetime import timedelta
from typing import Any, ClassVar

import pytest
from django.contrib.auth.models import Group, User
from django.db import InterfaceError, OperationalError, connection, transaction
from django.test.utils import CaptureQueriesContext

from tests.recording import settled, without_shortcuts
from worker import process
from workflows_app import StepContext, Workflow, errors, step
from workflows_app.engine.host import clock, workers
from workflows_app.engine.record import chain as chains
from workflows_app.engine.record import items
from workflows_app.engine.record import settle as settling
from workflows_app.engine.record.recorder import DONE, NOT_PLAIN, Ended, Refused, keep_all
from workflows_app.engine.run import log
from workflows_app.engine.verbs import answering, creating, starting, steering
from workflows_app.engine.work import claim as claiming
from workflows_app.engine.work.claim import claim, claim_next, wake_due
from workflows_app.engine.work.recover import _recover, lost, release
from workflows_app.engine.work.turn import work
from workflows_app.jsontext import Raw
from workflows_app.models import Run, StepSnapshot
from workflows_app.planner.outcomes import Listed, Succeeded

pytestmark = pytest.mark.django_db(transaction=True)

both_ways = pytest.mark.parametrize("is_short", [True, False], ids=["shortcut", "reference"])
SOON = timedelta(seconds=61)


@pytest.fixture(autouse=True)
def _nobody_else_works(settings):
    """Leave all the work to the test, because the threads of earlier tests have stopped."""
    process.stop(timeout=2.0)
    settings.WORKFLOWS = {"DISPATCHER": "tests.product.SilentDispatcher"}
    workers.beat(clock.now())


@pytest.fixture
def way(is_short, monkeypatch) -> None:
    """Take shortcuts, or do without."""
    if not is_short:
        without_shortcuts(monkeypatch)


def same(data: Any) -> Any:
    """Return what came."""
    return data


def chain(**options: Any) -> Workflow:
    """Return two plain steps."""
    flow = Workflow("guarded", **options).then(step(same, id="first"))
    return flow.then(step(same, id="second")).commit()


def begun(flow: Workflow, given: Any = 1) -> StepSnapshot:
    """Start a run and return its first step, which waits."""
    run = creating.create(flow, None, None)
    starting.start(flow, run, given)
    return StepSnapshot.objects.get(run=run)


def take(step: int) -> Any:
    """Claim a step for this process."""
    return claim(step, worker=workers.mine(), now=clock.now())


def stolen(held: Any) -> Any:
    """Let a claim be lost, and the step be claimed by another; return the new claim."""
    release(held, now=clock.now())
    newer = take(held.step)
    assert newer.token == held.token + 1
    return newer


def listed() -> Workflow:
    """Return a list with at most two items at a time."""
    return Workflow("guarded-list").foreach(step(same), concurrency=2).commit()


def an_item() -> Any:
    """Return the claim of the first of three items; the second is held, too."""
    listing = take(begun(listed(), [1, 2, 3]).pk)
    settled(listing, Listed(3, 2), go_on=False)
    items = StepSnapshot.objects.filter(run=listing.run, status="queued").order_by("position")
    held = [take(pk) for pk in items.values_list("pk", flat=True)]
    return held[0]


def found(held: Any) -> tuple[str, int, Any]:
    """Return a step's status, token and output."""
    row = StepSnapshot.objects.get(pk=held.step)
    return row.status, row.token, row.output


def statuses(run: uuid.UUID) -> dict[str, str]:
    """Return the status of each step of a run."""
    return dict(StepSnapshot.objects.filter(run=run).values_list("path", "status"))


# The revision.


@both_ways
@pytest.mark.usefixtures("way")
def test_a_cancel_that_came_while_a_step_ran_is_not_overwritten_by_its_result():
    held = take(begun(chain()).pk)
    before = Run.objects.get(pk=held.run)
    assert steering.cancel(before) == "Workflow run canceled"
    # It tells the log nothing while a step runs, so that no number collides with another's.
    assert Run.objects.get(pk=held.run).event_seq == before.event_seq

    work(held)

    run = Run.objects.get(pk=held.run)
    assert (run.status, run.ending, run.active_count) == ("canceled", "", 0)
    assert statuses(run.pk) == {"first": "success"}


@both_ways
@pytest.mark.usefixtures("way")
def test_a_run_that_was_canceled_before_it_began_does_not_start():
    flow = chain()
    run = creating.create(flow, None, None)
    seen = Run.objects.get(pk=run.pk)
    steering.cancel(run)

    with pytest.raises(errors.RunAlreadyStarted):
        starting.start(flow, seen, 1)

    assert Run.objects.get(pk=run.pk).status == "canceled"
    assert statuses(run.pk) == {}


def test_an_answer_to_a_question_that_was_answered_since_it_was_seen_is_refused():
    def asks_twice(data: Any, ctx: StepContext) -> Any:
        if ctx.resume_data != "yes":
            ctx.suspend({"asked": ctx.resume_data})
        return ctx.resume_data

    flow = Workflow("guarded-asks").then(step(asks_twice)).commit()
    first = begun(flow)
    work(take(first.pk))
    run, question = Run.objects.get(pk=first.run_id), StepSnapshot.objects.get(pk=first.pk)

    answering.resume(flow, run, "no", [question])
    with pytest.raises(errors.ResumeAlreadyClaimed):
        answering.resume(flow, run, "yes", [question])
    work(take(first.pk))
    with pytest.raises(errors.StepNotSuspended, match="another question"):
        answering.resume(flow, run, "yes", [question])

    asks = StepSnapshot.objects.get(pk=first.pk)
    assert (asks.status, asks.suspend_payload) == ("suspended", {"asked": "no"})


# The status of a step, as it was read when it was claimed.


@pytest.mark.parametrize(
    "since",
    [{"status": "canceled"}, {"status": "running", "token": 1}, {"superseded_on": 1}],
    ids=["canceled", "claimed", "left to an earlier timeline"],
)
def test_a_step_that_has_changed_since_it_was_read_is_not_claimed(since):
    row, run = claiming._WITH_RUN.find(begun(chain()).pk)
    StepSnapshot.objects.filter(pk=row.pk).update(**since)

    taken = chains.claim_together({run.pk: (run, [row])}, workers.mine(), clock.now())

    assert taken == []
    assert StepSnapshot.objects.filter(pk=row.pk, **since, worker=None).exists()


# The token.


def test_a_late_result_is_dropped_though_the_same_process_holds_the_newer_claim():
    held = take(begun(chain()).pk)
    newer = stolen(held)
    late, new = Succeeded(Raw('"late"')), Succeeded(Raw('"new"'))

    assert chains.record([Ended(held, late)]) == [NOT_PLAIN]
    assert found(held) == ("running", 2, None)
    assert chains.record([Ended(newer, new)]) == [DONE]
    assert found(held) == ("success", 2, "new")


def test_a_late_result_of_an_item_is_dropped_by_its_one_statement():
    held = an_item()
    stolen(held)

    late = Ended(held, Succeeded(Raw('"late"')), keep=keep_all)
    assert items.record([late]) == [NOT_PLAIN]
    assert found(held) == ("running", 2, None)


def test_an_item_of_a_run_that_was_canceled_lets_no_other_begin():
    held = an_item()
    steering.cancel(Run.objects.get(pk=held.run))

    assert items.record([Ended(held, Succeeded(Raw("1")), keep=keep_all)]) == [NOT_PLAIN]
    assert settled(held, Succeeded(Raw("1")), go_on=True) is None
    assert statuses(held.run)["same[0]"] == "success"
    assert "same[2]" not in statuses(held.run)


def test_giving_a_claim_back_late_does_not_free_the_newer_one():
    held = take(begun(chain()).pk)
    stolen(held)

    release(held, now=clock.now())

    assert found(held) == ("running", 2, None)


def test_a_step_that_was_claimed_again_since_it_was_seen_lost_is_left_alone():
    gone = claim(begun(chain()).pk, worker=uuid.uuid4(), now=clock.now())
    (seen,) = lost(clock.now())
    stolen(gone)

    assert _recover(seen, clock.now()) is False
    assert found(gone) == ("running", 2, None)


# The result.


def test_a_result_is_kept_while_the_database_is_away_and_recorded_when_it_is_back(
    monkeypatch, caplog
):
    held = take(begun(chain()).pk)
    away = [OperationalError, InterfaceError]
    there = settling.settle

    def settle_when_it_is_back(*arguments: Any, **options: Any) -> Any:
        if away:
            return [Refused(away.pop()("gone"))]
        return there(*arguments, **options)

    monkeypatch.setattr(settling, "settle", settle_when_it_is_back)
    monkeypatch.setattr(settling, "_BACKOFF", (0.0,))

    settling.until_recorded([Ended(held, Succeeded(Raw('"kept"')))])

    assert (found(held), away) == (("success", 1, "kept"), [])
    # The log says each time why the result could not be recorded.
    told = [type(record.exc_info[1]) for record in caplog.records if record.exc_info]
    assert told == [InterfaceError, OperationalError]


# Times.


@both_ways
@pytest.mark.usefixtures("way")
def test_a_sleep_is_over_when_its_time_has_come_and_not_before():
    flow = Workflow("guarded-sleep").sleep(60).then(step(same, id="after")).commit()
    sleeps = begun(flow)

    assert take(sleeps.pk) is None
    assert claim_next(worker=workers.mine(), now=clock.now()) is None
    assert wake_due(clock.now()) == 0
    assert statuses(sleeps.run_id) == {"sleep-1": "waiting"}

    held = claim_next(worker=workers.mine(), now=clock.now() + SOON)
    assert (held.path, statuses(sleeps.run_id)["sleep-1"]) == ("after", "success")


@both_ways
@pytest.mark.usefixtures("way")
def test_a_retry_begins_when_its_time_has_come_and_not_before():
    tried = []

    def fails(data: Any) -> None:
        tried.append(data)
        raise ValueError("not yet")

    again = step(fails, id="fails", retries=3, retry_delay=60)
    first = begun(Workflow("guarded-retry").then(again).commit())

    work(take(first.pk))
    assert tried == [1], "what is tried again later is not gone on with at once"
    assert take(first.pk) is None
    assert claim_next(worker=workers.mine(), now=clock.now()) is None

    held = claim_next(worker=workers.mine(), now=clock.now() + SOON)
    assert (held.step, held.retry_count) == (first.pk, 1)


# One transaction.


def test_an_atomic_step_whose_claim_was_lost_leaves_nothing_of_what_it_wrote(caplog):
    def writes(data: Any) -> Any:
        Group.objects.create(name="written")
        StepSnapshot.objects.filter(path="writes").update(token=7)  # as another claim of it does
        return data

    first = begun(Workflow("guarded-atomic").then(step(writes, atomic=True)).commit())
    held = take(first.pk)

    work(held)

    assert "so its result was dropped" in caplog.text
    assert not Group.objects.filter(name="written").exists()
    assert found(held) == ("running", 1, None)


class Listening:
    """A dispatcher that only notes the runs of its hints."""

    heard: ClassVar[list[uuid.UUID]] = []

    def wake(self, steps: Any) -> None:
        """Note the runs of the steps."""
        self.heard.extend(step.run for step in steps)

    def drive(self, run: uuid.UUID) -> bool:
        """Leave it to others."""
        return False

    def abort(self, run: uuid.UUID) -> None:
        """Say nothing."""


def test_nobody_hears_of_a_run_before_the_transaction_that_starts_it_commits(settings):
    settings.WORKFLOWS = {"DISPATCHER": f"{__name__}.Listening"}
    Listening.heard.clear()
    flow = chain()
    with transaction.atomic():
        run = flow.create_run()
        run.start(1, wait=False)
        assert Listening.heard == []
    assert Listening.heard == [run.pk]

    with transaction.atomic():
        flow.create_run().start(1, wait=False)
        transaction.set_rollback(True)
    assert Listening.heard == [run.pk]


# Hooks.


def test_a_hook_that_was_interrupted_is_called_again():
    called = []

    def hook(info: Any) -> None:
        called.append(info.status)
        if len(called) == 1:
            raise KeyboardInterrupt

    first = begun(chain(on_finish=hook))
    work(take(first.pk))
    held = claim_next(worker=workers.mine(), now=clock.now())
    with pytest.raises(KeyboardInterrupt):
        work(held)
    assert Run.objects.get(pk=first.run_id).hooks_pending == 1

    work(claim_next(worker=workers.mine(), now=clock.now()))

    assert called == ["success", "success"]
    assert Run.objects.get(pk=first.run_id).hooks_pending == 0


# Numbers.


@both_ways
@pytest.mark.usefixtures("way")
def test_no_number_of_an_event_is_missing_however_many_changes_a_run_has():
    flow = Workflow("guarded-numbers")
    for number in range(12):
        flow.then(step(same, id=f"step{number}"))
    first = begun(flow.commit())

    work(take(first.pk))

    run = Run.objects.get(pk=first.run_id)
    assert run.status == "success"
    numbers = [event["seq"] for event in log.read(run.pk)]
    assert numbers == list(range(1, run.event_seq + 1))
    assert len(numbers) == 2 + 3 * 12


@pytest.mark.skipif("connection.vendor != 'sqlite'", reason="prepared statements are not watched")
def test_a_change_of_a_run_does_not_read_who_started_it():
    ada = User.objects.create_user(username="ada")
    run = Workflow("guards-ada").then(step(lambda data: data, id="one")).commit().create_run()
    with transaction.atomic():  # the reference writes it
        run.start(1, actor=ada, wait=False)
    assert Run.objects.get(pk=run.pk).started_by_id == ada.pk
    with CaptureQueriesContext(connection) as watched:
        run.cancel(actor="nightly")
    assert not [each["sql"] for each in watched if "auth_user" in each["sql"]]
