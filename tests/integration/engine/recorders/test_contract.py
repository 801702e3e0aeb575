"""The contract of recorders: the same cases over each of them, on both databases.

A recorder may always answer NotPlain; it has then written nothing. Otherwise it writes what the
reference writes, and `test_alike` compares that row by row.
"""

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from tests.recording import settled
from worker import process
from workflows_app import Workflow, errors, step
from workflows_app.engine.host import clock, workers
from workflows_app.engine.record import chain, items, reference
from workflows_app.engine.record.recorder import (
    DONE,
    NOT_PLAIN,
    Ended,
    Followed,
    Recorded,
    Recorder,
    Refused,
    keep_all,
    keep_none,
)
from workflows_app.engine.verbs import creating, starting, steering
from workflows_app.engine.work.claim import claim
from workflows_app.engine.work.recover import release
from workflows_app.jsontext import Raw
from workflows_app.models import Run, RunEvent, StepSnapshot
from workflows_app.planner.outcomes import Changes, Failed, Listed, Outcome, Succeeded, Suspended

pytestmark = pytest.mark.django_db(transaction=True)

ERROR: dict[str, Any] = {
    "type": "ValueError",
    "message": "no",
    "traceback": "",
    "cause": None,
    "details": {},
}


@pytest.fixture(autouse=True)
def _nobody_else_works(settings):
    """Let no worker take the steps that the test works on."""
    process.stop(timeout=2.0)
    settings.WORKFLOWS = {"DISPATCHER": "tests.product.SilentDispatcher"}
    workers.beat(clock.now())


@dataclass(frozen=True)
class Case:
    """A recorder, and a function that makes claims that it can record."""

    recorder: Recorder
    claims: Callable[[int], list[Any]]
    #: Whether it records only what is plain.
    is_short: bool = True
    #: Whether its claims belong to one run.
    is_one_run: bool = True

    def record(self, ended: Sequence[Ended]) -> list[Recorded]:
        """Record under the lock that the recorder expects."""
        if not self.is_one_run:
            return self.recorder.record(ended)
        with ended[0].claim.session.lock:
            return self.recorder.record(ended)


def same(data: Any) -> Any:
    """Return the input."""
    return data


def take(key: int) -> Any:
    """Claim a step for this process."""
    return claim(key, worker=workers.mine(), now=clock.now())


def of_chains(count: int) -> list[Any]:
    """Return the claims of the first steps of `count` runs."""
    flow = Workflow("contract").then(step(same, id="first")).then(step(same, id="second")).commit()
    held = []
    for _ in range(count):
        run = creating.create(flow, None, None)
        starting.start(flow, run, 1)
        held.append(take(StepSnapshot.objects.get(run=run).pk))
    return held


def of_list(count: int) -> list[Any]:
    """Return the claims of `count` items of one list, which has more."""
    flow = Workflow("contract-list").foreach(step(same, id="item"), concurrency=count + 1)
    run = creating.create(flow.commit(), None, None)
    starting.start(flow, run, list(range(count * 4)))
    settled(take(StepSnapshot.objects.get(run=run).pk), Listed(count * 4, count + 1))
    queued = StepSnapshot.objects.filter(run=run, status="queued").order_by("position")
    return [take(key) for key in list(queued.values_list("pk", flat=True))][:count]


def of_stretch(count: int) -> list[Any]:
    """Return the claims of a stretch of `count` items."""
    recorded = items.record(
        [Ended(held, Succeeded(held.payload), keep=keep_all, thread=1) for held in of_list(count)]
    )
    return [each.claim for each in recorded if isinstance(each, Followed)]


CASES = {
    "chain": Case(chain, of_chains, is_one_run=False),
    "items": Case(items, of_list),
    "stretch": Case(items, of_stretch),
    "reference": Case(reference, of_list, is_short=False),
}
every = pytest.mark.parametrize("case", CASES.values(), ids=CASES)
short = pytest.mark.parametrize(
    "case", [case for case in CASES.values() if case.is_short], ids=["chain", "items", "stretch"]
)


def ended(held: Any, outcome: Outcome | None = None, **options: Any) -> Ended:
    """Return the outcome of a claim: this one, or a success with the claim's input."""
    options = {"keep": keep_all, "thread": 1, **options}
    return Ended(held, Succeeded(held.payload) if outcome is None else outcome, **options)


