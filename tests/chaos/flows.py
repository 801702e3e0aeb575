"""Workflows that tell, outside the database, what their steps did; each has a known result."""

import json
import os
import random
import time
from pathlib import Path
from typing import Any

from django.contrib.auth.models import Group

from workflows_app import StepContext, Workflow, step

#: How far the clock of this worker is off, in seconds: what Python code reads as the time.
OFFSET = float(os.environ.get("CHAOS_CLOCK", "0"))
if OFFSET:
    _time, _time_ns = time.time, time.time_ns
    time.time = lambda: _time() + OFFSET
    time.time_ns = lambda: _time_ns() + int(OFFSET * 1e9)


def _did(ctx: StepContext, value: Any) -> None:
    """Note that a step ran, in one write that is whole or not there at all."""
    line = json.dumps({"run": ctx.run_id, "path": ctx.path, "value": value, "pid": os.getpid()})
    file = Path(os.environ["CHAOS_MARKS"]) / f"{os.getpid()}.jsonl"
    with file.open("a", encoding="utf-8") as out:
        out.write(line + "\n")


def _linger(most: float = 0.03) -> None:
    time.sleep(random.uniform(0, most))


@step
def add(data: dict[str, Any], ctx: StepContext) -> dict[str, Any]:
    """Add one."""
    _linger()
    value = {**data, "n": data["n"] + 1}
    _did(ctx, value)
    return value


@step
def double(item: int, ctx: StepContext) -> int:
    """Double one item of a list."""
    _linger()
    _did(ctx, item * 2)
    return item * 2


@step
def asks(data: dict[str, Any], ctx: StepContext) -> dict[str, Any]:
    """Ask once, and add the answer."""
    if ctx.resume_data is None:
        ctx.suspend({"n": data["n"]})
    value = {**data, "n": data["n"] + ctx.resume_data["plus"]}
    _did(ctx, value)
    return value


@step(retries=5, retry_delay=0.2)
def flaky(data: dict[str, Any], ctx: StepContext) -> dict[str, Any]:
    """Fail twice, then add one."""
    if ctx.retry_count < 2:
        raise RuntimeError("Not yet.")
    value = {**data, "n": data["n"] + 1}
    _did(ctx, value)
    return value


@step(atomic=True)
def writes(data: dict[str, Any], ctx: StepContext) -> dict[str, Any]:
    """Write one row with the result, or neither."""
    Group.objects.create(name=f"{ctx.run_id}")
    _linger()
    value = {**data, "n": data["n"] + 1}
    _did(ctx, value)
    return value


@step
def slow(data: dict[str, Any], ctx: StepContext) -> dict[str, Any]:
    """Take a second, or end at once when the run is canceled."""
    ctx.abort_signal.wait(1.0)
    value = {**data, "n": data["n"] + 1}
    _did(ctx, value)
    return value


def _chain(name: str, length: int) -> Workflow:
    flow = Workflow(name)
    for number in range(length):
        flow.then(step(add.fn, id=f"add{number}"))
    return flow.commit()


def _numbers(data: dict[str, Any]) -> list[int]:
    return list(range(data["n"], data["n"] + 20))


inner = _chain("chaos-inner", 2)
chain = _chain("chaos-chain", 6)
fan = Workflow("chaos-fan").map(_numbers).foreach(double, concurrency=5).commit()
parallel = (
    Workflow("chaos-parallel")
    .parallel([step(add.fn, id="left"), step(add.fn, id="right"), inner])
    .map(lambda data: {"n": sum(part["n"] for part in data.values())})
    .commit()
)
asking = Workflow("chaos-asks").then(add).then(asks).then(step(add.fn, id="after")).commit()
asleep = Workflow("chaos-sleeps").then(add).sleep(1.0).then(step(add.fn, id="after")).commit()
retried = Workflow("chaos-flaky").then(add).then(flaky).commit()
atomic = Workflow("chaos-atomic").then(add).then(writes).then(step(add.fn, id="after")).commit()
nested = Workflow("chaos-nested").then(inner).do_until(add, lambda d: d["n"] % 7 == 0).commit()
lasting = Workflow("chaos-slow").then(slow).then(step(add.fn, id="after")).commit()


def expected(workflow: str, n: int) -> Any:
    """Return what a run given `{"n": n}` must come to."""
    after = n + 3
    return {
        "chaos-chain": {"n": n + 6},
        "chaos-fan": [number * 2 for number in range(n, n + 20)],
        "chaos-parallel": {"n": 3 * n + 4},
        "chaos-asks": {"n": n + 2 + 5},
        "chaos-nested": {"n": after + (-after) % 7},
        "chaos-atomic": {"n": n + 3},
    }.get(workflow, {"n": n + 2})
