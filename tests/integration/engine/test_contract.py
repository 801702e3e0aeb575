"""The contract, rule by rule, over the public names alone; inline and embedded."""

import asyncio
import threading
import time
from decimal import Decimal

import pytest
from django.db import transaction
from pydantic import BaseModel

from workflows_app import (
    StepContext,
    Workflow,
    constant,
    errors,
    from_context,
    from_init,
    from_step,
    get_workflow,
    step,
    template,
)
from workflows_app.models import Action, StepSnapshot

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("execution")]


class Order(BaseModel):
    """What the workflows here are given."""

    id: str
    total: Decimal = Decimal(1)


class Answer(BaseModel):
    """What the steps here ask for."""

    yes: bool
    note: str = ""


@step
def double(order: Order) -> Order:
    """Double the total."""
    return Order(id=order.id, total=order.total * 2)


@step(resume=Answer)
def ask(data, ctx: StepContext):
    """Ask, then say what was answered."""
    if ctx.resume_data is None:
        ctx.suspend({"about": data}, resume_label="boss")
    if not ctx.resume_data.yes:
        ctx.bail({"no": ctx.resume_data.note})
    return {"asked": ctx.suspend_data, "note": ctx.resume_data.note}


def fails(message="no"):
    """Return a step that raises."""

    def boom(data):
        raise ValueError(message)

    return step(boom, id=f"boom-{message}")


def asking(name):
    """Return a step that asks under its own name as the label."""
    return ask.clone(id=name)


# Going forward.


def test_a_run_gives_its_result_and_what_is_known_of_each_step():
    flow = Workflow("plain", input=Order).then(double).then(double).commit()
    result = flow.create_run(run_id="r-1", resource_id="customer").start({"id": "x"})

    assert (result.status, result.run_id, result.workflow_id) == ("success", "r-1", "plain")
    assert result.input == {"id": "x", "total": "1"}
    assert result.result == {"id": "x", "total": "4"}
    assert list(result.steps) == ["double", "double#2"]
    second = result.steps["double#2"]
    assert (second.status, second.payload["total"], second.retry_count) == ("success", "2", 0)
    assert second.started_at <= second.ended_at
    assert result.state is None
    assert result.resume_labels is None


def test_parallel_and_branch_give_objects_keyed_by_step_id():
    a, b = step(lambda d: d["n"] + 1, id="a"), step(lambda d: d["n"] + 2, id="b")
    big, small = step(lambda d: "big", id="big"), step(lambda d: "small", id="small")
    flow = (
        Workflow("fork")
        .parallel([a, b])
        .branch([(lambda d: d["a"] > 1, big), (lambda d, ctx: d["b"] > 100, small)])
        .commit()
    )
    result = flow.create_run().start({"n": 1})
    assert result.result == {"big": "big"}
    assert set(result.steps) == {"a", "b", "big"}


def test_a_branch_without_a_true_condition_gives_an_empty_object():
    flow = Workflow("none").branch([(lambda: False, double)]).commit()
    assert flow.create_run().start({"id": "x"}).result == {}


def test_parallel_steps_run_side_by_side():
    gate = threading.Barrier(2, timeout=5)
    a, b = step(lambda: gate.wait() >= 0, id="a"), step(lambda: gate.wait() >= 0, id="b")
    flow = Workflow("beside").parallel([a, b]).commit()
    assert flow.create_run().start().result == {"a": True, "b": True}


def test_a_mapping_takes_values_from_everywhere():
    flow = (
        Workflow("mapped")
        .then(double)
        .map(
            {
                "total": from_step(double, "total"),
                "who": from_init("id"),
                "lang": from_context("user.lang"),
                "one": constant(1),
                "text": template(
                    "{init.id}: {steps.double.total} {nowhere}".replace("{nowhere}", "{input.no}")
                ),
                "made": lambda data, ctx: data["id"] + ctx.run_id,
                "none": from_init("not.there"),
            }
        )
        .commit()
    )
    run = flow.create_run(run_id="m")
    result = run.start({"id": "x", "total": 2}, request_context={"user": {"lang": "nl"}})
    assert result.result == {
        "total": "4", "who": "x", "lang": "nl", "one": 1, "text": "x: 4 ", "made": "xm",
        "none": None,
    }  # fmt: skip


