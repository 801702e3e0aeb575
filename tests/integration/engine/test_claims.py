"""Claims and their fence: one claim wins, a late result is dropped, a lost step is found."""

import logging
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from django.db import OperationalError, connection
from pydantic import BaseModel, Field

from tests.recording import settled
from worker import process, runner
from workflows_app import Workflow, errors, step
from workflows_app.engine.host import clock, workers
from workflows_app.engine.record import reference
from workflows_app.engine.record import settle as settling
from workflows_app.engine.record.recorder import Ended
from workflows_app.engine.run import transfer
from workflows_app.engine.verbs import creating, starting
from workflows_app.engine.work.claim import claim
from workflows_app.engine.work.recover import (
    _recover,
    hold,
    let_go,
    lost,
    orphans,
    recover,
    release,
)
from workflows_app.engine.work.turn import work
from workflows_app.jsontext import Hidden, Raw, dumps, loads
from workflows_app.models import Run, StepSnapshot, Worker
from workflows_app.planner.outcomes import Listed, Succeeded

pytestmark = pytest.mark.django_db(transaction=True)


class Nobody:
    """A dispatcher that wakes nobody: the test claims by hand."""

    def wake(self, steps):
        """Do nothing."""

    def drive(self, run):
        """Do nothing."""
        return False

    def abort(self, run):
        """Do nothing."""


@pytest.fixture(autouse=True)
def _nobody_sweeps() -> None:
    """Stop the threads of tests before: their sweep frees what a made-up worker holds."""
    process.stop(timeout=2.0)


@pytest.fixture(autouse=True)
def nobody_works(settings):
    settings.WORKFLOWS = {"DISPATCHER": "tests.integration.engine.test_claims.Nobody"}


@pytest.fixture
def queued() -> StepSnapshot:
    """A step that waits to be claimed, the first of two."""
    flow = _flow()
    run = creating.create(flow, None, None)
    starting.start(flow, run, {"n": 1})
    return StepSnapshot.objects.get(run=run)


def _flow() -> Workflow:
    def first(data):
        return {**data, "first": True}

    def second(data):
        return {**data, "second": True}

    return Workflow("claimed").then(first).then(second).commit()


def silent_worker(last_heard: datetime) -> uuid.UUID:
    worker = Worker.objects.create(
        host="elsewhere", pid=1, mode="embedded", started_at=last_heard, heartbeat_at=last_heard
    )
    return worker.pk


def at_once(threads, act):
    """Let threads do something at the same time; raise what went wrong in one of them."""
    gate = threading.Barrier(threads)

    def turn(_):
        try:
            gate.wait()
            act()
        finally:
            connection.close()

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(turn, range(threads)))


def test_only_one_of_sixteen_threads_claims_a_step(queued):
    won = []

    def try_it():
        if taken := claim(queued.pk, worker=uuid.uuid4(), now=clock.now()):
            won.append(taken)

    at_once(16, try_it)

    assert len(won) == 1
    assert claim(queued.pk, worker=uuid.uuid4(), now=clock.now()) is None
    queued.refresh_from_db()
    assert (queued.status, queued.token, queued.worker_id) == ("running", 1, won[0].worker)


def test_threads_that_say_at_once_that_their_process_lives_make_one_row():
    process.stop(timeout=2.0)  # its heartbeat would make the row before
    for _ in range(5):
        Worker.objects.all().delete()
        at_once(8, lambda: workers.beat(clock.now()))
        assert Worker.objects.filter(stopped_at=None).count() == 1


def test_a_result_that_comes_after_its_lease_was_lost_is_dropped_and_logged(queued, caplog):
    now = clock.now()
    slow = claim(queued.pk, worker=silent_worker(now), now=now)
    later = now + timedelta(hours=1)
    assert recover(later) == 1
    newer = claim(queued.pk, worker=workers.mine(), now=later)

    with pytest.raises(errors.LostLease, match="Claim 1 of first"):
        settled(slow, Succeeded(Raw('"late"')), go_on=False)
    settled(newer, Succeeded(Raw('"new"')), go_on=False)
    with caplog.at_level(logging.WARNING):
        work(slow)

    queued.refresh_from_db()
    assert (queued.output, queued.token, newer.restarted) == ("new", 2, True)
    assert "was taken over or given up" in caplog.text


def test_settling_twice_with_one_token_changes_nothing(queued):
    held = claim(queued.pk, worker=workers.mine(), now=clock.now())

    settled(held, Succeeded(Raw("1")), go_on=False)
    before = Run.objects.get(pk=held.run)
    settled(held, Succeeded(Raw("2")), go_on=False)

    after = Run.objects.get(pk=held.run)
    assert (after.revision, after.event_seq) == (before.revision, before.event_seq)
    assert StepSnapshot.objects.get(pk=queued.pk).output == 1


def test_the_steps_of_a_worker_with_a_heartbeat_are_left_alone(queued):
    now = clock.now()
    claim(queued.pk, worker=silent_worker(now), now=now)

    assert recover(now + timedelta(seconds=1)) == 0


