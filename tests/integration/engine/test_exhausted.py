"""on_exhausted="ask": a step whose attempts are used up asks somebody instead of failing."""

import threading
from contextlib import contextmanager

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.utils import timezone
from pydantic import BaseModel

from tests.product import wait_until
from workflows_app import StepContext, Workflow, emit, errors, step
from workflows_app.engine.work import recover
from workflows_app.models import Action, Assignment, StepSnapshot

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("execution")]


class Parcel(BaseModel):
    """What the steps here take and give."""

    weight: int
    note: str = ""


class Scale:
    """A step that fails until it is mended, and a note of the attempts that it made."""

    def __init__(self) -> None:
        self.is_broken = True
        self.seen: list[tuple[int, int]] = []
        self.keys: set[str] = set()

    def step(self, id_="weigh", **options):
        """Return a step that fails while the scale is broken, and for a weight of 13."""

        def fn(parcel: Parcel, ctx: StepContext) -> Parcel:
            self.seen.append((parcel.weight, ctx.retry_count))
            self.keys.add(ctx.idempotency_key)
            if self.is_broken or parcel.weight == 13:
                raise RuntimeError(f"the scale broke at {parcel.weight}")
            return parcel

        return step(fn, id=id_, **({"on_exhausted": "ask"} | options))


@pytest.fixture
def scale():
    return Scale()


@step
def double(parcel: Parcel) -> Parcel:
    """Double the weight."""
    return Parcel(weight=parcel.weight * 2)


def asking(flow, given=None, **options):
    """Return a run that has started and waits for a decision."""
    run = flow.create_run()
    result = run.start({"weight": 5} if given is None else given, **options)
    assert result.status == "suspended", result
    return run


def weighed(scale, name, **options):
    """Return a workflow that weighs and doubles."""
    return Workflow(name, input=Parcel).then(scale.step(**options)).then(double).commit()


@contextmanager
def refused(run, kind=errors.InvalidResumeData):
    """Expect a refusal that changes nothing."""
    before, seen = run.refresh().status, [event.type for event in run.events()]
    with pytest.raises(kind):
        yield
    assert (run.refresh().status, [event.type for event in run.events()]) == (before, seen)


# The question.


def test_the_step_suspends_with_its_error_and_the_number_of_attempts(scale):
    run = asking(weighed(scale, "ask-payload", retries=2))
    result = run.result()
    asked = result.suspend_payload["weigh"]
    assert (asked["kind"], asked["attempts"]) == ("exhausted", 3)
    assert (asked["error"]["type"], asked["error"]["message"]) == (
        "RuntimeError", "the scale broke at 5",
    )  # fmt: skip
    assert "Traceback" in asked["error"]["traceback"] or asked["error"]["traceback"]
    assert set(asked) == {"kind", "error", "attempts"}
    assert result.suspended == [["weigh"]]
    assert (result.error, result.steps["weigh"].error.message) == (None, "the scale broke at 5")
    assert scale.seen == [(5, 0), (5, 1), (5, 2)]


def test_without_the_option_the_step_fails_and_a_step_overrides_its_workflow(scale):
    plain = Workflow("ask-not").then(scale.step(on_exhausted="fail")).commit()
    assert plain.create_run().start({"weight": 5}).status == "failed"
    flow = Workflow("ask-workflow", on_exhausted="ask").then(scale.step(on_exhausted=None))
    assert flow.commit().create_run().start({"weight": 5}).status == "suspended"
    own = Workflow("ask-own", on_exhausted="ask").then(scale.step(on_exhausted="fail")).commit()
    assert own.create_run().start({"weight": 5}).status == "failed"


def test_the_question_is_asked_like_any_other(scale):
    run = asking(weighed(scale, "ask-like-any"))
    (question,) = run.suspended_steps()
    assert question["path"] == "weigh"
    properties = question["resume_schema"]["properties"]
    assert properties["action"]["enum"] == ["retry", "result", "fail"]
    assert "weight" in properties["input"]["properties"]
    assert run.why_waiting[0]["kind"] == "answer"
    (event,) = [e for e in run.events() if e.type == "workflow-step-suspended"]
    assert event.payload["suspend_payload"]["attempts"] == 1
    assert StepSnapshot.objects.asking().filter(run=run.pk).count() == 1