def test_nested_workflows_have_dotted_paths_and_validate_their_input():
    inner = Workflow("inner", input=Order).then(double).commit()
    outer = Workflow("outer").then(inner).then(inner).commit()
    result = outer.create_run().start({"id": "x"})
    assert set(result.steps) == {"inner", "inner.double", "inner#2", "inner#2.double"}
    assert result.result["total"] == "4"

    wrong = outer.create_run().start({"no": 1})
    assert (wrong.status, wrong.error.type) == ("failed", "InvalidStepInput")
    assert wrong.steps["inner"].status == "failed"


def test_async_steps_and_conditions_run():
    async def slow(data):
        await asyncio.sleep(0)
        return data + 1

    async def yes(data):
        return True

    flow = Workflow("async").then(slow).branch([(yes, step(slow, id="again"))]).commit()
    assert flow.create_run().start(1).result == {"again": 3}


def test_values_survive_as_they_are():
    value = {"big": 2**80, "nul": "a\x00b", "text": "é🚂", "long": "x" * 5000, "none": None}
    flow = Workflow("kept").then(step(lambda d: d, id="a")).then(step(lambda d: d, id="b")).commit()
    run = flow.create_run()
    result = run.start(value)
    assert result.result == value
    assert result.steps["a"].output == result.steps["b"].payload == value
    assert run.step_output("a") == run.step_payload("b") == value
    events = {(e.type, e.payload.get("path")): e.payload for e in run.events()}
    assert events["workflow-step-result", "a"]["output"] == value
    assert events["workflow-step-start", "b"]["payload"] == value
    assert events["workflow-finish", None]["result"] == value
    stored = StepSnapshot.objects.get(run=run.pk, path="b")
    assert (stored.payload, bool(stored.payload_from)) == (None, True)


# Failing.


def test_an_exception_fails_the_run_and_is_kept_with_its_cause_and_details():
    class Broke(Exception):
        def __init__(self):
            super().__init__("it broke")
            self.code = 7

    def breaks(data):
        try:
            {}["inner"]
        except KeyError as error:
            raise Broke from error

    result = Workflow("broken").then(breaks).commit().create_run().start()
    error = result.error
    assert (result.status, error.type, error.message) == ("failed", "Broke", "it broke")
    assert error.details == {"code": 7}
    assert error.cause.type == "KeyError"
    assert "breaks" in error.traceback
    assert result.steps["breaks"].error.type == "Broke"


def test_an_exception_is_tried_again_as_often_as_the_step_says():
    seen = []

    @step(retries=2, retry_delay=0.01, retry_backoff=2)
    def heals(data, ctx):
        seen.append(ctx.retry_count)
        ctx.set_state({"tries": ctx.retry_count})
        if ctx.retry_count < 2:
            raise ValueError("again")
        return "fine"

    run = Workflow("healing").then(heals).commit().create_run()
    result = run.start(output_options={"include_state": True})
    assert (result.result, seen, result.steps["heals"].retry_count) == ("fine", [0, 1, 2], 2)
    assert result.state == {"tries": 2}
    retries = [e for e in run.events() if e.type == "workflow-step-retry"]
    assert [e.payload["retry_count"] for e in retries] == [1, 2]


def test_the_first_error_wins_and_what_runs_beside_it_ends():
    begun, failed = threading.Event(), threading.Event()

    def boom(data):
        begun.wait(5)
        failed.set()
        raise ValueError("first")

    def beside(data):
        begun.set()
        failed.wait(5)
        time.sleep(0.05)
        return "done"

    never = step(lambda d: d, id="never")
    inner = Workflow("inner-of-two").then(beside).then(never).commit()
    flow = Workflow("two").parallel([inner, step(boom)]).then(never.clone(id="after")).commit()
    result = flow.create_run().start()
    assert (result.status, result.error.message) == ("failed", "first")
    assert result.steps["inner-of-two.beside"].output == "done"
    assert "after" not in result.steps
    assert "inner-of-two.never" not in result.steps


def test_a_child_that_may_fail_gives_none():
    ok = step(lambda d: 1, id="ok")
    deep = Workflow("deep").then(fails("deep")).commit()
    flow = Workflow("may").parallel([ok, fails("x"), deep], allow_failure=True).commit()
    result = flow.create_run().start()
    assert result.result == {"ok": 1, "boom-x": None, "deep": None}
    assert result.steps["deep"].status == "failed"


def test_a_condition_that_raises_fails_the_run():
    def wrong(data):
        raise LookupError("no such thing")

    result = Workflow("cond").branch([(wrong, double)]).commit().create_run().start({"id": "x"})
    assert (result.status, result.error.type) == ("failed", "LookupError")


