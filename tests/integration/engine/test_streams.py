"""Streams that begin a run: transient events in their place, and results with their options."""

import asyncio
import threading

import pytest

from workflows_app import StepContext, Workflow, errors, news, step

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("execution")]

SAID = ["data-flash 0", "data-kept 1", "data-flash 2", "output 3", "data-flash 4", "data-kept 5"]


def talks(data, ctx: StepContext):
    """Emit recorded and transient events in turn, and ask once."""
    ctx.writer.custom("data-flash", 0, transient=True)
    ctx.writer.custom("data-kept", 1)
    ctx.writer.custom("data-flash", 2, transient=True)
    ctx.writer.write(3)
    ctx.writer.custom("data-flash", 4, transient=True)
    ctx.writer.custom("data-kept", 5)
    ctx.set_state({"said": True})
    if ctx.resume_data is None:
        ctx.suspend({"ask": 1}, resume_label="answer")
    return data


def flow(**options):
    """Return a workflow that talks, asks, and talks when it was answered."""
    return Workflow("talks", **options).then(step(talks)).commit()


def said(events):
    """Return what the step said, as the stream gave it."""
    found = []
    for event in events:
        if event.type.startswith("data-"):
            found.append(f"{event.type} {event.payload['data']}")
        elif event.type == "workflow-step-output":
            found.append(f"output {event.payload['output']}")
        elif event.type == "workflow-step-start":
            found.append("start")
        elif event.type in {"workflow-step-suspended", "workflow-step-result"}:
            found.append("end")
    return found


IN_PLACE = ["start", *SAID, "end"]


def settled(run):
    """Wait until the run has settled, without the stream."""
    end = threading.Event()
    while run.refresh().status in {"pending", "running"}:
        end.wait(0.01)


@pytest.mark.parametrize("is_late", [False, True])
def test_transient_events_come_in_their_place_also_when_it_is_iterated_later(is_late):
    run = flow().create_run()
    verbs = (
        lambda: run.stream("x"),
        lambda: run.resume_stream("yes"),
        lambda: run.time_travel_stream("talks", input_data="y"),
        lambda: run.resume_stream("yes", label="answer"),
    )
    for verb in verbs:
        stream = verb()
        if is_late:
            settled(run)
        events = list(stream)
        assert said(events) == IN_PLACE
        assert all((event.seq is None) == (event.type == "data-flash") for event in events)
        numbers = [event.seq for event in events if event.seq is not None]
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))


@pytest.mark.parametrize("is_late", [False, True])
async def test_the_async_forms_give_the_same(is_late):
    run = await flow().acreate_run()
    verbs = (
        lambda: run.astream("x"),
        lambda: run.aresume_stream("yes"),
        lambda: run.atime_travel_stream("talks", input_data="y"),
    )
    for verb in verbs:
        events = []
        async for event in verb():
            events.append(event)
            if is_late:
                await asyncio.sleep(0.001)
        assert said(events) == IN_PLACE


def test_transient_events_of_parallel_steps_and_items_are_each_in_place():
    def speak(item, ctx: StepContext):
        for number in range(5):
            ctx.writer.custom("data-kept", [item, 2 * number])
            ctx.writer.custom("data-flash", [item, 2 * number + 1], transient=True)
        return item

    made = Workflow("choir").foreach(step(speak), concurrency=4).commit()
    events = list(made.create_run().stream([1, 2, 3, 4]))
    for item in (1, 2, 3, 4):
        path = f"speak[{item - 1}]"
        mine = [e for e in events if e.payload.get("path") == path]
        told = [e.payload["data"][1] for e in mine if e.type.startswith("data-")]
        assert told == list(range(10))
        assert mine[0].type == "workflow-step-start"
        assert mine[-1].type == "workflow-step-finish"


def test_transient_events_of_a_retried_attempt_stay_with_their_attempt():
    def tries(data, ctx: StepContext):
        ctx.writer.custom("data-flash", ctx.retry_count, transient=True)
        if ctx.retry_count < 2:
            raise ValueError
        return data

    made = Workflow("tries").then(step(tries, retries=2)).commit()
    types = [event.type for event in made.create_run().stream(1)]
    inside = [kind for kind in types if kind.startswith(("data-", "workflow-step-r"))]
    again = ["data-flash", "workflow-step-retry"]
    assert inside == [*again, *again, "data-flash", "workflow-step-result"]


def test_an_atomic_step_gives_its_transient_events_in_place():
    made = Workflow("atomic-talk").then(step(talks, id="talks", atomic=True)).commit()
    run = made.create_run()
    # A suspension rolls the step back, but its output is still recorded.
    assert said(run.stream("x")) == IN_PLACE


def test_a_stream_that_is_not_iterated_keeps_a_bounded_number():
    def floods(data, ctx: StepContext):
        for number in range(50):
            ctx.writer.custom("data-flash", number, transient=True)
        return data

    made = Workflow("floods").then(step(floods)).commit()
    run = made.create_run()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(news, "MOST_KEPT", 10)
        stream = run.stream(1)
        settled(run)
    flashes = [e.payload["data"] for e in stream if e.type == "data-flash"]
    assert flashes == list(range(40, 50))


def test_the_result_of_a_stream_has_what_its_output_options_ask_for():
    made = flow()
    run = made.create_run()
    both = {"include_state": True, "include_resume_labels": True}
    for verb in (
        lambda options: run.stream("x", output_options=options),
        lambda options: run.time_travel_stream("talks", input_data="y", output_options=options),
    ):
        stream = verb(both)
        list(stream)
        assert stream.result.state == {"said": True}
        assert stream.result.resume_labels == {"answer": {"step": "talks", "foreach_index": None}}
    stream = run.resume_stream("yes", output_options={"include_state": True})
    list(stream)
    assert (stream.result.state, stream.result.resume_labels) == ({"said": True}, None)
    plain = made.create_run().stream("x")
    list(plain)
    assert (plain.result.state, plain.result.resume_labels) == (None, None)


async def test_the_async_forms_have_it_too_without_blocking_the_loop():
    run = await flow().acreate_run()
    both = {"include_state": True, "include_resume_labels": True}
    for stream in (
        run.astream("x", output_options=both),
        run.atime_travel_stream("talks", input_data="y", output_options=both),
        run.aresume_stream("yes", output_options={"include_state": True}),
    ):
        with pytest.raises(errors.InsideEventLoop, match="aresult"):
            _ = stream.result
        assert [event.type async for event in stream][-1] == "workflow-finish"
        assert stream.result.state == {"said": True}
        assert stream.status == stream.result.status == (await stream.aresult()).status


@pytest.mark.parametrize("name", ["stream", "start"])
def test_an_output_option_that_is_not_known_is_refused_before_anything_happens(name):
    run = flow().create_run()
    with pytest.raises(errors.InvalidInput, match="include_stat"):
        getattr(run, name)("x", output_options={"include_stat": True})
    assert run.refresh().status == "pending"