# The answers.


def test_retry_runs_it_again_with_all_attempts_and_the_count_begins_at_0(scale):
    run = asking(weighed(scale, "ask-retry", retries=1))
    again = run.resume({"action": "retry"})
    assert again.suspend_payload["weigh"]["attempts"] == 2
    assert [count for _, count in scale.seen] == [0, 1, 0, 1]
    assert len(scale.keys) == 1  # one activation, over its answers
    scale.is_broken = False
    result = run.resume({"action": "retry"})
    assert (result.status, result.result["weight"]) == ("success", 10)
    assert (result.steps["weigh"].retry_count, result.steps["weigh"].given_by) == (0, None)


def test_retry_with_another_input_runs_it_with_that(scale):
    scale.is_broken = False
    run = asking(weighed(scale, "ask-input"), {"weight": 13})
    result = run.resume({"action": "retry", "input": {"weight": "7"}})
    assert (result.status, result.result["weight"]) == ("success", 14)
    assert result.steps["weigh"].payload == {"weight": 7, "note": ""}
    assert result.input == {"weight": 13, "note": ""}
    assert scale.seen == [(13, 0), (7, 0)]


def test_the_log_keeps_the_input_that_failed_and_has_the_other_one_as_well(scale):
    scale.is_broken = False
    first, second = {"weight": 13, "note": "a" * 3000}, {"weight": 7, "note": "b" * 3000}
    run = asking(weighed(scale, "ask-input-large"), first)
    run.resume({"action": "retry", "input": second})
    starts = [e.payload for e in run.events() if e.type == "workflow-step-start"]
    assert [each["payload"] for each in starts if each["path"] == "weigh"] == [first, second]
    assert run.step_payload("weigh") == second


def test_a_result_is_recorded_as_the_steps_and_marked_with_who_gave_it(scale):
    ana = get_user_model().objects.create_user("ana", is_superuser=True)
    run = asking(weighed(scale, "ask-result"))
    result = run.resume({"action": "result", "output": Parcel(weight=6)}, actor=ana)
    assert (result.status, result.result["weight"]) == ("success", 12)
    assert result.steps["weigh"].output == {"weight": 6, "note": ""}
    assert result.steps["weigh"].given_by == "ana"
    assert result.steps["double"].given_by is None
    assert run.steps["weigh"].given_by == "ana"
    assert StepSnapshot.objects.get(run=run.pk, path="weigh").given_by == "ana"
    (ended,) = [
        e.payload for e in run.events() if e.type == "workflow-step-result"
        and e.payload["path"] == "weigh"
    ]  # fmt: skip
    assert ended["given_by"] == "ana"
    row = Action.objects.get(verb="resume")
    assert (row.actor_name, row.path) == ("ana", "weigh")


def test_fail_fails_it_with_its_last_error_and_a_retry_of_the_run_works(scale):
    run = asking(weighed(scale, "ask-fail", retries=1))
    result = run.resume({"action": "fail"})
    assert (result.status, result.error.message) == ("failed", "the scale broke at 5")
    assert result.steps["weigh"].status == "failed"
    scale.is_broken = False
    assert run.retry().result["weight"] == 10


@pytest.mark.parametrize(
    "answer",
    [
        None,
        "retry",
        {},
        {"action": "again"},
        {"action": ["retry"]},
        {"action": "result"},
        {"action": "retry", "output": 1},
        {"action": "fail", "input": {"weight": 1}},
        {"action": "retry", "input": {"weight": "heavy"}},
        {"action": "retry", "input": None},
        {"action": "result", "output": {"note": "no weight"}},
        {"action": "retry", "more": 1},
    ],
)
def test_anything_else_is_refused_and_changes_nothing(scale, answer):
    run = asking(weighed(scale, "ask-wrong"))
    with refused(run):
        run.resume(answer)


