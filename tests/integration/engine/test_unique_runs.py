"""Runs that hold a unique key: one at a time, over whatever callers there are."""

import threading
from datetime import timedelta

import pytest
from django.db import connection, transaction

from workflows_app import Workflow, errors, step
from workflows_app.models import Run as Row
from workflows_app.models import UniqueKey
from workflows_app.testing import Signalbox

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("execution")]


@step(id="ask")
def ask(data, ctx):
    """Ask somebody; fail if they say so."""
    if ctx.resume_data is None:
        ctx.suspend({"what": data})
    if ctx.resume_data == "fail":
        raise ValueError("so said")
    return ctx.resume_data


def asks(name):
    """Return a workflow that asks somebody."""
    return Workflow(name).then(ask).commit()


def test_the_run_that_holds_the_key_is_found_else_a_new_one_holds_it():
    flow = asks("unique-found")
    first = flow.create_run(unique="order-7", resource_id="shop")
    again = flow.create_run(unique="order-7")
    assert (first.is_new, again.is_new) == (True, False)
    assert (again.run_id, again.resource_id) == (first.run_id, "shop")
    assert again.unique_key == "order-7"
    other = flow.create_run(unique="order-8")
    assert other.is_new
    assert other.run_id != first.run_id


def test_a_run_without_a_key_is_new_unless_its_id_is_known():
    flow = asks("unique-none")
    assert flow.create_run("r1").is_new
    assert not flow.create_run("r1").is_new
    assert not flow.get_run("r1").is_new
    assert flow.create_run().unique_key is None
    assert not UniqueKey.objects.exists()


def test_a_key_is_one_of_its_workflow():
    here, there = asks("unique-here"), asks("unique-there")
    assert here.create_run(unique="k").run_id != there.create_run(unique="k").run_id


def test_a_start_of_a_run_that_was_found_is_refused_as_ever():
    flow = asks("unique-started")
    flow.create_run(unique="k").start(1)
    found = flow.create_run(unique="k")
    assert found.status == "suspended"
    with pytest.raises(errors.RunAlreadyStarted):
        found.start(1)


def test_an_active_run_holds_its_key_until_it_ends():
    flow = asks("unique-active")
    run = flow.create_run(unique="k")
    run.start(1)
    assert not flow.create_run(unique="k").is_new
    run.resume(2)
    after = flow.create_run(unique="k")
    assert after.is_new
    after.cancel()
    assert flow.create_run(unique="k").is_new
    assert UniqueKey.objects.filter(is_latest=True).count() == 1


def test_a_key_may_be_held_for_ever():
    flow = asks("unique-ever")
    run = flow.create_run(unique="k", unique_for="ever")
    run.cancel()
    assert flow.create_run(unique="k").run_id == run.run_id
    run.delete()
    assert flow.create_run(unique="k").is_new


def test_or_for_a_time_from_its_creation():
    with Signalbox() as box:
        flow = asks("unique-time")
        run = flow.create_run(unique="k", unique_for=timedelta(hours=1))
        run.cancel()
        box.shift(minutes=59)
        assert flow.create_run(unique="k").run_id == run.run_id
        box.shift(minutes=2)
        after = flow.create_run(unique="k", unique_for=timedelta(hours=1))
        assert after.is_new
        box.shift(minutes=61)
        assert flow.create_run(unique="k").is_new  # though the one before has not ended


def test_a_run_id_must_be_that_of_the_holder():
    flow = asks("unique-ids")
    run = flow.create_run("mine", unique="k")
    assert flow.create_run("mine", unique="k").run_id == run.run_id
    with pytest.raises(errors.InvalidInput, match="'mine' holds the unique key 'k'"):
        flow.create_run("other", unique="k")
    flow.create_run("plain")
    with pytest.raises(errors.InvalidInput, match="not created with the unique key"):
        flow.create_run("plain", unique="new")
    assert not Row.objects.filter(run_id="other").exists()
    run.cancel()
    assert not flow.create_run("mine", unique="k").is_new


@pytest.mark.parametrize(
    "wrong",
    [
        {"unique": ""}, {"unique": "x" * 256}, {"unique": []}, {"unique": "k\0"},
        {"unique": "k", "unique_for": "long"}, {"unique": "k", "unique_for": 5},
        {"unique": "k", "unique_for": timedelta()}, {"unique": "k", "unique_for": timedelta.max},
    ],
)  # fmt: skip
def test_a_key_that_cannot_be_is_refused(wrong):
    with pytest.raises(errors.InvalidInput):
        asks("unique-wrong").create_run(**wrong)
    assert not Row.objects.exists()


def test_a_retry_of_a_run_whose_key_another_now_holds_is_refused():
    flow = asks("unique-retry")
    run = flow.create_run(unique="k")
    run.start(1)
    assert run.resume("fail").status == "failed"
    other = flow.create_run(unique="k")
    revision = Row.objects.get(pk=run.pk).revision
    with pytest.raises(errors.UniqueKeyTaken, match=other.run_id):
        run.retry()
    with pytest.raises(errors.UniqueKeyTaken):
        run.time_travel("ask")
    assert Row.objects.get(pk=run.pk).revision == revision
    other.cancel()
    assert run.retry().status == "suspended"
    assert flow.create_run(unique="k").run_id == run.run_id
    run.time_travel("ask")
    assert not flow.create_run(unique="k").is_new


def test_two_at_once_make_one_row():
    flow = asks("unique-race")
    gate, found = threading.Barrier(6), []

    def create():
        gate.wait()
        try:
            found.append(flow.create_run(unique="k"))
        finally:
            connection.close()

    threads = [threading.Thread(target=create) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 6
    assert len({run.run_id for run in found}) == 1
    assert [run.is_new for run in found].count(True) == 1
    assert Row.objects.count() == 1


def test_of_a_retry_and_a_new_run_one_gets_the_key():
    flow = asks("unique-retry-race")
    for n in range(4):
        run = flow.create_run(unique=f"k{n}")
        run.start(1)
        run.resume("fail")
        gate, made, refused = threading.Barrier(2), [], []

        def create(key=f"k{n}", gate=gate, made=made):
            gate.wait()
            made.append(flow.create_run(unique=key))
            connection.close()

        thread = threading.Thread(target=create)
        thread.start()
        gate.wait()
        try:
            run.retry()
        except errors.UniqueKeyTaken as taken:
            refused.append(taken)
        thread.join()
        assert made[0].is_new == bool(refused)
        assert UniqueKey.objects.filter(key=f"k{n}", is_latest=True).count() == 1


def test_a_key_goes_with_the_callers_transaction():
    flow = asks("unique-undone")
    with transaction.atomic():
        flow.create_run(unique="k")
        transaction.set_rollback(True)
    assert flow.create_run(unique="k").is_new


async def test_the_async_twin_takes_a_key():
    flow = asks("unique-async")
    run = await flow.acreate_run(unique="k")
    assert (await flow.acreate_run(unique="k", unique_for="ever")).run_id == run.run_id