def test_a_step_whose_time_is_up_fails_with_step_timeout():
    @step(timeout=0.1)
    def spins(data, ctx):
        until = time.monotonic() + 5
        while time.monotonic() < until:
            pass

    @step(timeout=0.1)
    async def sleeps(data):
        await asyncio.sleep(5)

    for slow in (spins, sleeps):
        began = time.monotonic()
        result = Workflow(f"slow-{slow.id}").then(slow).commit().create_run().start()
        assert result.error.type == "StepTimeout"
        assert time.monotonic() - began < 3


@pytest.mark.parametrize(
    ("returned", "output", "expected"),
    [
        (object(), None, "SerializationError"),
        ({"total": "many"}, Order, "InvalidStepOutput"),
        ("x" * 5_000_000, None, "PayloadTooLarge"),
    ],
)
def test_what_a_step_may_not_return_fails_it(returned, output, expected):
    made = step(lambda: returned, id="made", output=output)
    result = Workflow("wrong").then(made).commit().create_run().start()
    assert result.error.type == expected


def test_an_input_that_does_not_fit_is_refused_and_leaves_the_run_pending():
    run = Workflow("typed", input=Order).then(double).commit().create_run()
    with pytest.raises(errors.InvalidInput, match="total") as refusal:
        run.start({"id": "x", "total": "many"})
    assert refusal.value.details["errors"][0]["loc"] == ["total"]
    assert run.refresh().status == "pending"
    assert run.events() == []
    assert run.start({"id": "x"}).status == "success"
    with pytest.raises(errors.RunAlreadyStarted):
        run.start({"id": "x"})


def test_only_one_of_two_starts_wins():
    flow = Workflow("once").then(step(lambda d: d, id="a")).commit()
    run = flow.create_run(run_id="once")
    refused = []

    def start():
        try:
            flow.get_run("once").start(1, wait=False)
        except errors.RunAlreadyStarted as refusal:
            refused.append(refusal)

    _together([start] * 4)
    assert len(refused) == 3
    wait_for(lambda: run.refresh().status == "success")


# Suspending and resuming.


def test_a_step_suspends_and_goes_on_with_the_answer():
    flow = Workflow("asks").then(ask).commit()
    run = flow.create_run()
    result = run.start({"n": 1})
    assert (result.status, result.suspended) == ("suspended", [["ask"]])
    assert result.suspend_payload == {"ask": {"about": {"n": 1}}}
    (question,) = run.suspended_steps()
    assert (question["path"], question["resume_labels"]) == ("ask", ["boss"])
    assert question["resume_schema"]["required"] == ["yes"]

    with pytest.raises(errors.InvalidResumeData, match="yes"):
        run.resume({"note": "hm"})
    assert run.refresh().status == "suspended"

    result = run.resume({"yes": True, "note": "fine"})
    assert result.result == {"asked": {"about": {"n": 1}}, "note": "fine"}
    assert result.steps["ask"].resume_payload == {"yes": True, "note": "fine"}
    assert result.steps["ask"].suspend_payload == {"about": {"n": 1}}
    with pytest.raises(errors.RunNotSuspended):
        run.resume({"yes": True})


def test_several_questions_are_answered_by_path_label_and_id():
    flow = Workflow("many").parallel([asking("a"), asking("b"), asking("c")]).commit()
    run = flow.create_run()
    assert sorted(run.start(1).suspended) == [["a"], ["b"], ["c"]]
    with pytest.raises(errors.MultipleSuspendedSteps, match="a, b, c"):
        run.resume({"yes": True})
    with pytest.raises(errors.LabelNotFound, match="boss"):
        run.resume({"yes": True}, label="nobody")
    with pytest.raises(errors.StepNotFound):
        run.resume({"yes": True}, step="z")

    assert run.resume({"yes": True, "note": "1"}, step="b").status == "suspended"
    with pytest.raises(errors.StepNotSuspended, match="a, c"):
        run.resume({"yes": True}, step="b")
    question = next(q for q in run.suspended_steps() if q["path"] == "c")
    run.resume({"yes": True}, suspension=question["suspension"])
    with pytest.raises(errors.StepNotSuspended):
        run.resume({"yes": True}, step="c", suspension=question["suspension"])
    result = run.resume({"yes": True}, label="boss")
    assert result.status == "success"