def written(run: uuid.UUID) -> tuple[Any, ...]:
    """Return everything that is recorded of a run."""
    steps = StepSnapshot.objects.filter(run=run).order_by("pk")
    return (
        Run.objects.filter(pk=run).values().get(),
        list(steps.values()),
        list(RunEvent.objects.filter(run=run).order_by("first_seq").values()),
    )


def status_of(held: Any) -> str | None:
    """Return the status of a step; None if it has no snapshot."""
    return StepSnapshot.objects.filter(pk=held.step).values_list("status", flat=True).first()


@every
def test_a_success_is_recorded_with_its_output_and_token(case):
    (held,) = case.claims(1)
    (recorded,) = case.record([ended(held)])
    assert isinstance(recorded, Followed)
    row = StepSnapshot.objects.get(pk=held.step)
    assert (row.status, row.settled_token, row.worker_id) == ("success", held.token, None)
    assert row.output == row.payload
    assert row.ended_at is not None


@every
def test_what_follows_is_claimed_by_the_same_worker(case):
    (held,) = case.claims(1)
    (recorded,) = case.record([ended(held)])
    following = recorded.claim
    assert (following.run, following.worker, following.token) == (held.run, held.worker, 1)
    assert following.path != held.path
    assert following.payload
    (again,) = case.record([ended(following)])
    assert again != NOT_PLAIN
    assert status_of(following) == "success"


@every
def test_several_outcomes_are_recorded_at_once(case):
    claims = case.claims(3)
    recorded = case.record([ended(held) for held in claims])
    assert all(isinstance(each, (Followed, type(DONE))) for each in recorded)
    assert [status_of(held) for held in claims] == ["success"] * 3


@every
def test_recording_again_changes_nothing(case):
    held, _other = case.claims(2)
    case.record([ended(held)])
    before = written(held.run)
    (recorded,) = case.record([ended(held, Succeeded(Raw('"other"')))])
    assert recorded in {DONE, NOT_PLAIN}
    assert written(held.run) == before


@every
def test_a_late_result_writes_nothing(case):
    held, _other = case.claims(2)
    release(held, now=clock.now())
    newer = take(held.step)
    assert newer.token == held.token + 1
    before = written(held.run)
    (recorded,) = case.record([ended(held)])
    assert recorded == NOT_PLAIN or isinstance(recorded, Refused)
    if isinstance(recorded, Refused):
        assert isinstance(recorded.error, errors.LostLease)
    assert written(held.run) == before


@every
def test_event_numbers_have_no_gaps(case):
    held = case.claims(1)
    for _ in range(3):
        recorded = case.record([ended(each) for each in held])
        held = [each.claim for each in recorded if isinstance(each, Followed)]
        if not held:
            break
    run = Run.objects.latest("pk")
    ranges = RunEvent.objects.filter(run=run).order_by("first_seq")
    numbers = [n for first, last in ranges.values_list("first_seq", "last_seq")
               for n in range(first, last + 1)]  # fmt: skip
    assert numbers == list(range(1, run.event_seq + 1))


@short
@pytest.mark.parametrize(
    "outcome",
    [
        Failed(ERROR, may_retry=False),
        Suspended(Raw("{}")),
        Succeeded(Raw("1"), Changes(state={"a": 1})),
    ],
    ids=["failed", "suspended", "changed the state"],
)
def test_a_shortcut_does_not_record_an_outcome_that_is_not_plain(case, outcome):
    held, _other = case.claims(2)
    before = written(held.run)
    assert case.record([ended(held, outcome)]) == [NOT_PLAIN]
    assert written(held.run) == before


@short
def test_a_shortcut_does_not_record_a_step_that_wrote_to_its_stream(case):
    held, _other = case.claims(2)
    before = written(held.run)
    assert case.record([ended(held, said=[("workflow-step-output", {})])]) == [NOT_PLAIN]
    assert written(held.run) == before


@short
def test_a_shortcut_writes_nothing_to_a_run_that_was_canceled(case):
    held, _other = case.claims(2)
    steering.cancel(Run.objects.get(pk=held.run))
    before = written(held.run)
    assert case.record([ended(held)]) == [NOT_PLAIN]
    assert written(held.run) == before


@pytest.mark.parametrize("name", ["chain", "reference"])
def test_what_is_not_kept_is_queued_for_others(name):
    case = CASES[name]
    (held,) = of_chains(1)
    assert case.record([ended(held, keep=keep_none)]) == [DONE]
    queued = StepSnapshot.objects.get(run=held.run, path="second")
    assert (queued.status, queued.worker_id, queued.token) == ("queued", None, 0)
