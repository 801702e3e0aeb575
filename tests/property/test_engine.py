"""The engine driven at random: crashes, late and doubled results, pauses, verbs, time travels.

Whatever happens, every run ends, a recorded result never changes on its timeline, events have no
gaps, counts match rows, and a successful run has the result that the plain interpreter computes.
"""

import itertools
import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from tests.recording import settled
from tests.reference import interpret
from worker import process
from workflows_app import Deadline, Run, StepContext, Workflow, errors, step
from workflows_app.engine.host import clock, workers
from workflows_app.engine.run import expiry
from workflows_app.engine.run.claims import Claim
from workflows_app.engine.work.claim import claim
from workflows_app.engine.work.execute import Done, execute
from workflows_app.engine.work.turn import work
from workflows_app.models import Run as RunRow
from workflows_app.models import RunEvent, StepSnapshot
from workflows_app.planner.statuses import STEP_ENDED, StepStatus

flows = itertools.count()
MODULUS = 1009


class Chaos:
    """What goes wrong inside steps, until it is told to stop."""

    def __init__(self) -> None:
        self.rng = random.Random(0)
        self.is_calm = False
        #: Numbers the steps of one example, the same each time it is tried.
        self.names = itertools.count()

    def strike(self, ctx: StepContext) -> None:
        """Fail or ask, or do neither."""
        roll = self.rng.random()
        if self.is_calm:
            return
        if roll < 0.15:
            raise ValueError("chaos")
        if roll < 0.3 and ctx.resume_data is None:
            ctx.suspend({"path": ctx.path})
        ctx.set_state({ctx.path: roll})


chaos = Chaos()


def pure(step_id: str, value: int) -> int:
    """Return what a step makes of its input."""
    return (value * 31 + int(step_id.rpartition("-")[2]) * 7 + 3) % MODULUS


def random_step() -> Any:
    """Return a step of its own, struck by chaos."""
    id_ = f"s-{next(chaos.names)}"

    def fn(value: int, ctx: StepContext) -> int:
        chaos.strike(ctx)
        return pure(id_, value)

    asks: Any = chaos.rng.choice([None, "ask"])
    return step(fn, id=id_, retries=chaos.rng.choice([None, 1]), on_exhausted=asks)


def random_workflow(rng: random.Random, depth: int = 0) -> Workflow:
    """Return a workflow of every kind of entry; a number comes in and goes out of each."""
    flow = Workflow(f"machine-{next(flows)}", retry_attempts=rng.randrange(2))
    for _ in range(rng.randint(1, 3)):
        add_entry(flow, rng, depth)
    return flow.commit()


def add_entry(flow: Workflow, rng: random.Random, depth: int) -> None:
    """Add one entry, and a map that turns its output into a number again."""

    def part() -> Any:
        nests = depth < 2 and rng.random() < 0.3
        return random_workflow(rng, depth + 1) if nests else random_step()

    match rng.randrange(7):
        case 0:
            flow.parallel([part(), part()]).map(total)
        case 1:
            arms: list[Any] = [(lambda n: n % 2, part()), (lambda n, ctx: n % 3, part())]
            flow.branch(arms).map(total)
        case 2:
            flow.map(listed).foreach(part(), concurrency=rng.choice([1, 2, 9])).map(sum_up)
        case 3:
            flow.do_while(part(), lambda n, ctx: ctx.iteration < n % 3)
        case 4:
            flow.do_until(part(), lambda n, ctx: ctx.iteration >= n % 3)
        case 5:
            waits: list[Any] = [60, lambda n: 60]
            flow.sleep(rng.choice(waits)).then(part())
        case _:
            flow.then(part())


def total(outputs: dict[str, int]) -> int:
    """Turn the outputs of arms into a number."""
    return sum(outputs.values()) % MODULUS


def sum_up(outputs: list[int]) -> int:
    """Turn a list into a number."""
    return sum(outputs) % MODULUS