def test_a_wrong_value_is_named_where_the_answer_has_it(scale):
    run = asking(weighed(scale, "ask-where"))
    with pytest.raises(errors.InvalidResumeData) as wrong:
        run.resume({"action": "retry", "input": {"weight": "heavy"}})
    assert wrong.value.details["errors"][0]["loc"] == ["input", "weight"]


def test_an_input_that_does_not_fit_asks_too_and_another_one_helps(scale):
    scale.is_broken = False
    flow = Workflow("ask-misfit").map(lambda: {"weight": "x"}).then(scale.step(retries=3))
    run = asking(flow.commit())
    assert run.result().suspend_payload["weigh"]["error"]["type"] == "InvalidStepInput"
    assert run.result().suspend_payload["weigh"]["attempts"] == 1
    result = run.resume({"action": "retry", "input": {"weight": 2}})
    assert (result.status, result.result["weight"]) == ("success", 2)


def test_of_two_answers_one_wins(scale):
    gate, started = threading.Event(), threading.Event()

    def fn(data, ctx: StepContext):
        if not started.is_set():
            started.set()
            raise RuntimeError("first")
        assert gate.wait(20)
        return data

    flow = Workflow("ask-twice").then(step(fn, id="slow", on_exhausted="ask")).commit()
    run = asking(flow, 1)
    question = run.suspended_steps()[0]["suspension"]
    run.resume({"action": "retry"}, suspension=question, wait=False)
    for named in ({"suspension": question}, {"step": "slow"}, {}):
        with pytest.raises(errors.ResumeAlreadyClaimed):
            run.resume({"action": "fail"}, **named)
    gate.set()
    wait_until(lambda: run.refresh().status == "success", 20)


# Who may.


def test_who_may_answer_the_step_may_answer_this(scale):
    users = get_user_model().objects
    ana, ben = users.create_user("ana"), users.create_user("ben")
    ana.user_permissions.add(Permission.objects.get(codename="delete_run"))
    flow = weighed(scale, "ask-who", permission="workflows_app.delete_run")
    run = asking(flow)
    with refused(run, errors.NotAllowedToAnswer):
        run.resume({"action": "result", "output": {"weight": 1}}, actor=ben)
    assert run.resume({"action": "result", "output": {"weight": 1}}, actor=ana).status == "success"


# Where a step may be.


def test_items_of_a_foreach_ask_by_themselves(scale):
    scale.is_broken = False
    flow = Workflow("ask-items").foreach(scale.step(), concurrency=2).commit()
    run = asking(flow, [{"weight": n} for n in (1, 13, 3, 13)])
    assert run.result().suspended == [["weigh"]]
    assert len(run.suspended_steps()) == 2
    first = run.resume({"action": "retry", "input": {"weight": 2}}, foreach_index=1)
    assert first.status == "suspended"
    done = run.resume({"action": "result", "output": {"weight": 4}}, step="weigh[3]")
    assert [each["weight"] for each in done.result] == [1, 2, 3, 4]
    assert [each.given_by for each in done.steps["weigh"].iterations] == [
        None,
        None,
        None,
        "python",
    ]
    assert done.steps["weigh"].iterations[1].payload["weight"] == 2


def test_all_items_get_one_answer_and_a_failure_of_one_ends_the_others(scale):
    flow = Workflow("ask-all-items").foreach(scale.step(), concurrency=3).commit()
    given = [{"weight": n} for n in (1, 2, 3)]
    run = asking(flow, given)
    done = run.resume({"action": "result", "output": {"weight": 9}})
    assert [each["weight"] for each in done.result] == [9, 9, 9]
    run = asking(flow, given)
    assert run.resume({"action": "fail"}).status == "failed"
    states = [each.status for each in run.steps["weigh"].iterations]
    assert states == ["failed", "canceled", "canceled"]


