"""Items of a list that a thread claims as a stretch: each is written once, when it has ended."""

import threading
import time
import uuid
from datetime import timedelta
from typing import Any

import pytest
from pydantic import BaseModel, Field

from tests.recording import settled
from worker import process
from workflows_app import StepContext, Workflow, step
from workflows_app.definition import registry
from workflows_app.engine.host import clock, workers
from workflows_app.engine.record import settle as recording
from workflows_app.engine.record.recorder import DONE, Ended, Followed, keep_all, keep_none
from workflows_app.engine.record.settle import settle
from workflows_app.engine.run import performing, stretches
from workflows_app.engine.verbs import creating, starting, steering, waiting
from workflows_app.engine.work import recover
from workflows_app.engine.work.claim import claim
from workflows_app.engine.work.execute import execute
from workflows_app.models import Run, StepSnapshot, Stretch, Worker
from workflows_app.planner.outcomes import Failed, Listed, Succeeded

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _nobody_else_works(request, settings):
    """Let no worker take the steps, except in tests that need the threads of a worker."""
    if "embedded" in request.fixturenames:
        return
    process.stop(timeout=2.0)
    settings.WORKFLOWS = {"DISPATCHER": "tests.product.SilentDispatcher"}
    workers.beat(clock.now())


def same(data: Any) -> Any:
    """Return the input."""
    return data


def listed(fn: Any = same, count: int = 10, **options: Any) -> list[Any]:
    """Start a run over a list, and return the claims of the first two items."""
    flow = Workflow("stretched", **options).foreach(step(fn, id="item"), concurrency=2).commit()
    run = creating.create(flow, None, None)
    starting.start(flow, run, list(range(count)))
    listing = take(StepSnapshot.objects.get(run=run).pk)
    settled(listing, Listed(count, 2))
    queued = StepSnapshot.objects.filter(run=run, status="queued").order_by("position")
    return [take(pk) for pk in queued.values_list("pk", flat=True)]


def take(key: int, worker: uuid.UUID | None = None) -> Any:
    """Claim a step for this process, or for another worker."""
    return claim(key, worker=worker or workers.mine(), now=clock.now())


def ended(held: Any, *, thread: int = 1, keep: Any = keep_all) -> Ended:
    """Return the success of an item, with its input as output."""
    return Ended(held, Succeeded(held.payload), keep=keep, thread=thread)


def stretch(*, first: int = 2) -> list[Any]:
    """Return the claims of a stretch of two items."""
    recorded = settle([ended(held) for held in listed()])
    claims = [each.claim for each in recorded if isinstance(each, Followed)]
    assert [held.path for held in claims] == [f"item[{first}]", f"item[{first + 1}]"]
    return claims


def items(run: uuid.UUID) -> dict[int, str]:
    """Return the status of each item that has a snapshot."""
    rows = StepSnapshot.objects.filter(run=run, path__contains="[").order_by("position")
    return dict(rows.values_list("position", "status"))


def counts(run: uuid.UUID) -> tuple[int, int, int]:
    """Return a run's counts of active steps and of stretches, and the stretches in the table."""
    row = Run.objects.get(pk=run)
    return row.active_count, row.stretches, Stretch.objects.filter(run=run).count()


def test_items_of_a_stretch_are_written_when_they_have_ended():
    first, second = stretch()
    assert items(first.run) == {0: "success", 1: "success"}
    assert counts(first.run) == (2, 1, 1)

    recorded = settle([ended(first), ended(second)])

    assert [each.claim.path for each in recorded] == ["item[4]", "item[5]"]
    assert items(first.run) == dict.fromkeys(range(4), "success")
    assert counts(first.run) == (2, 1, 1)


def test_a_part_of_a_stretch_may_end_before_the_rest():
    first, second = stretch()

    (recorded,) = settle([ended(first)])

    assert recorded.claim.path == "item[4]"
    assert counts(first.run) == (2, 2, 2)
    assert sorted(Stretch.objects.values_list("position", "until")) == [(3, 4), (4, 5)]
    settle([ended(second)])
    assert items(first.run) == dict.fromkeys(range(4), "success")


def test_each_thread_takes_a_stretch_of_its_own():
    recorded = settle([ended(held, thread=n) for n, held in enumerate(listed())])

    claims = [each.claim for each in recorded]
    assert len({held.stretch for held in claims}) == 2
    assert sorted(Stretch.objects.values_list("position", "until")) == [(2, 3), (3, 4)]
    settle([ended(held, thread=n) for n, held in enumerate(claims)])
    assert counts(claims[0].run) == (2, 2, 2)