def test_a_step_inside_nested_workflows_is_found_by_each_of_its_names():
    inner = Workflow("deep-ask").then(ask).commit()
    outer = Workflow("outer-ask").then(inner).commit()
    for name in ("deep-ask.ask", ["deep-ask", "ask"], [inner, ask], "deep-ask", inner):
        run = outer.create_run()
        result = run.start(1)
        assert result.suspended == [["deep-ask", "ask"]]
        assert result.steps["deep-ask"].status == "suspended"
        assert run.resume({"yes": True}, step=name).status == "success"


def test_only_one_of_many_answers_to_a_question_wins():
    hold = threading.Event()

    @step
    def once(data, ctx):
        if ctx.resume_data is None:
            ctx.suspend()
        hold.wait(5)
        return ctx.resume_data

    flow = Workflow("race").then(once).commit()
    flow.create_run(run_id="race").start()
    outcomes = []

    def answer(number):
        try:
            flow.get_run("race").resume(number, wait=False)
            outcomes.append("won")
        except errors.ResumeAlreadyClaimed:
            outcomes.append("late")

    _together([lambda number=number: answer(number) for number in range(8)])
    hold.set()
    assert sorted(outcomes) == ["late"] * 7 + ["won"]
    wait_for(lambda: flow.get_run("race").status == "success")


def test_bail_ends_the_whole_run_as_a_success_from_wherever_it_is_called():
    inner = Workflow("bails").then(ask).then(double).commit()
    flow = Workflow("around").then(inner).then(fails("never")).commit()
    run = flow.create_run()
    run.start(1)
    result = run.resume({"yes": False, "note": "too much"})
    assert (result.status, result.result) == ("success", {"no": "too much"})
    assert "boom-never" not in result.steps


def test_abort_cancels_the_run():
    def gives_up(data, ctx):
        try:
            ctx.abort()
        except Exception:  # noqa: BLE001 - user code may catch everything
            return "swallowed"

    result = Workflow("aborts").then(gives_up).then(double).commit().create_run().start()
    assert (result.status, result.steps["gives_up"].status) == ("canceled", "canceled")


# Cancel.


def test_a_suspended_or_pending_run_is_canceled_at_once_and_an_ended_one_left():
    flow = Workflow("cancel").parallel([asking("a"), asking("b")]).commit()
    run = flow.create_run()
    run.start(1)
    assert run.cancel() == {"message": "Workflow run canceled"}
    assert run.status == "canceled"
    assert {s.status for s in run.steps.values()} == {"canceled"}
    assert [e.type for e in run.events()][-2:] == ["workflow-canceled", "workflow-finish"]
    before = len(run.events())
    assert "already" in run.cancel()["message"]
    assert len(run.events()) == before
    pending = flow.create_run()
    pending.cancel()
    assert pending.status == "canceled"


def test_a_running_step_sees_the_abort_signal_and_its_result_is_recorded():
    begun = threading.Event()

    def waits(data, ctx):
        begun.set()
        return {"aborted": ctx.abort_signal.wait(10)}

    run = Workflow("stops").then(waits).then(double).commit().create_run()
    run.start(wait=False)
    assert begun.wait(10)
    run.cancel(wait=True, timeout=10)
    result = run.result()
    assert (result.status, result.steps["waits"].output) == ("canceled", {"aborted": True})
    assert "double" not in result.steps


# State, context, hooks.


def test_two_parallel_steps_that_set_different_keys_both_keep_theirs():
    def set_key(name):
        return step(lambda d, ctx: ctx.set_state({name: ctx.state["n"]}), id=name)

    flow = Workflow("state").parallel([set_key("a"), set_key("b")]).commit()
    result = flow.create_run().start(
        1, initial_state={"n": 5}, output_options={"include_state": True}
    )
    assert result.state == {"n": 5, "a": 5, "b": 5}


def test_a_state_that_does_not_fit_fails_the_step_or_refuses_the_start():
    class State(BaseModel):
        count: int = 0

    wrong = step(lambda d, ctx: ctx.set_state({"count": "many"}), id="wrong")
    flow = Workflow("typed-state", state=State).then(wrong).commit()
    assert flow.create_run().start().error.type == "InvalidState"
    with pytest.raises(errors.InvalidInput):
        flow.create_run().start(initial_state={"count": "many"})


