"""All recorders write the same, and a shortcut writes nothing if anything is not plain."""

import threading
import time
from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.recording import without_shortcuts
from worker import process
from workflows_app import StepContext, Workflow, errors, step
from workflows_app.engine.host import clock, workers
from workflows_app.engine.record import chain as chains
from workflows_app.engine.record import items, waking
from workflows_app.engine.verbs import starting, waiting
from workflows_app.engine.work.claim import claim_next, wake_due
from workflows_app.engine.work.turn import work
from workflows_app.models import Run as RunRow
from workflows_app.models import StepSnapshot

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("execution")]

#: What differs between two runs of the same workflow.
OWN = {"id", "run_id", "parent_id", "worker_id"}
TIMES = {"queued_at", "started_at", "ended_at"}


@step(metadata={"a": [1]})
def small(data: dict[str, Any]) -> dict[str, Any]:
    """Return a small value."""
    return {"n": data["n"] + 1}


@step
def large(data: dict[str, Any]) -> dict[str, Any]:
    """Return a value so large that it is stored once and referred to."""
    return {"n": data["n"], "text": "ü" * 3000}


@step
def last(data: dict[str, Any]) -> dict[str, Any]:
    """Return a small value again."""
    return {"n": data["n"]}


@pytest.fixture
def chain() -> Workflow:
    """A chain of plain steps, with a branch at its end."""
    flow = Workflow("plain-chain").then(small).then(large).then(last).then(step(small, id="again"))
    return flow.then(step(last, id="end")).commit()


def described(run: Any) -> tuple[Any, ...]:
    """Return everything that is recorded of a run, except keys and times."""
    keys = dict(StepSnapshot.objects.values_list("pk", "path"))
    steps = [
        {
            field.attname: named(getattr(row, field.attname), keys)
            for field in StepSnapshot._meta.concrete_fields
            if field.attname not in OWN | TIMES
        }
        | {name: getattr(row, name) is not None for name in TIMES}
        for row in StepSnapshot.objects.filter(run=run.pk).order_by("pk")
    ]
    events = [
        (event.seq, event.type, event.timeline, {**event.payload, "ended_at": 0, "started_at": 0})
        for event in run.events()
    ]
    row = RunRow.objects.get(pk=run.pk)
    counts = (row.status, row.revision, row.event_seq, row.active_count, row.state, row.result)
    return steps, events, counts


def named(value: Any, keys: dict[int, str]) -> Any:
    """Replace the key in a reference by the path of its step."""
    if isinstance(value, str) and value.partition(".")[0].isdecimal():
        return keys[int(value.partition(".")[0])] + value.partition(".")[2]
    return value


def test_a_chain_is_written_alike(chain, monkeypatch):
    fast = chain.create_run()
    assert fast.start({"n": 1}).result == {"n": 3}
    without_shortcuts(monkeypatch)
    plain = chain.create_run()
    assert plain.start({"n": 1}).result == {"n": 3}
    assert described(fast) == described(plain)


@pytest.mark.parametrize("text", ["", "ü" * 3000], ids=["small", "large"])
@pytest.mark.parametrize("is_waiting", [True, False], ids=["held at once", "queued"])
def test_a_run_is_started_alike(chain, monkeypatch, settings, text, is_waiting):
    if not is_waiting:
        settings.WORKFLOWS = {"DISPATCHER": "tests.product.SilentDispatcher"}
    given = {"n": 1, "text": text}
    options = {"initial_state": {"a": 1}, "request_context": {"b": [2]}, "wait": is_waiting}
    begun = []
    original = starting._start_plainly
    monkeypatch.setattr(
        starting, "_start_plainly", lambda *a: begun.append(original(*a)) or begun[-1]
    )
    fast = chain.create_run(resource_id="r")
    result = fast.start(given, **options)
    assert begun[0] is not None
    without_shortcuts(monkeypatch)
    plain = chain.create_run(resource_id="r")
    plain_result = plain.start(given, **options)
    assert begun[1] is None
    assert described(fast) == described(plain)
    assert result.input == plain_result.input == given
    rows = [RunRow.objects.filter(pk=run.pk).values().get() for run in (fast, plain)]
    differing = {"id", "run_id", "created_at", "started_at", "settled_at", "ended_at"}
    assert [{k: v for k, v in row.items() if k not in differing} for row in rows] == [
        {k: v for k, v in rows[0].items() if k not in differing}
    ] * 2


