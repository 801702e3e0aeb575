"""Rules of the contract that belong to no single verb: errors, sizes, ids, questions, writers."""

import asyncio
import re
import threading
import time

import pytest
from django.contrib.auth import get_user_model
from django.db import transaction
from pydantic import BaseModel

from workflows_app import StepContext, Workflow, errors, get_workflow, step

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("execution")]


class Inner(BaseModel):
    """Part of an input."""

    size: int


class Outer(BaseModel):
    """An input with parts."""

    parts: list[Inner]


@step
def ask(data, ctx: StepContext):
    """Ask once."""
    if ctx.resume_data is None:
        ctx.suspend({"data": data})
    return ctx.resume_data


def only(fn, name="only", **options):
    """Return a committed workflow of one step."""
    return Workflow(name).then(step(fn, id="only", **options)).commit()


def until(condition, seconds=10.0):
    """Wait until a condition is true."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it does not come"
        time.sleep(0.01)


# Errors.


def test_every_error_is_one_of_ours_and_importable():
    names = [name for name, found in vars(errors).items() if isinstance(found, type)]
    ours = [getattr(errors, name) for name in names if name != "Any"]
    assert all(issubclass(each, errors.WorkflowError) for each in ours)
    assert {"RunNotPaused", "PlanOutdated", "InvalidCron", "MissingStepResult"} <= set(names)
    assert issubclass(errors.InvalidStep, errors.DefinitionError)


def test_the_cause_chain_and_custom_attributes_of_an_error_survive():
    class Refused(Exception):
        def __init__(self, code):
            super().__init__(f"refused with {code}")
            self.code = code
            self.lock = threading.Lock()  # no JSON: left out

    def fail():
        try:
            {}["missing"]
        except KeyError as error:
            raise Refused(42) from error

    result = only(lambda d: fail(), "causes").create_run().start(1)
    error = result.error
    assert (error.type, error.message, error.details) == (
        "Refused",
        "refused with 42",
        {"code": 42},
    )
    assert (error.cause.type, error.cause.cause) == ("KeyError", None)
    assert "fail" in error.traceback
    assert result.steps["only"].error == error


def test_a_wrong_input_keeps_the_paths_of_its_fields():
    typed = only(lambda data: data, "fields", input=Outer)
    before = Workflow("wrong-fields").then(step(lambda d: {"parts": [{"size": "x"}]}, id="make"))
    result = before.then(typed).commit().create_run().start(1)
    assert result.error.type == "InvalidStepInput"
    assert result.error.details["errors"][0]["loc"] == ["parts", 0, "size"]
    assert result.error.cause.type == "ValidationError"
    flow = Workflow("wrong-start", input=Outer).then(typed).commit()
    with pytest.raises(errors.InvalidInput, match=r"parts\.0\.size") as refused:
        flow.create_run().start({"parts": [{"size": "x"}]})
    assert refused.value.details["errors"][0]["loc"] == ["parts", 0, "size"]


def test_a_suspend_payload_that_does_not_fit_fails_the_step():
    flow = only(lambda d, ctx: ctx.suspend({"size": "x"}), "bad-question", suspend=Inner)
    result = flow.create_run().start(1)
    assert (result.status, result.error.type) == ("failed", "InvalidSuspendPayload")


def test_a_request_context_that_does_not_fit_is_refused_or_fails_the_step():
    flow = Workflow("context", request_context=Inner).then(ask).commit()
    run = flow.create_run()
    with pytest.raises(errors.InvalidRequestContext):
        run.start(1, request_context={"size": "x"})
    assert run.refresh().status == "pending"
    needs = only(lambda d: d, "needs-context", request_context=Inner)
    assert needs.create_run().start(1).error.type == "InvalidRequestContext"


# Sizes and ids.


def test_what_is_too_large_is_refused_before_anything_is_written_or_fails_the_step(settings):
    settings.WORKFLOWS = {**settings.WORKFLOWS, "MAX_PAYLOAD_BYTES": 100}
    big = "x" * 200
    run = Workflow("large").then(ask).then(step(lambda d: d * 200, id="grow")).commit().create_run()
    with pytest.raises(errors.PayloadTooLarge):
        run.start(big)
    assert run.refresh().status == "pending"
    run.start("y")
    with pytest.raises(errors.PayloadTooLarge):
        run.resume(big)
    assert run.refresh().status == "suspended"
    with pytest.raises(errors.PayloadTooLarge):
        run.time_travel("ask", input_data=big)
    assert run.timeline == 1
    result = run.resume("z")
    assert (result.status, result.error.type) == ("failed", "PayloadTooLarge")


@pytest.mark.parametrize("run_id", ["", "a b", "a/b", "x" * 256, "é"])
def test_a_run_id_that_cannot_be_is_refused(run_id):
    with pytest.raises(errors.InvalidId):
        Workflow("ids").then(ask).commit().create_run(run_id=run_id)


def test_a_run_id_belongs_to_one_workflow():
    one, other = Workflow("ids-one").then(ask).commit(), Workflow("ids-two").then(ask).commit()
    run = one.create_run(run_id="a_b-c.d:1")
    assert one.create_run(run_id="a_b-c.d:1").pk == run.pk
    with pytest.raises(errors.RunIdTaken):
        other.create_run(run_id="a_b-c.d:1")
    with pytest.raises(errors.RunNotFound):
        other.get_run("a_b-c.d:1")
    with pytest.raises(errors.WorkflowNotFound):
        get_workflow("nobody-knows-it")


# Questions.


def test_a_stale_answer_never_answers_another_question():
    flow = Workflow("asks-twice").do_until(ask, lambda said: said == "stop", id="again").commit()
    run = flow.create_run()
    run.start(1)
    (first,) = run.suspended_steps()
    run.resume("more", suspension=first["suspension"])
    (second,) = run.suspended_steps()
    assert second["suspension"] != first["suspension"]
    with pytest.raises(errors.StepNotSuspended):
        run.resume("stop", suspension=first["suspension"])
    assert run.refresh().status == "suspended"
    assert run.resume("stop", suspension=second["suspension"]).status == "success"
    with pytest.raises(errors.RunNotSuspended):
        run.resume("stop", suspension=second["suspension"])


def test_a_step_that_asks_again_refuses_the_answer_to_its_first_question():
    def twice(data, ctx: StepContext):
        if ctx.resume_data != "yes":
            ctx.suspend({"asked": ctx.resume_data})
        return ctx.suspend_data

    run = only(twice, "asks-anew").create_run()
    run.start(1)
    first = run.suspended_steps()[0]["suspension"]
    run.resume("no", suspension=first)
    with pytest.raises(errors.StepNotSuspended, match=r"another question|answered"):
        run.resume("yes", suspension=first)
    assert run.resume("yes").result == {"asked": "no"}


def test_an_unknown_label_lists_the_known_ones():
    flow = only(lambda d, ctx: ctx.suspend(resume_label=["a", "b"]), "labels")
    run = flow.create_run()
    run.start(1)
    with pytest.raises(errors.LabelNotFound, match="'a', 'b'"):
        run.resume(1, label="c")
    assert set(run.resume_labels()) == {"a", "b"}


# Waiting.


@pytest.mark.parametrize("verb", ["retry", "restart", "proceed", "rerun", "time_travel", "fork"])
def test_a_waiting_verb_inside_a_transaction_is_refused_before_it_writes(verb):
    flow = only(lambda d: d, "inside")
    run = flow.create_run()
    run.start(1)
    arguments = ["only"] if verb in {"time_travel", "fork"} else []
    with transaction.atomic(), pytest.raises(errors.WaitInsideTransaction):
        getattr(run, verb)(*arguments)
    assert (flow.list_runs().total, run.refresh().timeline) == (1, 1)


def test_a_run_started_inside_a_transaction_exists_exactly_when_that_commits():
    flow = only(lambda d: d, "with-rows")
    users = get_user_model().objects

    def both(name, *, fails):
        with transaction.atomic():
            users.create_user(name)
            run = flow.create_run(run_id=name)
            assert run.start(1, wait=False).status == "pending"
            if fails:
                raise ValueError

    with pytest.raises(ValueError):  # noqa: PT011 - ours
        both("undone", fails=True)
    assert not users.filter(username="undone").exists()
    with pytest.raises(errors.RunNotFound):
        flow.get_run("undone")
    both("done", fails=False)
    until(lambda: flow.get_run("done").status == "success")


# Async steps, writers, timeouts, interruptions.


def test_async_steps_of_one_run_wait_side_by_side():
    async def nap(data):
        await asyncio.sleep(0.3)
        return data

    flow = Workflow("naps").foreach(step(nap, id="nap"), concurrency=4).commit()
    began = time.monotonic()
    assert flow.create_run().start([1, 2, 3, 4]).result == [1, 2, 3, 4]
    assert time.monotonic() - began < 1.1


def test_what_a_step_writes_is_told_in_order_and_transient_events_are_not_kept():
    def talk(data, ctx: StepContext):
        for number in range(100):
            ctx.writer.write(number)
        ctx.writer.custom("data-note", {"n": 1})
        ctx.writer.custom("data-flash", {"n": 2}, transient=True)
        with pytest.raises(errors.InvalidEventType):
            ctx.writer.custom("note", {})

    run = only(talk, "talks").create_run()
    seen = list(run.stream(1))
    written = [e.payload["output"] for e in run.events() if e.type == "workflow-step-output"]
    assert written == list(range(100))
    kept = [e.type for e in run.events()]
    assert kept.count("data-note") == 1
    assert "data-flash" not in kept
    flashes = [e for e in seen if e.type == "data-flash"]
    assert all(e.seq is None for e in flashes)
    assert [e.seq for e in run.events()] == list(range(1, len(kept) + 1))


def test_a_timeout_stops_sync_and_async_code_and_a_retry_may_help():
    attempts = []

    def slow(data, ctx: StepContext):
        attempts.append(ctx.retry_count)
        while ctx.retry_count == 0:
            time.sleep(0.005)
        return "second"

    async def forever(data):
        await asyncio.sleep(60)

    result = only(slow, "slow", timeout=0.2, retries=1).create_run().start(1)
    assert (result.result, attempts) == ("second", [0, 1])
    result = only(forever, "forever", timeout=0.2).create_run().start(1)
    assert result.error.type == "StepTimeout"


def test_a_foreign_exception_loses_the_attempt_and_the_step_runs_again():
    ran = []

    def leaves(data, ctx: StepContext):
        ran.append((ctx.retry_count, ctx.restarted, ctx.idempotency_key))
        if len(ran) == 1:
            raise KeyboardInterrupt
        return "done"

    run = only(leaves, "leaves").create_run()
    try:
        run.start(1, timeout=20)
    except KeyboardInterrupt:
        run.restart(timeout=20)
    assert run.refresh().result().result == "done"
    assert [r[:2] for r in ran] == [(0, False), (0, True)]
    assert ran[0][2] == ran[1][2]


def test_the_key_differs_by_step_iteration_and_run():
    keys = []
    note = step(lambda d, ctx: keys.append(ctx.idempotency_key), id="note")
    flow = Workflow("keys").then(note).do_until(note, lambda d, ctx: ctx.iteration == 1).commit()
    flow.create_run().start(1)
    flow.create_run().start(1)
    assert len(set(keys)) == 6


# Hooks.


def test_hooks_are_called_for_every_settling_with_its_own_number():
    told = []
    flow = Workflow("hooked", on_finish=told.append).then(ask).then(ask.clone(id="b")).commit()
    run = flow.create_run(resource_id="r")
    run.start({"n": 1}, per_step=True)
    run.resume("x", per_step=True)
    run.proceed()
    run.cancel(wait=True)
    until(lambda: len(told) == 4)
    assert [i.status for i in told] == ["suspended", "paused", "suspended", "canceled"]
    assert len({i.seq for i in told}) == 4
    assert (told[0].run_id, told[0].resource_id) == (run.run_id, "r")
    assert told[0].get_init_data() == {"n": 1}
    finishes = [e.seq for e in run.events() if e.type == "workflow-finish"]
    assert [i.seq for i in told] == finishes


def test_a_nested_workflows_own_hooks_do_not_fire():
    told = []
    inner = Workflow("own-hooks", on_finish=told.append, on_start=told.append).then(ask).commit()
    Workflow("no-hooks").then(inner).commit().create_run().start(1)
    assert told == []


# Twins.


@pytest.mark.parametrize("verb", ["retry", "restart", "proceed"])
async def test_the_async_twins_refuse_what_their_verbs_refuse(verb):
    run = await only(lambda d: d, "twins").acreate_run()
    await run.astart(1)
    with pytest.raises(errors.WorkflowError):
        await getattr(run, f"a{verb}")()


async def test_every_verb_has_an_async_twin():
    broken = [True]

    def work(data, ctx: StepContext):
        if broken[0]:
            raise ValueError
        return ctx.suspend() if ctx.resume_data is None else ctx.resume_data

    flow = Workflow("all-twins").then(step(lambda d: d, id="a")).then(step(work, id="b")).commit()
    run = await flow.acreate_run()
    assert (await run.astart(1, per_step=True)).status == "paused"
    assert (await run.aproceed()).status == "failed"
    broken[0] = False
    assert (await run.aretry()).status == "suspended"
    assert (await run.aresume("x")).result == "x"
    plan = await run.aplan_time_travel("b")
    assert (await run.atime_travel("b", plan=plan.token)).status == "suspended"
    types = [event.type async for event in run.atime_travel_stream("b", resume_data="y")]
    assert types[-1] == "workflow-finish"
    assert (await run.aresult()).result == "y"
    assert [t.cause for t in await run.atimelines()] == [
        "start", "retry", "time-travel", "time-travel",
    ]  # fmt: skip
    forked = await run.afork("b", resume_data="z")
    assert (await forked.aresult()).result == "z"
    again = await run.arerun(2, per_step=True)
    assert again.status == "paused"
    assert (await again.acancel()) == {"message": "Workflow run canceled"}
    assert len(await run.aevents()) > 5
    assert (await flow.alist_runs()).total == 3
    assert await flow.alist_active_runs() == []
    assert await flow.arestart_all_active_runs() == []
    await forked.adelete()
    with pytest.raises(errors.RunNotFound):
        await flow.aget_run(forked.run_id)


async def test_iterations_are_read_from_async_code():
    flow = Workflow("async-each").foreach(step(lambda n: n * 2, id="each")).commit()
    run = await flow.acreate_run()
    result = await run.astart([1, 2])
    assert [i.output for i in await result.aiterations("each")] == [2, 4]


def test_a_step_that_always_leaves_by_a_foreign_exception_fails_in_the_end(settings):
    settings.WORKFLOWS = {**settings.WORKFLOWS, "MAX_LOST_ATTEMPTS": 3}
    ran = []

    def leaves(data):
        ran.append(1)
        raise SystemExit

    run = only(leaves, "always-leaves").create_run()
    result = run.start(1, timeout=20)
    assert (result.status, result.error.type, len(ran)) == ("failed", "WorkerLost", 3)
    assert result.steps["only"].retry_count == 0


def test_a_step_named_like_an_unnamed_fork_runs_beside_it_and_can_be_gone_back_to():
    plus = step(lambda data: data + 1, id="parallel-1")
    other = step(lambda data: data * 2, id="branch-1")
    made = (
        Workflow("named-alike")
        .parallel([plus, other])
        .map(lambda both: both["parallel-1"] + both["branch-1"])
        .branch([(lambda data: data > 0, other.clone(id="third")), (lambda _: False, plus)])
        .commit()
    )
    run = made.create_run()
    result = run.start(2)
    assert (result.status, result.result) == ("success", {"third": 14})
    assert set(result.steps) == {"parallel-1", "branch-1", "map-1", "third"}
    assert result.steps["parallel-1"].output == 3
    assert run.time_travel("parallel-1", input_data=5).result == {"third": 20}


def test_an_input_that_does_not_fit_names_the_step_that_takes_and_the_one_that_gave():
    takes_int = step(lambda data: data, id="takes", input=int)
    gives_text = step(lambda _: "text", id="gives", output=str)
    inner = Workflow("takes-inside", input=int).then(takes_int.clone(id="inside")).commit()
    for parts, says in (
        (lambda w: w.then(gives_text).then(takes_int), "step takes .* from step 'gives'"),
        (lambda w: w.then(takes_int), "step takes .* from the run's input"),
        (lambda w: w.then(gives_text).sleep(0).then(takes_int), "from step 'gives'"),
        (lambda w: w.then(gives_text).parallel([takes_int]), "from step 'gives'"),
        (lambda w: w.then(gives_text).branch([(bool, takes_int)]), "from step 'gives'"),
        (lambda w: w.map(lambda _: "x").then(takes_int), "from map 'map-1'"),
        (lambda w: w.map(lambda _: ["x"]).foreach(takes_int), "an item of what map 'map-1' gave"),
        (lambda w: w.then(gives_text).do_while(takes_int, bool), "from step 'gives', or its own"),
        (lambda w: w.then(gives_text).then(inner), "workflow takes-inside .* from step 'gives'"),
    ):
        made = Workflow("misfit-at-run-time")
        parts(made)
        result = made.commit().create_run().start("x")
        assert result.error.type == "InvalidStepInput"
        assert re.search(says, result.error.message), result.error.message
