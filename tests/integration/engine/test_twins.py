"""Every async twin, with every option, on a running loop; and every verb that blocks one."""

import asyncio
import inspect
from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import SynchronousOnlyOperation

from workflows_app import Run, Schedule, StepContext, Workflow, errors, step
from workflows_app.engine.host import ports
from workflows_app.schedules import WorkflowSchedule
from workflows_app.threads import in_thread

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("execution")]

#: What every verb takes besides `actor`, which needs a row.
OPTIONS = {
    "nothing": {},
    "request_context": {"request_context": {"tenant": "t"}},
    "tracing_options": {"tracing_options": {"trace_id": "ab", "tags": ["x"]}},
    "tracing_context": {"tracing_context": None},
    "output_options": {"output_options": {"include_state": True, "include_resume_labels": True}},
    "actor": {"actor": "somebody"},
    "no wait": {"wait": False},
    "timeout": {"timeout": 60},
    "all": {
        "request_context": {"tenant": "t"},
        "tracing_options": {"metadata": {"a": 1}},
        "output_options": {"include_state": True},
        "actor": "somebody",
        "timeout": 60.5,
    },
}


@step(resume=str)
def asks(data, ctx: StepContext):
    """Ask once, and fail when the answer is `fail`."""
    if ctx.resume_data is None:
        ctx.suspend({"why": data})
    if ctx.resume_data == "fail":
        raise ValueError
    return ctx.resume_data


@step
def first(data):
    """Give what it gets."""
    return data


def flow():
    """Return a workflow that asks once."""
    return Workflow("twins-of-all").then(first).then(asks).commit()


async def begun(how):
    """Return a new run that fits the twin."""
    run = await flow().acreate_run()
    match how:
        case "suspended":
            await run.astart("x")
        case "failed":
            await run.astart("x")
            await run.aresume("fail")
        case "paused":
            await run.astart("x", per_step=True)
        case "active":
            await in_thread(_make_active)(run)
    return run


def _make_active(run):
    """Let a run have a queued step that nobody takes by itself."""
    with ports.holding_back():
        run.start("x", wait=False)


TWINS = {
    "astart": ("pending", ("x",), {"initial_state": {"s": 1}}),
    "aresume": ("suspended", ("yes",), {"step": "asks", "retry_count": 1}),
    "arestart": ("active", (), {}),
    "aretry": ("failed", (), {}),
    "aproceed": ("paused", (), {"per_step": False}),
    "atime_travel": ("suspended", ("first",), {"input_data": "z"}),
    "afork": ("suspended", ("first",), {"input_data": "z"}),
    "arerun": ("suspended", (), {}),
}


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("twin", TWINS)
async def test_every_twin_takes_every_option(twin, options):
    how, args, own = TWINS[twin]
    run = await begun(how)
    chosen = dict(OPTIONS[options])
    if "actor" in chosen:
        chosen["actor"] = await User.objects.acreate(username="somebody")
    answer = await getattr(run, twin)(*args, **own, **chosen)
    if isinstance(answer, Run):
        answer = await answer.aresult()
    await run.arefresh()
    if chosen.get("wait", True):
        assert answer.status in {"suspended", "success", "failed"}
    if "include_state" in chosen.get("output_options", {}) and twin not in {"afork", "arerun"}:
        assert answer.state is not None


def naps(data, ctx: StepContext):
    """Take far longer than any caller waits, but end with the run."""
    if ctx.get_init_data() != "now":
        ctx.abort_signal.wait(60)
    if ctx.resume_data is None and ctx.get_init_data() == "now":
        ctx.suspend()
    return data


@pytest.mark.parametrize("twin", ["astart", "arerun", "afork"])
async def test_a_timeout_raises_wait_timeout_and_the_run_goes_on(twin):
    made = Workflow("naps-long").then(step(naps, id="naps")).commit()
    run = await made.acreate_run()
    if twin != "astart":
        await run.astart("now")
    args = {"astart": ("x",), "arerun": ("x",)}.get(twin, ("naps",))
    options = {"context": {"input": "x"}} if twin == "afork" else {}
    with pytest.raises(errors.WaitTimeout, match="continues"):
        await getattr(run, twin)(*args, **options, timeout=0.3)
    for each in await made.alist_runs():
        await each.acancel(wait=True, timeout=30)