def test_a_shortcut_also_starts_a_run_only_once(chain):
    run = chain.create_run()
    stale = chain.get_run(run.run_id)
    run.start({"n": 1})
    with pytest.raises(errors.RunAlreadyStarted):
        stale.start({"n": 1})
    assert run.refresh().status == "success"


def test_a_chain_takes_the_shortcut(chain, monkeypatch):
    taken = []
    original = chains._moved
    monkeypatch.setattr(
        chains, "_moved", lambda move, **k: taken.append(move.held.path) or original(move, **k)
    )
    chain.create_run().start({"n": 1})
    assert taken == ["small", "large", "last", "again", "end"]


def test_the_reference_records_a_run_that_has_changed_meanwhile(monkeypatch):
    def cancels_itself(data: Any, ctx: StepContext) -> Any:
        run = flow.get_run(ctx.run_id)
        run.cancel()
        return data

    flow = Workflow("cut-short").then(step(cancels_itself, id="cut")).then(last).commit()
    result = flow.create_run().start({"n": 1})
    assert result.status == "canceled"
    assert list(result.steps) == ["cut"]
    assert result.steps["cut"].output == {"n": 1}


@step
def item(value: Any) -> Any:
    """Return a small value, or a large one for every seventh item."""
    return {"n": value["n"], "text": "x" * 2000} if value["n"] % 7 == 0 else value["n"] * 2


@pytest.fixture
def each() -> Workflow:
    """A foreach of plain items, some of them large, between two plain steps."""
    flow = Workflow("plain-items").then(step(lambda data: data, id="given"))
    return flow.foreach(item, concurrency=4).then(step(len, id="count")).commit()


def listed(number: int) -> list[dict[str, Any]]:
    """Return items, some of which are stored once and referred to."""
    return [{"n": n, "text": "y" * (1500 if n % 11 == 0 else 3)} for n in range(number)]


def test_the_items_of_a_list_are_written_alike(each, monkeypatch):
    fast = each.create_run()
    assert fast.start(listed(60)).result == 60
    without_shortcuts(monkeypatch)
    plain = each.create_run()
    assert plain.start(listed(60)).result == 60
    (steps, events, counts), (plain_steps, plain_events, plain_counts) = (
        described(run) for run in (fast, plain)
    )
    assert sorted(map(repr, steps)) == sorted(map(repr, plain_steps))
    # Which items end together varies, and with it the order and number of the changes.
    assert unordered(events) == unordered(plain_events)
    assert [event[0] for event in events] == list(range(1, len(events) + 1))
    assert counts[0] == plain_counts[0]
    assert counts[2:] == plain_counts[2:]
    assert [i.output for i in fast.result().steps["item"].iterations] == [
        i.output for i in plain.result().steps["item"].iterations
    ]
    progress = [e[3]["completed_count"] for e in events if e[1] == "workflow-step-progress"]
    assert progress == list(range(1, 61))


def unordered(events: list[Any]) -> list[str]:
    """Return the events without their times."""
    told = [(kind, {**payload, "completed_count": 0}) for _, kind, _, payload in events]
    return sorted(map(repr, told))


def test_items_take_the_shortcut(each, monkeypatch):
    taken = []
    original = items._record
    monkeypatch.setattr(items, "_record", lambda *a: taken.append(original(*a)) or taken[-1])
    each.create_run().start(listed(60))
    done = [ended for ended in taken if ended is not None]
    assert done


def test_many_threads_end_every_item_once(each, settings):
    run = each.create_run()
    assert run.start(listed(400)).result == 400
    row = RunRow.objects.get(pk=run.pk)
    assert (row.active_count, row.waiting_count) == (0, 0)
    results = [e for e in run.events() if e.type == "workflow-step-result"]
    assert len({e.payload["path"] for e in results}) == len(results) == 403


