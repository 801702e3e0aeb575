"""Workflows whose steps leave a mark outside the database, for tests that kill processes."""

import asyncio
import os
import time
from pathlib import Path
from typing import Any

from django.contrib.auth.models import Group

from workflows_app import StepContext, Workflow, step


def _marks() -> Path:
    return Path(os.environ["MARKS"])


def _mark(name: str) -> None:
    with (_marks() / "ran").open("a", encoding="utf-8") as ran:
        ran.write(f"{name}\n")


@step
def first(data: dict[str, Any]) -> dict[str, Any]:
    """Leave a mark and go on."""
    _mark("first")
    return {**data, "first": True}


@step
def held_up(data: dict[str, Any], ctx: StepContext) -> dict[str, Any]:
    """Stay in the middle until the test lets it go."""
    _mark("held_up")
    while not (_marks() / "go").exists():
        ctx.abort_signal.wait(0.02)
    return {**data, "restarted": ctx.restarted}


@step
def last(data: dict[str, Any]) -> dict[str, Any]:
    """Leave a mark and end."""
    _mark("last")
    return data


@step(on_exhausted="ask", retries=1)
def refuses(number: int) -> int:
    """Refuse every number but 7."""
    _mark(f"refuses {number}")
    if number != 7:
        raise ValueError(f"{number} is not 7")
    return number


used_up = Workflow("far-used-up").foreach(refuses, concurrency=2).commit()

chain = Workflow("killed").then(first).then(held_up).then(last).commit()


@step(atomic=True)
def writes(data: dict[str, Any]) -> dict[str, Any]:
    """Write a row through the ORM, and stay before the end until the test lets it go."""
    Group.objects.create(name=f"written-{Group.objects.count()}")
    _mark("writes")
    deadline = time.monotonic() + 30
    while not (_marks() / "go").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    return {**data, "groups": Group.objects.count()}


atomic = Workflow("killed-atomic").then(writes).then(last).commit()
asleep = Workflow("killed-asleep").then(first).sleep(3).then(last).commit()


@step
def waits_for_cancel(data: dict[str, Any], ctx: StepContext) -> dict[str, Any]:
    """Run until somebody cancels the run, and tell how soon that was known here."""
    _mark("waits")
    if ctx.abort_signal.wait(60):
        _mark(f"aborted {time.time()}")
    return data


@step(queue="gpu")
def on_gpu(data: dict[str, Any]) -> dict[str, Any]:
    """Tell which process ran it."""
    return {**data, "pid": os.getpid()}


@step
def anywhere(data: dict[str, Any]) -> dict[str, Any]:
    """Tell which process ran it."""
    return {**data, "first": os.getpid()}


@step
def asks(data: dict[str, Any], ctx: StepContext) -> dict[str, Any]:
    """Ask once."""
    if ctx.resume_data is None:
        ctx.suspend({"question": "go on?"})
    return {**data, "answer": ctx.resume_data}


cancelable = Workflow("far-cancel").then(waits_for_cancel).commit()
queued = Workflow("far-queue").then(anywhere).then(on_gpu).commit()
asking = Workflow("far-asks").then(first).then(asks).then(last).commit()


@step
def adds(number: int) -> int:
    """Add 1."""
    return number + 1


adding = Workflow("far-adds").then(adds).commit()


@step
def waits_for_adding(number: int) -> int:
    """Start another run and wait for it."""
    result: int = adding.create_run().start(number).result
    return result


@step
async def waits_on_the_loop(number: int) -> int:
    """Start another run and wait for it, twice at a time."""
    runs = [await adding.acreate_run(), await adding.acreate_run()]
    results = await asyncio.gather(*(run.astart(number) for run in runs))
    return int(sum(result.result for result in results))


waiting = Workflow("far-waits").then(waits_for_adding).then(waits_on_the_loop).commit()


@step(resume=bool)
def talks(data: int, ctx: StepContext) -> int:
    """Say recorded and transient things by turns, and ask once."""
    for number in range(0, 6, 2):
        ctx.writer.custom("data-flash", number, transient=True)
        ctx.writer.custom("data-kept", number + 1)
    if ctx.resume_data is None:
        ctx.suspend()
    return data


talking = Workflow("far-talks").then(talks).commit()


@step
def pays(order: str, ctx: StepContext) -> Any:
    """Wait for the payment of an order."""
    return ctx.wait_for_event("payment", order, timeout=60)


@step
def gives_up(order: str, ctx: StepContext) -> Any:
    """Wait for a payment that does not come."""
    return ctx.wait_for_event("payment", order, timeout=0.5)


@step
def doubles(number: int) -> int:
    """Double a number."""
    return 2 * number


doubling = Workflow("far-doubles").then(doubles).commit()


@step
def fans_out(numbers: list[int], ctx: StepContext) -> list[int]:
    """Start a run for each number, and wait for all."""
    runs = [ctx.start(doubling, number, key=str(number)) for number in numbers]
    return [ctx.wait_for_run(each).result for each in runs]


paying = Workflow("far-pays").then(pays).commit()
giving_up = Workflow("far-gives-up").then(gives_up).commit()
fanning = Workflow("far-fans").then(fans_out).commit()
