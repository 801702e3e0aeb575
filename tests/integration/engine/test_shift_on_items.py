"""Quick items of a list are held and recorded several at a time; slow ones are left to others."""

import threading
import time
from typing import Any

import pytest

from workflows_app import StepContext, Workflow, step
from workflows_app.engine.record import items
from workflows_app.engine.verbs import waiting
from workflows_app.engine.work import hand, shift, speeds
from workflows_app.models import StepSnapshot

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("embedded")]


@pytest.fixture(autouse=True)
def _nothing_is_known_of_any_list():
    speeds._seconds.clear()


@pytest.fixture
def held_at_most(monkeypatch) -> list[int]:
    """How many items a thread held each time it got more."""
    counts: list[int] = []
    add = hand.Hand.add

    def noted(held: Any, claims: Any) -> None:
        add(held, claims)
        counts.append(held.count())

    monkeypatch.setattr(hand.Hand, "add", noted)
    return counts


def test_a_thread_holds_several_quick_items_and_never_more_than_its_share(held_at_most):
    flow = Workflow("quick").foreach(step(lambda n: n + 1, id="add"), concurrency=50).commit()
    result = flow.create_run().start(list(range(600)))
    assert result.result == [n + 1 for n in range(600)]
    assert 1 < max(held_at_most) <= 50 // shift.SHARE


def test_slow_items_are_held_one_at_a_time(held_at_most):
    def slow(n: int) -> int:
        time.sleep(0.01)
        return n

    flow = Workflow("slow").foreach(step(slow), concurrency=50).commit()
    assert flow.create_run().start(list(range(80))).status == "success"
    assert max(held_at_most, default=1) == 1


def test_what_waits_behind_an_item_that_turns_out_slow_is_left_to_others():
    gate, began = threading.Event(), threading.Event()
    stuck: list[int] = []

    def mostly_quick(n: int) -> int:
        if n == 300:
            stuck.append(n)
            began.set()
            gate.wait(20)
        return n

    flow = Workflow("mostly-quick").foreach(step(mostly_quick), concurrency=50).commit()
    run = flow.create_run()
    run.start(list(range(400)), wait=False)
    assert began.wait(20)
    items = StepSnapshot.objects.filter(run=run.pk, path__contains="[")
    until = time.monotonic() + 10
    while items.filter(status="success").count() < 399 and time.monotonic() < until:
        time.sleep(0.05)
    assert list(items.exclude(status="success").values_list("path", flat=True)) == [
        "mostly_quick[300]"
    ]
    gate.set()
    waiting.wait(run.pk, 20)
    assert run.result().result == list(range(400))
    assert stuck == [300]


def test_the_window_of_a_list_is_never_passed(held_at_most):
    lock, now, most = threading.Lock(), [0], [0]

    def counted(n: int) -> int:
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
        with lock:
            now[0] -= 1
        return n

    flow = Workflow("window").foreach(step(counted), concurrency=16).commit()
    run = flow.create_run()
    alive: list[int] = []
    run.start(list(range(500)), wait=False)
    steps = StepSnapshot.objects.filter(run=run.pk, path__contains="[")
    while run.refresh().status == "running":
        alive.append(steps.filter(status__in=["queued", "running"]).count())
    assert run.result().status == "success"
    assert max(alive, default=0) <= 16
    assert most[0] <= 16


def test_a_cancel_lets_no_held_item_begin():
    ran: list[int] = []
    gate, began = threading.Event(), threading.Event()

    def waits_late(n: int) -> int:
        ran.append(n)
        if n >= 200:
            began.set()
            gate.wait(20)
        return n

    flow = Workflow("canceled-list").foreach(step(waits_late), concurrency=50).commit()
    run = flow.create_run()
    run.start(list(range(2000)), wait=False)
    assert began.wait(20)
    run.cancel()
    time.sleep(0.3)
    seen = len(ran)
    gate.set()
    waiting.wait(run.pk, 20)
    assert run.refresh().status == "canceled"
    assert len(ran) == seen < 2000
    left = StepSnapshot.objects.filter(run=run.pk, status__in=["queued", "running"])
    assert not left.exists()


@pytest.mark.parametrize("kind", [SystemExit, ValueError])
def test_an_item_that_breaks_off_takes_no_other_with_it(kind):
    tried: list[int] = []

    def breaks(n: int, ctx: StepContext) -> int:
        tried.append(n)
        if n == 150 and tried.count(150) == 1:
            raise kind("once")
        return n

    flow = Workflow(f"breaks-{kind.__name__}").foreach(step(breaks, retries=1), concurrency=50)
    result = flow.commit().create_run().start(list(range(300)))
    assert (result.status, result.result) == ("success", list(range(300)))
    assert sorted(tried) == sorted([*range(300), 150])


def test_what_a_thread_has_ended_is_recorded_once_however_it_is_brought(monkeypatch):
    brought: list[int] = []
    record = items._record
    monkeypatch.setattr(items, "_record", lambda ended: brought.append(len(ended)) or record(ended))
    flow = Workflow("once").foreach(step(lambda n: n, id="same"), concurrency=64).commit()
    run = flow.create_run()
    assert run.start(list(range(500))).result == list(range(500))
    ended = [e for e in run.events() if e.type == "workflow-step-result"]
    assert len(ended) == len({e.payload["path"] for e in ended}) == 501
    assert max(brought) <= items.MOST