def test_steps_in_parallel_branches_loops_and_nested_workflows_ask(scale):
    inner = Workflow("ask-inner", on_exhausted="ask").then(scale.step(on_exhausted=None)).commit()
    flow = (
        Workflow("ask-everywhere")
        .parallel([scale.step("left"), double])
        .map(lambda both: both["left"])
        .branch([(lambda data: True, scale.step("arm"))])
        .map(lambda arms: arms["arm"])
        .do_until(scale.step("round"), lambda data, ctx: ctx.iteration == 1)
        .then(inner)
        .commit()
    )
    run, given = asking(flow), {"action": "result", "output": {"weight": 8}}
    seen = []
    while (result := run.result()).status == "suspended":
        seen.append(run.suspended_steps()[0]["path"])
        run.resume(given)
    assert seen == ["left", "arm", "round[0]", "round[1]", "ask-inner.weigh"]
    assert (result.status, result.result["weight"]) == ("success", 8)
    assert result.steps["round"].given_by == "python"


def test_a_sibling_that_fails_ends_the_run_and_the_question(scale):
    flow = Workflow("ask-sibling").parallel(
        [scale.step("asks"), scale.step("fails", on_exhausted="fail", retries=1)]
    ).commit()  # fmt: skip
    result = flow.create_run().start({"weight": 1})
    assert result.status == "failed"
    # Where both run side by side, the run may be ending before this one has failed.
    assert result.steps["asks"].status in {"canceled", "failed"}
    assert not StepSnapshot.objects.asking().exists()


def test_in_an_arm_that_may_fail_the_answer_fail_fails_the_arm_alone(scale):
    flow = Workflow("ask-arm").parallel([scale.step("asks"), double], allow_failure=True).commit()
    result = asking(flow).resume({"action": "fail"})
    assert (result.status, result.result["asks"]) == ("success", None)


# How a step may fail.


def test_an_atomic_step_is_rolled_back_and_asks():
    user = get_user_model()

    @step(atomic=True, on_exhausted="ask", retries=1)
    def book(name: str, ctx: StepContext) -> str:
        user.objects.create_user(name)
        if name == "bad":
            raise ValueError("no such name")
        return name

    run = asking(Workflow("ask-atomic").then(book).commit(), "bad")
    assert not user.objects.filter(username="bad").exists()
    result = run.resume({"action": "retry", "input": "good"})
    assert (result.status, user.objects.filter(username="good").count()) == ("success", 1)


def test_a_timeout_asks():
    @step(timeout=0.05, on_exhausted="ask")
    def slow(data: int, ctx: StepContext) -> int:
        if data:
            ctx.abort_signal.wait(5)
        return data

    run = asking(Workflow("ask-timeout").then(slow).commit(), 1)
    assert run.result().suspend_payload["slow"]["error"]["type"] == "StepTimeout"
    assert run.resume({"action": "retry", "input": 0}).result == 0


def test_a_step_that_loses_its_worker_too_often_asks(settings, scale):
    settings.WORKFLOWS = {**settings.WORKFLOWS, "MAX_LOST_ATTEMPTS": 1}
    gate, started = threading.Event(), threading.Event()

    @step(on_exhausted="ask")
    def deadly(data: int) -> int:
        if not gate.is_set():
            started.set()
            assert gate.wait(20)
        return data

    run = Workflow("ask-lost").then(deadly).commit().create_run()
    run.start(3, wait=False)
    assert started.wait(20)
    assert recover.free(StepSnapshot.objects.held().filter(run=run.pk), timezone.now()) == 1
    gate.set()
    result = run.result()
    assert result.status == "suspended"
    assert result.suspend_payload["deadly"]["error"]["type"] == "WorkerLost"
    assert run.resume({"action": "retry"}, timeout=20).result == 3


def test_an_event_that_does_not_come_asks_and_a_retry_waits_again(settings):
    flow = Workflow("ask-event", on_exhausted="ask").wait_for_event("paid", timeout=0.05).commit()
    run = flow.create_run()
    run.start(1, wait=False)
    asked = StepSnapshot.objects.asking().filter(run=run.pk)
    wait_until(asked.exists, 20)
    path = run.suspended_steps()[0]["path"]
    assert run.result().suspend_payload[path]["error"]["type"] == "EventTimeout"
    assert emit("paid", "", "late") == 0  # nobody waits for it: it is kept
    assert run.resume({"action": "retry"}, timeout=20).result == "late"