def listed(number: int) -> list[int]:
    """Turn a number into a short list, sometimes an empty one."""
    return [number + i for i in range(number % 5)]


class Machine(RuleBasedStateMachine):
    """One run, and everything that can happen to it."""

    @initialize(seed=st.integers(0, 2**32))
    def begin(self, seed: int) -> None:
        """Start a run of a random workflow that nobody works on by itself."""
        self.rng = random.Random(seed)
        chaos.rng, chaos.is_calm, chaos.names = self.rng, False, itertools.count()
        self.flow = random_workflow(self.rng)
        self.run: Run = self.flow.create_run()
        self.given = self.rng.randrange(MODULUS)
        self.later = timedelta()
        self.held: list[Claim] = []
        self.done: list[tuple[Claim, Done]] = []
        self.recorded: dict[int, tuple[str, Any]] = {}
        self.is_canceled = False
        deadline = self.rng.choice([None, Deadline(timedelta(days=365))])
        self.run.start(self.given, deadline=deadline, wait=False)

    @property
    def now(self) -> Any:
        """The time, moved on by the sleeps so far."""
        return clock.now() + self.later

    def claimable(self) -> list[int]:
        """Return what may be claimed now, and what sleeps."""
        return ready(self.run, self.now)

    # What workers do.

    @rule()
    def take(self) -> None:
        """Claim a step; a second claim of it gets nothing."""
        if ready := self.claimable():
            chosen = self.rng.choice(ready)
            if taken := claim(chosen, worker=workers.mine(), now=self.now):
                self.held.append(taken)
            if taken is not None and taken.step == chosen:
                assert claim(chosen, worker=workers.mine(), now=self.now) is None

    @rule(goes_on=st.booleans())
    def finish(self, goes_on: bool) -> None:
        """Run a claimed step and record its outcome."""
        if not self.held:
            return
        held = self.held.pop(self.rng.randrange(len(self.held)))
        done = execute(self.flow.tree, held)
        self.record(held, done, goes_on=goes_on)
        self.done.append((held, done))

    @rule()
    def say_it_again(self) -> None:
        """Deliver a result twice, or long after its claim was taken over; nothing changes."""
        if not self.done:
            return
        held, done = self.rng.choice(self.done)
        before = RunRow.objects.values_list("revision", flat=True).get(pk=self.run.pk)
        self.record(held, done, goes_on=False, again=True)
        assert RunRow.objects.values_list("revision", flat=True).get(pk=self.run.pk) == before

    def record(self, held: Claim, done: Done, *, goes_on: bool, again: bool = False) -> None:
        """Settle a claim; what follows it is held, too."""
        try:
            following = settled(held, done.outcome, go_on=goes_on, said=done.said)
        except errors.LostLease:
            return
        assert not (again and following)
        if following is not None:
            self.held.append(following)

    @rule()
    def crash(self) -> None:
        """Lose every worker, with its results that are not recorded yet."""
        if not self.held:
            return
        held = self.held.pop(self.rng.randrange(len(self.held)))
        self.done.append((held, execute(self.flow.tree, held)))
        try:
            self.run.restart(wait=False)
        except (errors.RunNotActive, errors.NothingToRestart):
            self.held.append(held)
            self.done.pop()
            return
        self.done += [(other, execute(self.flow.tree, other)) for other in self.held]
        self.held = []

    @rule()
    def sleep(self) -> None:
        """Let a minute or two pass."""
        self.later += timedelta(minutes=2)

    # What people do.

    @rule()
    def answer(self) -> None:
        """Answer one question; nobody can answer it twice."""
        if asked := self.run.suspended_steps():
            chosen = self.rng.choice(asked)
            self.run.resume(
                answer_to(self.run, chosen, self.rng), suspension=chosen["suspension"], wait=False
            )
            with pytest.raises(ANSWERED):
                self.run.resume("again", suspension=chosen["suspension"], wait=False)

    @rule(dares=st.integers(0, 15))
    def cancel(self, dares: int) -> None:
        """Cancel, now and then."""
        if dares == 0:
            self.run.cancel()
            self.is_canceled = self.run.status == "canceled" or self.is_canceled

    @rule(dares=st.integers(0, 7))
    def miss_its_deadline(self, dares: int) -> None:
        """Let the time of its deadline come, now and then: once, and only if it has not ended."""
        if dares == 0:
            row = RunRow.objects.get(pk=self.run.pk)
            is_over = row.is_ended or row.ending or not row.is_timed
            before = self.deadlines_passed()
            for _ in range(2):
                expiry.expire_due(clock.now() + timedelta(days=366))
            assert self.deadlines_passed() - before == (0 if is_over else 1)

    def deadlines_passed(self) -> int:
        """Return how often its deadline has passed."""
        return sum(event.type == "workflow-deadline" for event in self.run.events())

    @rule()
    def pause(self) -> None:
        """Hold the run; refused only if it has ended or is ending."""
        row = RunRow.objects.get(pk=self.run.pk)
        try:
            self.run.pause("chaos")
        except errors.RunNotActive:
            assert row.is_ended or row.ending
        else:
            assert self.run.hold is not None

    @rule(per_step=st.sampled_from([None, False, True]))
    def proceed(self, per_step: bool | None) -> None:
        """Let the run on; refused unless it is paused or held."""
        row = RunRow.objects.get(pk=self.run.pk)
        try:
            self.run.proceed(per_step=per_step, wait=False)
        except errors.RunNotPaused:
            assert row.is_ended or (row.status != "paused" and not row.is_held)

    @rule()
    def retry(self) -> None:
        """Retry; refused unless the run has failed."""
        has_failed = self.run.refresh().status == "failed"
        try:
            self.run.retry(wait=False)
        except errors.RunNotFailed:
            assert not has_failed

    @rule()
    def travel(self) -> None:
        """Run again from any step; refused while the run is active."""
        target = self.rng.choice(list(self.flow.tree.nodes))
        if self.run.refresh().status in {"running", "waiting"}:
            with pytest.raises(errors.RunStillRunning):
                self.run.time_travel(target, wait=False)
            return
        try:
            plan = self.run.plan_time_travel(target)
        except errors.MissingStepResult:
            return
        if self.takes_a_way_of_its_own(target):
            return
        self.run.time_travel(target, plan=plan.token, wait=False)
        self.is_canceled = False

    def takes_a_way_of_its_own(self, target: str) -> bool:
        """Return whether the target is in an arm, where siblings may stay out of the output."""
        nodes, path = self.flow.tree.nodes, target
        while path:
            if nodes[path].kind.value in {"parallel", "branch"} and path != target:
                return True
            path = nodes[path].parent
        return False

    @rule()
    def fork(self) -> None:
        """Fork a run that has succeeded; the fork has the same result."""
        if self.run.refresh().status != "success" or self.run.timeline > 3:
            return
        target = self.rng.choice([node.path for node in self.flow.tree.entries])
        calm, chaos.is_calm = chaos.is_calm, True
        forked = self.run.fork(target, wait=False)
        drive(forked)
        chaos.is_calm = calm
        assert forked.result().result == self.expected()
        check(forked)

    # Invariants.

    def expected(self) -> int:
        """Return the result that the run must have."""
        value: int = interpret(self.flow.tree, self.given, pure)
        return value

    @invariant()
    def all_is_consistent(self) -> None:
        """Check counts, log and what was recorded."""
        if not hasattr(self, "run"):
            return
        check(self.run)
        for pk, status, output in StepSnapshot.objects.filter(
            run=self.run.pk, status__in=list(STEP_ENDED)
        ).values_list("pk", "status", "output"):
            assert self.recorded.setdefault(pk, (status, output)) == (status, output)

    def teardown(self) -> None:
        """Let the run end, and check its result."""
        if not hasattr(self, "run"):
            return
        chaos.is_calm = True
        for held in self.held:
            self.record(held, execute(self.flow.tree, held), goes_on=False)
        drive(self.run)
        while self.run.refresh().status == "failed":
            self.run.retry(wait=False)
            drive(self.run)
        self.all_is_consistent()
        assert self.run.refresh().status in {"success", "canceled"}
        if self.run.status == "success":
            assert self.run.result().result == self.expected()