def test_a_thread_takes_no_more_items_than_the_window_and_the_list_have_left():
    first, second = listed(count=3)
    recorded = settle([ended(first), ended(second)])
    # The planner records the last item, because the list ends with it.
    assert [type(each) for each in recorded].count(Followed) == 1
    assert counts(first.run)[0] == 1


def test_what_is_not_kept_is_queued_for_others():
    first, _second = listed()
    assert settle([ended(first, keep=keep_none)]) == [DONE]
    assert items(first.run) == {0: "success", 1: "running", 2: "queued"}
    assert counts(first.run) == (2, 0, 0)


def test_a_result_counts_once_however_often_it_is_recorded():
    first, second = stretch()
    settle([ended(first), ended(second)])
    before = Run.objects.get(pk=first.run).event_seq

    assert settle([ended(first)]) == [DONE]

    assert Run.objects.get(pk=first.run).event_seq == before
    assert items(first.run) == dict.fromkeys(range(4), "success")


def test_a_whole_stretch_is_given_back_when_its_worker_is_lost():
    held = stretch()
    gone = Worker.objects.create(
        id=uuid.uuid4(), host="elsewhere", pid=1, mode="embedded", started_at=clock.now(),
        heartbeat_at=clock.now() - timedelta(days=1), stopped_at=clock.now(),
    )  # fmt: skip
    Stretch.objects.update(worker_id=gone.pk)

    assert recover.recover(clock.now()) == 2

    rows = StepSnapshot.objects.filter(run=held[0].run, position__in=[2, 3], path__contains="[")
    assert list(rows.values_list("status", "token", "lost_count")) == [("queued", 1, 1)] * 2
    assert counts(held[0].run) == (2, 0, 0)
    again = take(rows.order_by("position")[0].pk)
    assert (again.token, again.restarted, again.payload) == (2, True, "2")
    late = settled_or_lost(held[0])
    assert late == "LostLease"


def settled_or_lost(held: Any) -> str:
    """Record a late result of a claim; return what happened to it."""
    (recorded,) = settle([ended(held)])
    return type(recorded.error).__name__


def test_a_thread_goes_on_as_soon_as_another_has_recorded_what_it_brought():
    first, second = listed()
    recorded: list[Any] = []
    bringing = threading.Thread(target=lambda: recorded.extend(settle([ended(first)])))
    with first.session.lock:
        bringing.start()
        while not first.session.brought:
            time.sleep(0.001)
        recording._record_brought(first.session)
        # Others that take the lock again and again must not keep it from its next item.
        bringing.join(5)
        assert [each.claim.path for each in recorded] == ["item[2]"]
    settle([ended(second)])


def test_a_stretch_that_no_thread_holds_is_freed():
    held = stretch()
    seen: dict[int, int] = {}
    for _ in range(4):
        seen = recover.orphans(clock.now(), seen)
    assert items(held[0].run) == {0: "success", 1: "success", 2: "queued", 3: "queued"}


def test_a_stretch_that_a_thread_works_on_is_left_alone():
    held = stretch()
    recover.hold(held[1])
    seen: dict[int, int] = {}
    for _ in range(4):
        seen = recover.orphans(clock.now(), seen)
    assert counts(held[0].run) == (2, 1, 1)


def test_a_cancel_sees_the_items_that_threads_are_working_on():
    held = stretch()

    steering.cancel(Run.objects.get(pk=held[0].run))

    assert items(held[0].run) == {0: "success", 1: "success", 2: "running", 3: "running"}
    assert Run.objects.get(pk=held[0].run).status == "running"
    settle([ended(each) for each in held])
    assert items(held[0].run) == dict.fromkeys(range(4), "success")
    assert (Run.objects.get(pk=held[0].run).status, counts(held[0].run)) == ("canceled", (0, 0, 0))


def test_an_item_of_a_stretch_may_fail():
    first, second = stretch()
    error = {"type": "ValueError", "message": "no", "traceback": "", "cause": None, "details": {}}

    settle([Ended(first, Failed(error, may_retry=False), keep=keep_all, thread=1), ended(second)])

    assert items(first.run)[2] == "failed"
    assert Run.objects.get(pk=first.run).status == "failed"


def test_an_item_whose_key_another_process_has_made_too_is_done_again():
    first, second = stretch()
    _use_key(second.step)

    settle([ended(first, keep=keep_none), ended(second, keep=keep_none)])

    assert items(first.run) == {**dict.fromkeys(range(3), "success"), 3: "running", 4: "queued"}
    seen: dict[int, int] = {}
    for _ in range(3):
        seen = recover.orphans(clock.now(), seen)
    assert items(first.run)[3] == "queued"
    assert counts(first.run) == (2, 0, 0)