def test_the_request_context_is_kept_changed_and_merged():
    def changes(data, ctx):
        ctx.request_context["seen"] = [1]
        del ctx.request_context["gone"]
        if ctx.resume_data is None:
            ctx.suspend()
        return dict(ctx.request_context)

    flow = (
        Workflow("context").then(changes).then(step(lambda d, c: dict(c.request_context), id="x"))
    )
    run = flow.commit().create_run()
    run.start(request_context={"gone": 1, "kept": 1})
    assert run.refresh().request_context == {"kept": 1, "seen": [1]}
    result = run.resume({}, request_context={"gone": 2, "more": 2})
    assert result.result == {"kept": 1, "seen": [1], "more": 2}


def test_hooks_are_called_for_every_settling_and_what_they_raise_changes_nothing():
    told = []

    def on_finish(info):
        told.append(("finish", info.status, info.seq))
        raise RuntimeError("a hook broke")

    async def on_error(info):
        told.append(("error", info.error.message, info.get_init_data()))

    flow = Workflow("hooked", on_finish=on_finish, on_error=on_error).then(ask).then(fails("end"))
    run = flow.commit().create_run()
    run.start(7)
    assert run.resume({"yes": True}).status == "failed"
    finishes = [e.seq for e in run.events() if e.type == "workflow-finish"]
    assert told == [
        ("finish", "suspended", finishes[0]),
        ("error", "end", 7),
        ("finish", "failed", finishes[1]),
    ]


def test_an_on_start_that_raises_leaves_the_run_pending():
    def on_start(info):
        raise RuntimeError("not today")

    run = Workflow("closed", on_start=on_start).then(double).commit().create_run()
    with pytest.raises(RuntimeError, match="not today"):
        run.start({"id": "x"})
    assert run.refresh().status == "pending"


def test_an_atomic_step_writes_all_or_nothing(django_user_model):
    @step(atomic=True)
    def writes(data):
        django_user_model.objects.create_user(username=data["name"])
        if data["fail"]:
            raise ValueError("after the write")
        return "written"

    flow = Workflow("atomic").then(writes).commit()
    assert flow.create_run().start({"name": "a", "fail": True}).status == "failed"
    assert flow.create_run().start({"name": "b", "fail": False}).result == "written"
    assert list(django_user_model.objects.values_list("username", flat=True)) == ["b"]


# Waiting, streams, twins.


def test_a_verb_waits_no_longer_than_it_is_told_and_the_run_goes_on():
    go = threading.Event()
    run = Workflow("long").then(step(lambda d: go.wait(10), id="a")).commit().create_run()
    with pytest.raises(errors.WaitTimeout):
        run.start(1, timeout=0.2)
    go.set()
    wait_for(lambda: run.refresh().status == "success")


def test_a_waiting_verb_inside_a_transaction_is_refused_before_it_writes():
    flow = Workflow("inside").then(step(lambda d: d, id="a")).commit()
    with transaction.atomic():
        run = flow.create_run()
        with pytest.raises(errors.WaitInsideTransaction):
            run.start(1)
        assert run.start(1, wait=False).status in {"pending", "running"}
    wait_for(lambda: run.refresh().status == "success")

    with transaction.atomic():
        lost = flow.create_run()
        lost.start(1, wait=False)
        transaction.set_rollback(True)
    with pytest.raises(errors.RunNotFound):
        flow.get_run(lost.run_id)


def test_a_stream_gives_every_event_and_ends_when_the_run_settles():
    def says(data, ctx):
        ctx.writer.write({"part": 1})
        ctx.writer.custom("data-progress", {"done": 1})
        with pytest.raises(errors.InvalidEventType):
            ctx.writer.custom("progress", 1)
        return "said"

    run = Workflow("streams").then(says).then(ask).commit().create_run()
    stream = run.stream(1)
    types = [event.type for event in stream]
    assert types == [
        "workflow-start", "workflow-step-start", "workflow-step-output", "data-progress",
        "workflow-step-result", "workflow-step-finish", "workflow-step-start",
        "workflow-step-suspended", "workflow-finish",
    ]  # fmt: skip
    assert (stream.status, stream.result.status) == ("suspended", "suspended")
    resumed = [event.type for event in run.resume_stream({"yes": True})]
    assert (resumed[0], resumed[-1]) == ("workflow-resumed", "workflow-finish")
    replayed = list(run.observe_stream(after=3))
    assert [event.seq for event in replayed] == list(range(4, len(types) + len(resumed) + 1))
    assert replayed[0].from_ == "WORKFLOW"
    assert replayed[0].model_dump(by_alias=True)["from"] == "WORKFLOW"