async def test_cancel_waits_on_the_loop_and_gives_up_after_its_timeout():
    stays = asyncio.Event()
    loop = asyncio.get_running_loop()

    def deaf(data):
        asyncio.run_coroutine_threadsafe(stays.wait(), loop).result(30)
        return data

    run = await Workflow("deaf").then(step(deaf)).commit().acreate_run()
    await run.astart("x", wait=False)
    while (await run.aresult()).steps.get("deaf") is None:
        await asyncio.sleep(0.01)
    with pytest.raises(errors.WaitTimeout):
        await run.acancel(wait=True, timeout=0.2)
    stays.set()
    assert (await run.acancel(wait=True, timeout=30))["message"]
    assert run.status == "canceled"


STREAMS = {
    "astream": ("pending", ("x",)),
    "aresume_stream": ("suspended", ("yes",)),
    "atime_travel_stream": ("suspended", ("first",)),
    "aobserve_stream": ("suspended", ()),
}


@pytest.mark.parametrize("options", [name for name in OPTIONS if name != "no wait"])
@pytest.mark.parametrize("twin", STREAMS)
async def test_every_async_stream_takes_every_option(twin, options):
    how, args = STREAMS[twin]
    run = await begun(how)
    chosen = {} if twin == "aobserve_stream" else dict(OPTIONS[options])
    if "actor" in chosen:
        chosen["actor"] = await User.objects.acreate(username="somebody")
    stream = getattr(run, twin)(*args, **chosen)
    assert [event.type async for event in stream][-1] == "workflow-finish"
    assert stream.status in {"suspended", "success"}
    open_ended = getattr(run, twin)(*args, close_on_suspend=False)
    assert open_ended is not stream


async def test_the_twins_that_look_back_take_their_options():
    made = flow()
    run = await begun("suspended")
    now = datetime.now(UTC)
    page = await made.alist_runs(
        status="suspended", resource_id=None, from_date=now - timedelta(1), to_date=now, limit=1
    )
    assert (await made.alist_runs(cursor=page.next_cursor)).total == page.total == 1
    assert (await made.aget_run(run.run_id)).run_id == run.run_id
    assert (await made.acreate_run("mine", resource_id="r")).resource_id == "r"
    assert (await run.aresult(include_state=True)).state == {}
    assert (await run.aevents(after=2))[0].seq == 3
    assert [each["id"] for each in await run.asuspended_steps()] == ["asks"]
    assert await run.aresume_labels() == {}
    assert await run.astep_output("first") == await run.astep_payload("asks") == "x"
    assert [each.number for each in await run.atimelines()] == [1]
    assert (await run.aplan_time_travel("first", input_data="z")).rerun == ["first", "asks"]
    assert await made.alist_active_runs() == []
    assert await made.arestart_all_active_runs() == []
    await run.adelete(actor=None)
    with pytest.raises(errors.RunNotFound):
        await run.arefresh()


async def test_schedules_have_twins_too():
    daily = Schedule("0 0 * * *", input_data="x")
    made = Workflow("scheduled-twins", schedule=daily).then(first).commit()
    (schedule,) = await made.aschedules()
    await schedule.apause("why")
    await schedule.aunpause()
    run = await schedule.arun_now()
    assert [each.run_id for each in await schedule.atriggers(limit=1)] == [run.run_id]


def _public(of):
    return [
        name
        for name, value in inspect.getmembers(of, inspect.isfunction)
        if not name.startswith("_") and hasattr(of, f"a{name}")
    ]


CALLS = {
    "resume_stream": ("yes",),
    "time_travel": ("first",),
    "time_travel_stream": ("first",),
    "plan_time_travel": ("first",),
    "fork": ("first",),
    "step_output": ("first",),
    "step_payload": ("first",),
    "get_run": ("x",),
}


@pytest.mark.parametrize("name", [n for n in _public(Run) if n != "observe_stream"])
async def test_every_verb_of_a_run_that_blocks_names_its_twin_on_a_running_loop(name):
    run = await begun("suspended")
    with pytest.raises(errors.WorkflowError, match=rf"a{name}\(\)") as refused:
        getattr(run, name)(*CALLS.get(name, ()))
    assert isinstance(refused.value, SynchronousOnlyOperation)
    assert (await run.arefresh()).status == "suspended"


