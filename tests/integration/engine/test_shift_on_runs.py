"""Quick steps of many runs are held and recorded together; slow ones are left to others."""

import threading
import time
from typing import Any

import pytest
from django.db import connection

from tests.integration.engine.recorders.test_alike import described
from tests.recording import without_shortcuts
from workflows_app import StepContext, Workflow, step
from workflows_app.engine.record import chain as chains
from workflows_app.engine.verbs import waiting
from workflows_app.engine.work import hand, shift, speeds
from workflows_app.models import StepSnapshot

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("embedded")]


@pytest.fixture(autouse=True)
def _nothing_is_known_of_any_step():
    speeds._seconds.clear()


@pytest.fixture
def written_together(monkeypatch) -> list[int]:
    """How many steps were recorded by one statement, each time."""
    counts: list[int] = []
    record = chains.record

    def noted(ended: Any) -> Any:
        counts.append(len(ended))
        return record(ended)

    monkeypatch.setattr(chains, "record", noted)
    return counts


def add(data: dict[str, Any]) -> dict[str, Any]:
    """Add one."""
    return {**data, "n": data["n"] + 1}


def chain(name: str, *steps: Any) -> Workflow:
    """Return a workflow of three quick steps, or of these."""
    flow = Workflow(name)
    for each in steps or [step(add, id=f"add{number}") for number in range(3)]:
        flow.then(each)
    return flow.commit()


def known_as_quick(flow: Workflow) -> None:
    """Let this process know all steps of a workflow as quick."""
    for path in flow.tree.nodes:
        speeds._seconds[flow.id, path] = 0.0001


def finished(flow: Workflow, count: int, given: Any = None) -> list[Any]:
    """Start so many runs at once, and return them when all have settled."""
    runs = [flow.create_run() for _ in range(count)]
    for number, run in enumerate(runs):
        run.start({"n": 0} if given is None else given(number), wait=False)
    for run in runs:
        waiting.wait(run.pk, 30)
    return runs


def assert_alike(run: Any, plain: Any) -> None:
    """Compare two runs in all but their revisions: one was queued at first, the other was not."""
    (steps, events, counts), (wanted, told, tally) = described(run), described(plain)
    assert steps == wanted
    assert events == told
    assert (counts[0], *counts[2:]) == (tally[0], *tally[2:])


def test_runs_that_wait_are_recorded_together_at_most_a_handful(written_together):
    flow = chain("together")
    known_as_quick(flow)
    runs = finished(flow, 60)
    assert [run.result().result for run in runs] == [{"n": 3}] * 60
    assert 1 < max(written_together) <= 2 * hand.MOST


def test_a_round_writes_what_the_plain_way_writes(monkeypatch, written_together):
    def large(data: dict[str, Any]) -> dict[str, Any]:
        return {**data, "text": "ü" * 3000}

    steps = [step(add, id="first", metadata={"a": [1]}), step(large), step(add, id="end")]
    flow = chain("alike", *steps)
    known_as_quick(flow)
    fast = finished(flow, 20)
    assert written_together
    speeds._seconds.clear()
    without_shortcuts(monkeypatch)
    plain = finished(flow, 1)[0]
    for run in fast:
        assert_alike(run, plain)


def test_a_slow_step_that_follows_quick_ones_is_left_to_all_threads(monkeypatch):
    at_once, lock, most = [0], threading.Lock(), [0]

    def slow(data: dict[str, Any]) -> dict[str, Any]:
        with lock:
            at_once[0] += 1
            most[0] = max(most[0], at_once[0])
        time.sleep(0.05)
        with lock:
            at_once[0] -= 1
        return data

    flow = chain("slow-after", step(add, id="first"), step(slow), step(add, id="end"))
    known_as_quick(flow)
    speeds._seconds.pop((flow.id, "slow"))
    runs = finished(flow, 24)
    assert [run.result().result for run in runs] == [{"n": 2}] * 24
    assert most[0] > 2
    without_shortcuts(monkeypatch)
    speeds._seconds.clear()
    plain = finished(flow, 1)[0]
    for run in runs:
        assert_alike(run, plain)