def test_a_step_that_lost_its_worker_too_often_fails(queued):
    at = clock.now()
    for _ in range(5):
        claim(queued.pk, worker=silent_worker(at - timedelta(days=1)), now=at)
        recover(at)

    queued.refresh_from_db()
    assert (queued.status, queued.error["type"]) == ("failed", "WorkerLost")
    assert Run.objects.get(pk=queued.run_id).status == "failed"


def test_a_released_step_is_free_again_at_once(queued):
    held = claim(queued.pk, worker=workers.mine(), now=clock.now())

    release(held, now=clock.now())

    again = claim(queued.pk, worker=workers.mine(), now=clock.now())
    assert (again.token, again.restarted, again.retry_count) == (2, True, 0)


def test_a_step_whose_time_has_not_come_is_not_claimed(queued):
    StepSnapshot.objects.filter(pk=queued.pk).update(wake_at=datetime(2100, 1, 1, tzinfo=UTC))

    assert claim(queued.pk, worker=workers.mine(), now=clock.now()) is None


def test_a_result_for_a_run_that_was_deleted_is_dropped(queued):
    held = claim(queued.pk, worker=workers.mine(), now=clock.now())
    Run.objects.filter(pk=held.run).delete()

    with pytest.raises(errors.LostLease, match="deleted"):
        settled(held, Succeeded(Raw("1")), go_on=False)


def test_a_chain_costs_a_settle_a_step_and_few_statements(queued, django_assert_max_num_queries):
    held = claim(queued.pk, worker=workers.mine(), now=clock.now())

    with django_assert_max_num_queries(10):
        following = settled(held, Succeeded(Raw('{"n":1}')), go_on=True)

    assert following is not None
    assert following.path == "second"


def test_a_step_without_code_here_is_left_to_others_and_looked_at_again(
    queued, monkeypatch, caplog
):
    now = clock.now()
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr("workflows_app.definition.registry.find", lambda _id: None)
        assert claim(queued.pk, worker=workers.mine(), now=now) is None
    assert "Step first of run" in caplog.text

    assert claim(queued.pk, worker=workers.mine(), now=now + timedelta(seconds=0.2)) is None
    assert claim(queued.pk, worker=workers.mine(), now=now + timedelta(seconds=5)) is not None


def test_a_claim_that_was_recorded_and_that_no_thread_knows_of_is_freed(queued):
    """This happens when the connection breaks after the commit and before its answer."""
    now = clock.now()
    workers.beat(now)
    assert claim(queued.pk, worker=workers.mine(), now=now) is not None
    seen = orphans(now, {})
    assert seen == {queued.pk: 1}
    assert StepSnapshot.objects.get(pk=queued.pk).status == "running"
    orphans(now, seen)
    freed = StepSnapshot.objects.get(pk=queued.pk)
    assert (freed.status, freed.worker_id, freed.lost_count) == ("queued", None, 1)


def test_a_claim_that_a_thread_works_on_is_not_an_orphan(queued):
    now = clock.now()
    held = claim(queued.pk, worker=workers.mine(), now=now)
    seen = {queued.pk: 1}
    hold(held)
    assert orphans(now, seen) == {}
    let_go(held)
    assert StepSnapshot.objects.get(pk=queued.pk).status == "running"


def test_letting_an_old_claim_go_keeps_the_next_one(queued):
    now = clock.now()
    old = claim(queued.pk, worker=workers.mine(), now=now)
    release(old, now=now)
    hold(old)
    held = claim(queued.pk, worker=workers.mine(), now=now)
    hold(held)
    let_go(old)
    assert orphans(now, {queued.pk: held.token}) == {}
    assert StepSnapshot.objects.get(pk=queued.pk).status == "running"
    let_go(held)


def test_a_claim_that_was_transferred_and_not_begun_belongs_to_nobody(queued, monkeypatch):
    now = clock.now()
    held = claim(queued.pk, worker=workers.mine(), now=now)
    text = transfer.pack(held)
    monkeypatch.setattr(runner, "_is_known", fails)
    process.here.serving.begin(None)  # another test has stopped it

    process.here.runner.run_packed(text)

    assert orphans(now, {}) == {queued.pk: 1}


@pytest.mark.parametrize(
    "value",
    [2**70, "\ud800", {"a": [None]}, [Hidden("x")]],
    ids=["big", "half", "plain", "secret"],
)
def test_a_claim_travels_with_all_that_it_has(queued, value):
    Run.objects.filter(pk=queued.run_id).update(state={"value": value}, tracing={"tags": ["x"]})
    held = claim(queued.pk, worker=workers.mine(), now=clock.now())
    model, row = held.session.model, held.session.rows.by_path[held.path]
    text = transfer.pack(held)
    held.session.forget()

    arrived = transfer.unpack(text.encode(errors="surrogatepass"))

    assert arrived == held
    assert arrived.state == {"value": loads(dumps(value))}
    left = {"_state", "payload", "resume_payload", "suspend_payload"}  # the claim has them
    there = arrived.session
    for known, came in ((model, there.model), (row, there.rows.by_path[row.path])):
        assert {k: v for k, v in came.__dict__.items() if k not in left} == {
            k: v for k, v in known.__dict__.items() if k not in left
        }


