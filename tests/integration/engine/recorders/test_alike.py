"""All recorders write the same, and a shortcut writes nothing if anything is not plain."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest
from django.contrib.auth.models import User

from tests.recording import without_shortcuts
from worker import process
from workflows_app import Run, StepContext, Workflow, errors, signals, step
from workflows_app.engine.host import clock, entrance, transactions, workers
from workflows_app.engine.record import chain as chains
from workflows_app.engine.record import items, ledger, waking
from workflows_app.engine.record import start as shortcut
from workflows_app.engine.verbs import starting, waiting
from workflows_app.engine.work.claim import claim_next, wake_due
from workflows_app.engine.work.turn import work
from workflows_app.jsontext import Raw
from workflows_app.models import AcceptedStart, Action, StepSnapshot, grouped, moves
from workflows_app.models import Run as RunRow

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


@pytest.mark.parametrize("is_written", [True, False], ids=["created before", "made by its start"])
@pytest.mark.parametrize("actor", [None, "ada", "nightly"], ids=["nobody", "a person", "a name"])
def test_a_start_by_somebody_is_written_alike(chain, monkeypatch, settings, actor, is_written):
    settings.WORKFLOWS = {"DISPATCHER": "tests.product.SilentDispatcher"}
    actor = User.objects.create_user(username="ada") if actor == "ada" else actor
    heard, begun = [], []
    original = starting._start_plainly
    monkeypatch.setattr(
        starting, "_start_plainly", lambda *a: begun.append(original(*a)) or begun[-1]
    )
    monkeypatch.setattr(signals, "send", lambda run, events: heard.append(events[0]["payload"]))
    monkeypatch.setattr(signals, "are_heard", lambda: True)

    def started() -> Any:
        make = chain.create_run if is_written else partial(Run.unwritten, chain)
        run = make(None, "r")
        assert RunRow.objects.filter(pk=run.pk).exists() is is_written
        with entrance.entered("request-1", "192.0.2.1"):
            run.start({"n": 1}, actor=actor, door="api", wait=False)
        return run

    fast = started()
    without_shortcuts(monkeypatch)
    plain = started()
    assert described(fast) == described(plain)
    assert begun[0] is not None
    assert begun[1] is None
    assert heard[0] == heard[1]
    assert acted(fast) == acted(plain)
    assert len(acted(fast)) == (actor is not None)
    own = {"id", "run_id", "created_at", "started_at"}
    rows = [RunRow.objects.filter(pk=run.pk).values().get() for run in (fast, plain)]
    assert [{k: v for k, v in row.items() if k not in own} for row in rows] == [
        {k: v for k, v in rows[0].items() if k not in own}
    ] * 2


def acted(run: Any) -> list[dict[str, Any]]:
    """Return what the audit trail has of a run, except keys and times."""
    rows = list(Action.objects.filter(run=run.pk).order_by("pk").values())
    assert all(row["public_run_id"] == run.run_id for row in rows)
    own = {"id", "run_id", "public_run_id", "at"}
    return [{k: v for k, v in row.items() if k not in own} for row in rows]


def test_many_starts_are_written_together_whoever_starts_them(chain, settings):
    settings.WORKFLOWS = {"DISPATCHER": "tests.product.SilentDispatcher"}
    ada = User.objects.create_user(username="ada")
    runs = [chain.create_run() if n % 2 else Run.unwritten(chain, None, None) for n in range(8)]
    records: dict[Any, list[Any]] = {}
    for number, run in enumerate(runs):
        actor = ada if number % 4 < 2 else None
        given = shortcut.Given(Raw('{"n": 1}'), {}, {}, actor, "api")
        node = shortcut.first_step(chain, run._row)
        with collecting(records):
            shortcut.start(chain, run._row, node, given, None)
    assert set(records) == set(moves.STARTING)
    for kind, some in records.items():
        with transactions.of_one_move():
            assert grouped.start(moves.STARTING[kind], some) == {each["run"] for each in some}
    assert set(RunRow.objects.values_list("status", flat=True)) == {"running"}
    assert Action.objects.filter(actor=ada, verb="start").count() == 4
    assert RunRow.objects.filter(started_by=ada).count() == 4


@contextmanager
def collecting(records: dict[Any, list[Any]]) -> Iterator[None]:
    """Collect the records of starts instead of writing them."""

    def collect(*, is_made: bool, **values: Any) -> bool:
        kind = (is_made, "verb" in values)
        records.setdefault(kind, []).append(grouped.record(**values))
        return False

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(ledger, "write_start", collect)
        yield


def test_a_run_that_is_made_by_its_start_refuses_an_id_that_was_taken(chain):
    late = Run.unwritten(chain, "mine", None)
    pending = Run.unwritten(chain, "waiting", None)
    chain.create_run("mine").start({"n": 1})
    chain.create_run("waiting", "about")
    with pytest.raises(errors.RunAlreadyStarted):
        late.start({"n": 2})
    assert pending.start({"n": 2}).status == "success"
    assert pending.refresh().resource_id == "about"
    other = Workflow("plain-other").then(last).commit()
    with pytest.raises(errors.RunIdTaken):
        Run.unwritten(other, "mine", None).start({"n": 2}, wait=False)


def test_a_run_that_is_made_by_its_start_is_kept_while_the_intake_is_paused(chain):
    chain.create_run()
    chain.pause_intake("later")
    run = Run.unwritten(chain, None, None)
    run.start({"n": 1}, wait=False, actor="nightly")
    assert run.refresh().status == "pending"
    chain.resume_intake()
    chain.get_run(run.run_id)
    assert AcceptedStart.objects.count() == 0


def test_wrong_input_leaves_no_run_that_is_made_by_its_start():
    flow = Workflow("plain-typed", input=dict[str, int]).then(last).commit()
    with pytest.raises(errors.InvalidInput):
        Run.unwritten(flow, "none", None).start({"n": "x"}, wait=False)
    assert not RunRow.objects.filter(run_id="none").exists()


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