def drive(run: Run) -> None:
    """Let the run continue until nothing is left, and answer its questions."""
    for turn in range(3000):
        late = clock.now() + timedelta(hours=1 + turn)
        row = RunRow.objects.get(pk=run.pk)
        if not row.is_ended and not row.ending and (row.is_held or row.status == "paused"):
            run.proceed(per_step=False, wait=False)
        elif waiting := ready(run, late):
            if taken := claim(waiting[0], worker=workers.mine(), now=late):
                work(taken)
        elif asked := run.suspended_steps():
            run.resume(answer_to(run, asked[0]), suspension=asked[0]["suspension"], wait=False)
        else:
            return
    raise AssertionError("the run does not end")


#: What a second answer to a question is refused with.
ANSWERED = (errors.ResumeAlreadyClaimed, errors.StepNotSuspended, errors.RunNotSuspended)


def answer_to(run: Run, asked: dict[str, Any], rng: random.Random | None = None) -> Any:
    """Return an answer after which the run may still have the result that it must have."""
    if asked["suspend_payload"].get("kind") != "exhausted":
        return "yes"
    payload = run.step_payload(asked["path"])
    answers: list[Any] = [
        {"action": "retry"},
        {"action": "retry", "input": payload},
        {"action": "result", "output": pure(asked["id"], payload)},
        {"action": "fail"},
    ]
    return answers[0] if rng is None else rng.choice(answers)