@pytest.mark.parametrize("name", _public(Workflow))
async def test_every_method_of_a_workflow_that_blocks_does_so_too(name):
    with pytest.raises(errors.InsideEventLoop, match=rf"a{name}\(\)"):
        getattr(flow(), name)(*CALLS.get(name, ()))


@pytest.mark.parametrize("name", _public(WorkflowSchedule))
async def test_every_method_of_a_schedule_that_blocks_does_so_too(name):
    daily = Schedule("0 0 * * *", input_data="x")
    made = Workflow("scheduled-twins", schedule=daily).then(first).commit()
    (schedule,) = await made.aschedules()
    with pytest.raises(errors.InsideEventLoop, match=rf"a{name}\(\)"):
        getattr(schedule, name)()


#: What `on_start` raises and what its caller gets, because no coroutine can raise a StopIteration.
LEAVES = {
    StopIteration: RuntimeError,
    StopAsyncIteration: StopAsyncIteration,
    GeneratorExit: GeneratorExit,
    ValueError: ValueError,
    KeyError: KeyError,
    asyncio.CancelledError: asyncio.CancelledError,
}


@pytest.mark.parametrize("options", [{}, {"wait": False}, {"timeout": 30}])
@pytest.mark.parametrize("leaves", LEAVES)
async def test_whatever_on_start_raises_reaches_the_caller_of_astart(leaves, options):
    def refuse(_info):
        raise leaves

    made = Workflow("refuses", on_start=refuse).then(first).commit()
    run = await made.acreate_run()
    with pytest.raises(LEAVES[leaves]) as raised:
        await asyncio.wait_for(run.astart("x", **options), 30)
    assert leaves in {type(raised.value), type(raised.value.__cause__)}
    assert (await run.arefresh()).status == "pending"


@pytest.mark.parametrize("kind", ["stream", "async hook"])
async def test_a_stop_iteration_of_on_start_ends_streams_and_async_hooks_too(kind):
    def refuse(_info):
        raise StopIteration

    async def arefuse(_info):
        raise StopIteration

    hook = arefuse if kind == "async hook" else refuse
    run = await Workflow("refuses", on_start=hook).then(first).commit().acreate_run()

    async def follow():
        async for _ in run.astream("x"):
            pass

    with pytest.raises(RuntimeError):
        await asyncio.wait_for(follow() if kind == "stream" else run.astart("x"), 30)


def stops(*_args):
    """Raise what ends an iteration."""
    raise StopIteration


async def astops(*_args):
    """Raise it in a coroutine, which makes a RuntimeError of it."""
    raise StopIteration


def ends(*_args):
    """Raise what ends an asynchronous iteration."""
    raise StopAsyncIteration


PLACES = {
    "step": lambda fn: Workflow("stops").then(step(fn, id="here")),
    "map": lambda fn: Workflow("stops").map(fn),
    "map of functions": lambda fn: Workflow("stops").map({"a": fn}),
    "branch": lambda fn: Workflow("stops").branch([(fn, first)]),
    "loop": lambda fn: Workflow("stops").do_while(first, fn),
    "foreach": lambda fn: Workflow("stops").foreach(first, concurrency=fn),
    "sleep": lambda fn: Workflow("stops").sleep(fn),
    "sleep_until": lambda fn: Workflow("stops").sleep_until(fn),
}


@pytest.mark.parametrize("fn", [stops, astops, ends])
@pytest.mark.parametrize("place", PLACES)
async def test_a_stop_iteration_of_any_function_fails_the_run_like_any_other_error(place, fn):
    run = await PLACES[place](fn).commit().acreate_run()
    result = await asyncio.wait_for(run.astart(["x"]), 30)
    wanted = {stops: "StopIteration", astops: "RuntimeError", ends: "StopAsyncIteration"}[fn]
    assert (result.status, result.error.type) == ("failed", wanted)


@pytest.mark.parametrize("hook", ["on_finish", "on_error"])
@pytest.mark.parametrize("fn", [stops, astops, ends])
async def test_a_stop_iteration_of_a_later_hook_is_logged_and_changes_nothing(hook, fn):
    def breaks(_data):
        raise ValueError

    run = await Workflow("stops-late", **{hook: fn}).then(step(breaks)).commit().acreate_run()
    assert (await asyncio.wait_for(run.astart("x"), 30)).status == "failed"