def fails(_):
    """Fail as a query does while the database is away."""
    raise OperationalError


def test_outcomes_that_threads_bring_together_are_recorded_in_one_change():
    each = Workflow("together").foreach(step(lambda n: n * 2, id="double"), concurrency=4).commit()
    run = creating.create(each, None, None)
    starting.start(each, run, [1, 2, 3, 4, 5])
    now = clock.now()
    listing = claim(StepSnapshot.objects.get(run=run).pk, worker=workers.mine(), now=now)
    work(listing, is_stopping=lambda: True)
    items = StepSnapshot.objects.filter(run=run, status="queued").order_by("position")
    held = [claim(pk, worker=workers.mine(), now=now) for pk in items.values_list("pk", flat=True)]
    before = Run.objects.get(pk=run.pk).revision
    session = held[0].session
    threads = [
        threading.Thread(target=settled_apart, args=(each_held, Succeeded(Raw(str(number)))))
        for number, each_held in enumerate(held)
    ]
    with session.lock:
        for thread in threads:
            thread.start()
        while len(session.brought) < len(held):
            pass
    for thread in threads:
        thread.join()
    assert Run.objects.get(pk=run.pk).revision == before + 1
    results = StepSnapshot.objects.filter(run=run, status="success").order_by("position")
    assert list(results.values_list("output", flat=True)) == [0, 1, 2, 3]


def settled_apart(held, outcome):
    """Settle in a thread of its own."""
    settled(held, outcome, go_on=False)
    connection.close()


@pytest.fixture
def listing(settings):
    """The claim of a foreach that must count its items, and its run."""
    flow = Workflow("opened").foreach(step(lambda n: n * 2, id="double"), concurrency=2).commit()
    run = creating.create(flow, None, None)
    starting.start(flow, run, [1, 2, 3])
    worker = uuid.uuid4()
    return claim(StepSnapshot.objects.get(run=run).pk, worker=worker, now=clock.now())


def test_a_claim_that_became_an_open_container_meanwhile_is_not_recovered(listing):
    """This happens when a late worker settles between the look and the lock of a recovery."""
    (seen,) = lost(clock.now())
    settled(listing, Listed(3, 2), go_on=False)
    assert _recover(seen, clock.now()) is False
    assert describes_open(listing)


def test_a_claim_that_became_an_open_container_is_not_released(listing):
    settled(listing, Listed(3, 2), go_on=False)
    release(listing, now=clock.now())
    assert describes_open(listing)


def describes_open(held) -> bool:
    """Return whether the container is open, held by nobody, and counted once."""
    container = StepSnapshot.objects.get(pk=held.step)
    run = Run.objects.get(pk=held.run)
    return (container.status, container.worker_id, container.lost_count, run.active_count) == (
        "running", None, 0, 2,
    )  # fmt: skip


def test_what_one_outcome_meets_costs_no_other_thread_its_own(listing, monkeypatch):
    """The thread that records for all must not take the others' outcomes down with it."""
    settled(listing, Listed(3, 2), go_on=False)
    items = StepSnapshot.objects.filter(run=listing.run, status="queued").order_by("position")
    now = clock.now()
    held = [claim(pk, worker=workers.mine(), now=now) for pk in items.values_list("pk", flat=True)]
    one_by_one = reference._record

    def record(changing, ended):
        if ended.claim.step == held[0].step:
            raise ZeroDivisionError
        return one_by_one(changing, ended)

    monkeypatch.setattr(reference, "_record", record)
    session = held[0].session
    session.brought.append(settling._Brought(Ended(held[0], Succeeded(Raw("1"))), most=16))
    settled(held[1], Succeeded(Raw("2")), go_on=False)
    statuses = StepSnapshot.objects.filter(pk__in=[each.step for each in held]).order_by("position")
    assert list(statuses.values_list("status", flat=True)) == ["running", "success"]


class Ticket(BaseModel):
    """A new token each time that it is made."""

    token: uuid.UUID = Field(default_factory=uuid.uuid4)


def test_a_worker_that_takes_over_a_lost_step_sees_the_same_input():
    flow = Workflow("lost").then(step(lambda t: str(t.token), id="take", input=Ticket)).commit()
    row = creating.create(flow, None, None)
    starting.start(flow, row, {})
    (key,) = StepSnapshot.objects.filter(run=row.pk).values_list("pk", flat=True)
    first = claim(key, worker=workers.mine(), now=clock.now())
    release(first, now=clock.now())
    second = claim(key, worker=workers.mine(), now=clock.now())
    assert second.token > first.token
    assert second.payload == first.payload
    work(second)
    result = flow.get_run(row.run_id).result()
    assert result.steps["take"].payload == {"token": result.result}
    assert loads(first.payload) == {"token": result.result}