def ready(run: Run, now: datetime) -> list[int]:
    """Return the steps that may be claimed at a time, and the sleeps that are over by then."""
    steps = StepSnapshot.objects.claimable(now) | StepSnapshot.objects.slept(now)
    return list(steps.filter(run=run.pk).order_by("pk").values_list("pk", flat=True))


def check(run: Run) -> None:
    """Check that counts match rows, and that the log has no gap."""
    row = RunRow.objects.get(pk=run.pk)
    steps = StepSnapshot.objects.current().filter(run=run.pk).exclude(kind="hook")
    held = steps.filter(status=StepStatus.RUNNING, worker__isnull=False).count()
    assert row.active_count == held + steps.filter(status=StepStatus.QUEUED).count()
    assert row.waiting_count == steps.filter(status=StepStatus.WAITING).count()
    assert row.paused_count == steps.filter(status=StepStatus.PAUSED).count()
    if row.is_held and not row.is_ended:
        assert not steps.filter(status=StepStatus.QUEUED).exists()
        assert row.status == ("running" if held else "paused")
    assert row.suspended_count == steps.filter(status=StepStatus.SUSPENDED).count()
    assert list(numbers_of(run)) == list(range(1, row.event_seq + 1))
    if row.is_ended:
        assert not steps.exclude(status__in=list(STEP_ENDED)).exists()


def numbers_of(run: Run) -> Iterator[int]:
    """Yield the number of every event."""
    for row in RunEvent.objects.filter(run=run.pk).order_by("first_seq"):
        assert len(row.events) == row.last_seq - row.first_seq + 1
        yield from range(row.first_seq, row.last_seq + 1)


@pytest.mark.django_db(transaction=True)
def test_whatever_happens_a_run_ends_as_the_plain_interpreter_says(settings):
    process.stop(timeout=2.0)  # threads of other tests would find steps that wait for long
    settings.WORKFLOWS = {"DISPATCHER": "tests.product.SilentDispatcher"}
    run_state_machine_as_test(Machine, settings=MANY)


MANY = settings(
    max_examples=25,
    stateful_step_count=50,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.generate],
)
