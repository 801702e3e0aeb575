"""Rare events are counted once each time, where they happen."""

import uuid
from collections.abc import Mapping
from datetime import timedelta

import pytest

from tests.integration.engine.test_guards import begun, chain, stolen, take
from tests.recording import settled, without_shortcuts
from worker import process
from workflows_app import errors
from workflows_app.engine.host import clock, rare, workers
from workflows_app.engine.host.rare import Rare
from workflows_app.engine.verbs import steering
from workflows_app.engine.work.claim import claim
from workflows_app.engine.work.recover import put_back, recover
from workflows_app.engine.work.turn import work
from workflows_app.jsontext import Raw
from workflows_app.models import Run, Worker
from workflows_app.planner.outcomes import Succeeded

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _nobody_else_works(settings):
    """Leave all the work to the test."""
    process.stop(timeout=2.0)
    settings.WORKFLOWS = {"DISPATCHER": "tests.product.SilentDispatcher"}
    workers.beat(clock.now())


def since(before: Mapping[Rare, int]) -> dict[Rare, int]:
    """Return what has been counted since."""
    return {what: now - before[what] for what, now in rare.counts().items() if now > before[what]}


def test_the_usual_case_is_not_counted():
    before = rare.counts()
    first = begun(chain())
    work(take(first.pk))
    assert Run.objects.get(pk=first.run_id).status == "success"
    assert since(before) == {}


def test_a_late_result_counts_as_one():
    held = take(begun(chain()).pk)
    stolen(held)
    before = rare.counts()
    with pytest.raises(errors.LostLease):
        settled(held, Succeeded(Raw("1")), go_on=False)
    assert since(before) == {Rare.LATE_RESULT_DROPPED: 1}


def test_a_result_that_is_brought_again_counts_as_one():
    held = take(begun(chain()).pk)
    settled(held, Succeeded(Raw("1")), go_on=False)
    before = rare.counts()
    settled(held, Succeeded(Raw("1")), go_on=False)
    assert since(before) == {Rare.RECORDED_BEFORE: 1}


@pytest.mark.parametrize("is_short", [True, False], ids=["shortcut", "reference"])
def test_a_run_that_was_written_to_meanwhile_counts_as_one(monkeypatch, is_short):
    if not is_short:
        without_shortcuts(monkeypatch)
    held = take(begun(chain()).pk)
    steering.cancel(Run.objects.get(pk=held.run))
    before = rare.counts()
    work(held)
    assert since(before) == {Rare.SHORTCUT_REFUSED if is_short else Rare.GUARD_REFUSED: 1}


def test_a_step_that_another_has_claimed_counts_as_one():
    first = begun(chain())
    take(first.pk)
    before = rare.counts()
    assert take(first.pk) is None
    assert since(before) == {Rare.CLAIM_LOST: 1}


def test_a_claim_that_is_put_back_counts_as_one():
    held = take(begun(chain()).pk)
    before = rare.counts()
    put_back(held, now=clock.now())
    assert since(before) == {Rare.CLAIM_PUT_BACK: 1}


@pytest.mark.parametrize("has_stopped", [True, False], ids=["stopped", "silent"])
def test_a_lost_step_counts_by_how_its_worker_was_lost(has_stopped):
    long_ago = clock.now() - timedelta(days=1)
    worker = Worker.objects.create(
        id=uuid.uuid4(), host="elsewhere", pid=1, mode="embedded", started_at=long_ago,
        heartbeat_at=long_ago, stopped_at=long_ago if has_stopped else None,
    )  # fmt: skip
    claim(begun(chain()).pk, worker=worker.pk, now=clock.now())
    before = rare.counts()
    assert recover(clock.now()) == 1
    how = Rare.RECOVERED_FROM_STOPPED if has_stopped else Rare.RECOVERED_FROM_SILENT
    assert since(before) == {how: 1}