async def test_async_twins_run_side_by_side():
    gate = threading.Barrier(2, timeout=5)
    flow = Workflow("twins").then(step(lambda d: gate.wait() >= 0, id="a")).then(ask).commit()
    runs = [await flow.acreate_run(), await flow.acreate_run()]
    results = await asyncio.gather(*(run.astart(1) for run in runs))
    assert [result.status for result in results] == ["suspended", "suspended"]
    assert (await runs[0].aresume({"yes": True})).status == "success"
    types = [event.type async for event in runs[1].aresume_stream({"yes": True})]
    assert (types[0], types[-1]) == ("workflow-resumed", "workflow-finish")
    assert len(await runs[0].aevents()) == (await runs[0].aevents())[-1].seq
    assert (await runs[1].acancel())["message"]
    page = await flow.alist_runs(limit=1)
    assert (page.total, len(list(page)), bool(page.next_cursor)) == (2, 1, True)


# Finding.


def test_runs_are_created_once_found_listed_and_deleted():
    flow = Workflow("found").then(ask).commit()
    other = Workflow("other").then(ask).commit()
    run = flow.create_run(run_id="a.b:c-1", resource_id="r")
    assert flow.create_run(run_id="a.b:c-1").pk == run.pk
    with pytest.raises(errors.RunIdTaken):
        other.create_run(run_id="a.b:c-1")
    with pytest.raises(errors.RunNotFound):
        other.get_run("a.b:c-1")
    with pytest.raises(errors.InvalidId):
        flow.create_run(run_id="no spaces")
    assert get_workflow("found") is flow
    with pytest.raises(errors.WorkflowNotFound):
        get_workflow("nowhere")
    newer = flow.create_run()
    page = flow.list_runs(limit=1)
    assert [r.run_id for r in page] == [newer.run_id]
    assert [r.run_id for r in flow.list_runs(limit=1, cursor=page.next_cursor)] == ["a.b:c-1"]
    assert [r.run_id for r in flow.list_runs(resource_id="r")] == ["a.b:c-1"]
    run.start(1)
    run.delete()
    with pytest.raises(errors.RunNotFound):
        flow.get_run("a.b:c-1")


def test_who_acted_is_in_the_events_and_in_the_audit_trail(admin_user):
    run = Workflow("audited").then(ask).commit().create_run()
    run.start(1, actor=admin_user)
    run.resume({"yes": True}, actor=admin_user)
    told = {e.type: e.payload.get("actor") for e in run.events()}
    assert told["workflow-start"] == told["workflow-resumed"] == "admin"
    assert [a.verb for a in Action.objects.order_by("pk")] == ["start", "resume"]


def _together(functions):
    threads = [threading.Thread(target=_closing, args=(function,)) for function in functions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _closing(function):
    from django.db import connection  # noqa: PLC0415 - the thread's own

    try:
        function()
    finally:
        connection.close()


def wait_for(holds, seconds=10.0):
    """Wait until a condition becomes true in another thread."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_state_set_in_a_nested_workflow_is_seen_outside_and_after_resume():
    def mark(name):
        def fn(data, ctx: StepContext):
            ctx.set_state({name: len(ctx.state)})
            return dict(ctx.state)

        return step(fn, id=name, metadata={"team": name})

    inner = Workflow("state-inner").then(mark("in")).then(asking("asks")).commit()
    flow = Workflow("state-outer").then(mark("before")).then(inner).then(mark("after")).commit()
    run = flow.create_run()
    run.start({}, initial_state={"given": True})
    result = run.resume({"yes": True}, output_options={"include_state": True})
    assert result.state == {"given": True, "before": 1, "in": 2, "after": 3}
    assert result.steps["state-inner.in"].metadata == {"team": "in"}


def test_a_step_named_like_an_unnamed_entry_is_refused():
    with pytest.raises(errors.DuplicateStep):
        Workflow("clash-map").then(step(lambda: 1, id="map-1")).map(lambda d: d)
    with pytest.raises(errors.DuplicateStep):
        Workflow("clash-sleep").sleep(1).then(step(lambda: 1, id="sleep-1"))


def test_an_invalid_input_of_a_rerun_makes_no_run():
    flow = Workflow("typed-rerun", input=Order).then(double).commit()
    run = flow.create_run()
    run.start({"id": "x"})
    with pytest.raises(errors.InvalidInput):
        run.rerun({"total": 1})
    assert flow.list_runs().total == 1