def test_a_run_is_suspended_when_its_last_working_item_ends_while_another_asks(execution):
    asked = threading.Event()

    def ask_or_work(value: int, ctx: StepContext) -> int:
        if value == 0 and ctx.resume_data is None:
            asked.set()
            ctx.suspend()
        if execution == "embedded":
            asked.wait(10)
            time.sleep(0.1)
        return value

    flow = Workflow("one-asks").foreach(step(ask_or_work, id="item"), concurrency=2).commit()
    run = flow.create_run()
    result = run.start([0, 1], timeout=20)
    assert (result.status, list(result.suspend_payload)) == ("suspended", ["item[0]"])
    assert RunRow.objects.values_list("active_count", flat=True).get(pk=run.pk) == 0
    assert run.resume("yes").result == [0, 1]


def pump(flow: Workflow) -> Any:
    """Start a run and do all its work in this thread, including sleeps, as a worker does."""
    run = flow.create_run()
    run.start({"n": 1}, wait=False)
    while run.refresh().status in {"running", "waiting"}:
        held = claim_next(worker=workers.mine(), now=clock.now())
        if held is None:
            time.sleep(0.02)
        else:
            work(held)
    return run


def test_sleeps_that_are_over_are_written_alike(monkeypatch, settings):
    settings.WORKFLOWS = {"DISPATCHER": "tests.product.SilentDispatcher"}
    workers.beat(clock.now())
    woken = []
    original = waking.wake_due
    monkeypatch.setattr(waking, "wake_due", lambda *a: woken.append(original(*a)) or woken[-1])
    flow = Workflow("plain-sleeps").then(small).sleep(0.05).then(step(last, id="after")).commit()
    fast = pump(flow)
    assert sum(woken) == 1
    without_shortcuts(monkeypatch)
    plain = pump(flow)
    (steps, events, counts), (plain_steps, plain_events, plain_counts) = (
        described(run) for run in (fast, plain)
    )
    assert steps == plain_steps
    assert [e[1:3] for e in events] == [e[1:3] for e in plain_events]
    assert (counts[0], *counts[2:]) == (plain_counts[0], *plain_counts[2:])


def test_many_sleeps_that_are_over_at_the_same_time_end_together(monkeypatch):
    taken = []
    original = waking.wake_due
    monkeypatch.setattr(waking, "wake_due", lambda *a: taken.append(original(*a)) or taken[-1])
    flow = Workflow("many-sleeps").sleep_until(until_soon).then(step(last, id="after")).commit()
    at = (clock.now() + timedelta(seconds=1)).isoformat()
    runs = [flow.create_run() for _ in range(40)]
    for run in runs:
        run.start({"n": 1, "at": at}, wait=False)
    for run in runs:
        waiting.wait(run.pk, 30)
        assert run.result().status == "success"
        kinds = [event.type for event in run.events()]
        assert kinds.count("workflow-step-result") == 2
    for row in RunRow.objects.filter(workflow="many-sleeps"):
        assert (row.active_count, row.waiting_count) == (0, 0)


def test_the_sweep_ends_sleeps_while_every_thread_is_busy(settings):
    settings.WORKFLOWS = {"DISPATCHER": "tests.product.SilentDispatcher"}
    process.stop(timeout=2.0)  # otherwise its threads would do it
    workers.beat(clock.now())
    flow = Workflow("swept-sleeps").then(small).sleep(0.01).then(step(last, id="after")).commit()
    run = flow.create_run()
    run.start({"n": 1}, wait=False)
    held = claim_next(worker=workers.mine(), now=clock.now())
    assert held is not None
    work(held)
    time.sleep(0.05)
    woken = wake_due(clock.now())
    assert woken == 1
    after = StepSnapshot.objects.filter(run=run.pk, path="after")
    assert after.exists()
    assert wake_due(clock.now()) == 0


def until_soon(data: dict[str, Any]) -> datetime:
    """Return when the sleep is to end."""
    return datetime.fromisoformat(data["at"])