def test_what_waits_behind_a_step_that_turns_out_slow_is_left_to_others():
    gate, began = threading.Event(), threading.Event()
    restarted: list[bool] = []

    def mostly_quick(data: dict[str, Any], ctx: StepContext) -> dict[str, Any]:
        restarted.append(ctx.restarted)
        if data["n"] == 20:
            began.set()
            gate.wait(20)
        return data

    flow = chain("mostly-quick", step(mostly_quick), step(add, id="end"))
    known_as_quick(flow)
    runs = [flow.create_run() for _ in range(60)]
    for number, run in enumerate(runs):
        run.start({"n": number}, wait=False)
    assert began.wait(20)
    until = time.monotonic() + 10
    while time.monotonic() < until and sum(run.refresh().status != "success" for run in runs) > 1:
        time.sleep(0.05)
    assert [n for n, run in enumerate(runs) if run.status != "success"] == [20]
    late = flow.create_run()
    late.start({"n": 99}, wait=False)
    waiting.wait(late.pk, 10)
    gate.set()
    waiting.wait(runs[20].pk, 20)
    assert [run.result().result["n"] for run in runs] == [n + 1 for n in range(60)]
    assert restarted == [False] * 61
    assert not StepSnapshot.objects.filter(run__in=[run.pk for run in runs], lost_count__gt=0)


def test_a_run_that_comes_while_a_lone_step_turns_out_slow_does_not_wait_for_it():
    gate, began = threading.Event(), threading.Event()

    def waits(data: dict[str, Any]) -> dict[str, Any]:
        if data["n"] == 0:
            began.set()
            gate.wait(20)
        return data

    flow = chain("lone", step(waits))
    known_as_quick(flow)
    first, second = flow.create_run(), flow.create_run()
    first.start({"n": 0}, wait=False)
    assert began.wait(20)
    started = time.monotonic()
    second.start({"n": 1}, wait=False)
    waiting.wait(second.pk, 10)
    assert time.monotonic() - started < 0.9  # the sweep looks each second
    gate.set()
    waiting.wait(first.pk, 20)


def test_an_atomic_step_keeps_its_own_transaction_among_quick_ones():
    inside: list[bool] = []

    def write(data: dict[str, Any]) -> dict[str, Any]:
        inside.append(connection.in_atomic_block)
        return data

    steps = [step(write, id="first", atomic=True), step(add), step(write, atomic=True)]
    flow = chain("atomic-among", *steps)
    known_as_quick(flow)
    runs = finished(flow, 30)
    assert [run.result().result for run in runs] == [{"n": 1}] * 30
    assert inside == [True] * 60


def test_a_run_that_is_canceled_meanwhile_takes_the_long_way_alone():
    def cancels(data: dict[str, Any], ctx: StepContext) -> dict[str, Any]:
        if data["n"] % 7 == 0:
            flow.get_run(ctx.run_id).cancel()
        return data

    flow = chain("cancels", step(cancels), step(add, id="end"))
    known_as_quick(flow)
    runs = finished(flow, 40, lambda number: {"n": number})
    wanted = ["canceled" if n % 7 == 0 else "success" for n in range(40)]
    assert [run.result().status for run in runs] == wanted


@pytest.mark.parametrize("kind", [SystemExit, ValueError])
def test_a_step_that_breaks_off_takes_no_other_with_it(kind):
    tried: list[int] = []

    def breaks(data: dict[str, Any]) -> dict[str, Any]:
        tried.append(data["n"])
        if data["n"] == 15 and tried.count(15) == 1:
            raise kind("once")
        return data

    flow = chain(f"breaks-{kind.__name__}", step(breaks, retries=1), step(add, id="end"))
    known_as_quick(flow)
    runs = finished(flow, 40, lambda number: {"n": number})
    assert [run.result().result for run in runs] == [{"n": n + 1} for n in range(40)]
    assert sorted(tried) == sorted([*range(40), 15])


def test_a_claim_is_given_to_a_thread_with_room_and_to_no_other():
    flow = chain("given")
    place = chains.lane_key(flow.id, "add0", "default")
    assert not shift.takes(place)
    held = hand.Hand([])
    assert held.will_have_room()
    held._left.extend([None] * hand.MOST)
    assert not held.will_have_room()
    held._left.clear()
    assert held.next() is None
    assert not held.will_have_room()
    held.close()