def test_giving_up_a_step_between_attempts_fails_it_without_asking(scale):
    run = weighed(scale, "ask-give-up", retries=1, retry_delay=3600).create_run()
    run.start({"weight": 1}, wait=False)
    waits = StepSnapshot.objects.filter(run=run.pk, wake_at__isnull=False)
    wait_until(waits.exists, 20)
    assert run.give_up(timeout=20).status == "failed"


# What a step asked by itself.


def test_the_answer_to_its_own_question_is_kept_over_a_retry():
    seen = []

    @step(on_exhausted="ask")
    def charge(data: int, ctx: StepContext) -> int:
        if ctx.resume_data is None:
            ctx.suspend({"charge": data})
        seen.append((data, ctx.resume_data, ctx.suspend_data))
        if len(seen) < 3:
            raise RuntimeError("no money")
        return data

    run = asking(Workflow("ask-answered").then(charge).commit(), 1)
    run.resume({"ok": True})
    assert run.result().suspend_payload["charge"]["kind"] == "exhausted"
    run.resume({"action": "retry"})
    assert run.resume({"action": "retry"}).result == 1
    assert seen == [(1, {"ok": True}, {"charge": 1})] * 3


def test_with_another_input_its_own_question_is_asked_again():
    @step(on_exhausted="ask")
    def charge(data: int, ctx: StepContext) -> int:
        if ctx.resume_data is None:
            ctx.suspend({"charge": data})
        if data == 1:
            raise RuntimeError("no money")
        return data

    run = asking(Workflow("ask-anew").then(charge).commit(), 1)
    run.resume({"ok": True})
    result = run.resume({"action": "retry", "input": 2})
    assert result.suspend_payload == {"charge": {"charge": 2}}
    assert run.resume({"ok": True}).result == 2


# The verbs.


def test_cancel_pause_and_time_travel_work_as_for_any_question(scale):
    flow = weighed(scale, "ask-verbs")
    canceled = asking(flow)
    canceled.cancel()
    assert canceled.refresh().status == "canceled"

    held = asking(flow)
    held.pause()
    assert held.resume({"action": "retry"}).status == "paused"
    assert held.proceed(timeout=20).status == "suspended"
    held.pause()
    given = held.resume({"action": "result", "output": {"weight": 1}})
    assert (given.status, given.steps["weigh"].given_by) == ("paused", "python")
    assert held.proceed(timeout=20).result["weight"] == 2

    traveled = asking(flow)
    with pytest.raises(errors.RunNotFailed):
        traveled.retry()
    scale.is_broken = False
    result = traveled.time_travel("weigh", input_data={"weight": 4})
    assert (result.status, result.result["weight"]) == ("success", 8)


def test_a_given_result_is_reused_by_a_time_travel_and_by_a_fork(scale):
    run = asking(weighed(scale, "ask-reused"))
    run.resume({"action": "result", "output": {"weight": 6}})
    result = run.time_travel("double")
    assert (result.result["weight"], result.steps["weigh"].given_by) == (12, "python")
    forked = run.fork("double")
    assert forked.steps["weigh"].given_by == "python"


def test_step_by_step_a_given_result_is_one_step(scale):
    run = asking(weighed(scale, "ask-per-step"), per_step=True)
    result = run.resume({"action": "result", "output": {"weight": 6}}, per_step=True)
    assert result.status == "paused"
    assert run.proceed(timeout=20).result["weight"] == 12


def test_a_claim_of_the_question_ends_with_the_answer(scale):
    run = asking(weighed(scale, "ask-claim"))
    assert not Assignment.objects.exists()
    assert run.resume({"action": "fail"}).status == "failed"
    with pytest.raises(errors.RunNotSuspended):
        run.resume({"action": "retry"})