def _use_key(key: int) -> None:
    """Let a step of another run have this key."""
    row = StepSnapshot.objects.filter(parent=None).latest("pk")
    row.pk, row.run_id = key, uuid.uuid4()
    row.save(force_insert=True)


def test_items_of_a_stretch_have_the_same_events_as_items_with_snapshots():
    first, second = stretch()
    settle([ended(first)])
    performing.write_down(first.run, clock.now())
    settle([ended(second)])
    told = [
        (event.type, event.payload["path"])
        for event in _run_of(first).events()
        if event.payload.get("path") in {"item[2]", "item[3]"}
    ]
    steps = ["workflow-step-start", "workflow-step-result", "workflow-step-finish"]
    for path in ("item[2]", "item[3]"):
        assert [kind for kind, of in told if of == path] == steps


def _run_of(held: Any) -> Any:
    return registry.get(held.workflow_id).get_run(held.run_id)


class Made(BaseModel):
    """An input of which one part is different each time."""

    n: int
    token: str = Field(default_factory=lambda: uuid.uuid4().hex)


def token_of(data: Made) -> str:
    """Return the part that is another each time."""
    return data.token


def typed() -> tuple[Workflow, list[Any]]:
    """Return a workflow whose items have such an input, and claims of the first two."""
    flow = Workflow("typed").foreach(step(token_of, id="item"), concurrency=2).commit()
    run = creating.create(flow, None, None)
    starting.start(flow, run, [{"n": n} for n in range(6)])
    settled(take(StepSnapshot.objects.get(run=run).pk), Listed(6, 2))
    queued = StepSnapshot.objects.filter(run=run, status="queued").order_by("position")
    return flow, [take(pk) for pk in list(queued.values_list("pk", flat=True))]


def test_every_attempt_of_an_item_sees_the_same_input():
    flow, held = typed()
    first = settle([ended(each) for each in held])[0].claim
    attempt = execute(flow.tree, first).outcome.output

    performing.write_down(first.run, clock.now())

    row = StepSnapshot.objects.get(run=first.run, path="item[2]")
    assert f'"{row.payload["token"]}"' == attempt


def test_items_that_get_their_snapshots_as_they_are_claimed_are_worked_on(monkeypatch):
    flow, held = typed()
    keep_payloads = stretches.keep_payloads

    def after_others(*given: Any) -> Any:
        performing.write_down(held[0].run, clock.now())
        is_kept: bool = keep_payloads(*given)
        return is_kept

    monkeypatch.setattr(stretches, "keep_payloads", after_others)
    recorded = settle([ended(each) for each in held])

    claims = [each.claim for each in recorded]
    assert [claim.path for claim in claims] == ["item[2]", "item[3]"]
    attempt = execute(flow.tree, claims[1]).outcome.output
    row = StepSnapshot.objects.get(run=held[0].run, path="item[3]")
    assert f'"{row.payload["token"]}"' == attempt
    settle([ended(claim) for claim in claims])
    assert [items(held[0].run)[n] for n in range(4)] == ["success"] * 4


def test_a_run_of_another_version_takes_no_stretches():
    first, second = listed()
    Run.objects.filter(pk=first.run).update(version=Run.objects.get(pk=first.run).version_id + 1)
    first.session.forget()

    settle([ended(first), ended(second)])

    assert counts(first.run)[1:] == (0, 0)


def test_a_run_of_another_version_keeps_its_window_full():
    first, _second = listed()
    Run.objects.filter(pk=first.run).update(version=Run.objects.get(pk=first.run).version_id + 1)
    first.session.forget()

    settle([ended(first)])

    assert list(items(first.run)) == [0, 1, 2]
    assert counts(first.run)[0] == 2


@pytest.mark.usefixtures("embedded")
def test_a_slow_item_is_visible_while_a_thread_works_on_it():
    gate, began = threading.Event(), threading.Event()

    def once_slow(n: int, ctx: StepContext) -> int:
        if n == 150:
            began.set()
            gate.wait(20)
        return n

    flow = Workflow("seen").foreach(step(once_slow, id="item"), concurrency=8).commit()
    run = flow.create_run()
    run.start(list(range(200)), wait=False)
    assert began.wait(20)
    rows = StepSnapshot.objects.filter(run=run.pk, path="item[150]", status="running")
    until = time.monotonic() + 5
    while not rows.exists() and time.monotonic() < until:
        time.sleep(0.01)
    assert rows.exists()
    gate.set()
    waiting.wait(run.pk, 20)
    assert run.result().result == list(range(200))
    assert counts(run.pk) == (0, 0, 0)
