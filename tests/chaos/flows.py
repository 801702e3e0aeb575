"""Workflows that note outside the database what their steps did; each has a known result."""

import json
import os
import random
import time
import uuid
from pathlib import Path
from typing import Any

from django.contrib.auth.models import Group
from django.db import connection

from workflows_app import StepContext, Workflow, step
from workflows_app.engine.host import rare

#: The part of the quick steps that are slow.
SLOW = 0.01
#: Workflows whose hook is to be called at each settling.
HOOKED = frozenset({"chaos-asks", "chaos-hooked", "chaos-parallel", "chaos-slow"})
#: How far this worker's clock is off, in seconds, as Python code reads it.
OFFSET = float(os.environ.get("CHAOS_CLOCK", "0"))
if OFFSET:
    _time, _time_ns = time.time, time.time_ns
    time.time = lambda: _time() + OFFSET
    time.time_ns = lambda: _time_ns() + int(OFFSET * 1e9)


def _write(kind: str, line: str) -> None:
    """Add a line to a file of this process, in one write that is complete or absent."""
    file = Path(os.environ["CHAOS_MARKS"]) / f"{os.getpid()}.{kind}"
    with file.open("a", encoding="utf-8") as out:
        out.write(line + "\n")


def _did(ctx: StepContext, value: Any, **more: Any) -> None:
    """Note that a step ran."""
    told = {"run": ctx.run_id, "path": ctx.path, "value": value, "pid": os.getpid(), **more}
    _write("jsonl", json.dumps(told))


def _was_called(info: Any) -> None:
    """Note that a hook was called."""
    _write("hooks", json.dumps({"run": info.run_id, "seq": info.seq, "status": info.status}))


rare.listen(lambda what, times: _write("rare", f"{what} {times}"))


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


def _seldom_slow() -> None:
    """Take almost no time, and sometimes so long that waiting steps are left to others."""
    if random.random() < SLOW:
        time.sleep(0.2)


@step
def quick(data: dict[str, Any], ctx: StepContext) -> dict[str, Any]:
    """Add one, quickly."""
    _seldom_slow()
    value = {**data, "n": data["n"] + 1}
    _did(ctx, value)
    return value


@step
def quick_item(item: int, ctx: StepContext) -> int:
    """Double one item of a list, quickly."""
    _seldom_slow()
    _did(ctx, item * 2)
    return item * 2


@step
def asks(data: dict[str, Any], ctx: StepContext) -> dict[str, Any]:
    """Ask once, and add the answer."""
    if ctx.resume_data is None:
        ctx.suspend({"n": data["n"]})
    _linger(0.2)  # while the other answer comes
    value = {**data, "n": data["n"] + ctx.resume_data["plus"]}
    _did(ctx, value, by=ctx.resume_data["by"])
    return value


@step(retries=5, retry_delay=0.2)
def wakes(data: dict[str, Any], ctx: StepContext) -> dict[str, Any]:
    """Add one, and note when that was, by the database's clock."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT extract(epoch FROM clock_timestamp())")
        (at,) = cursor.fetchone()
    value = {**data, "n": data["n"] + 1}
    _did(ctx, value, at=float(at))
    return value


@step(retries=5, retry_delay=0.2)
def flaky(data: dict[str, Any], ctx: StepContext) -> dict[str, Any]:
    """Fail twice, then add one."""
    if ctx.retry_count < 2:
        raise RuntimeError("Not yet.")
    value = {**data, "n": data["n"] + 1}
    _did(ctx, value)
    return value


@step(atomic=True, retries=5, retry_delay=0.2)
def writes(data: dict[str, Any], ctx: StepContext) -> dict[str, Any]:
    """Write one row with the result, or neither; each attempt another row."""
    Group.objects.create(name=f"{ctx.run_id} {uuid.uuid4()}")
    _linger(0.2)
    value = {**data, "n": data["n"] + 1}
    _did(ctx, value)
    return value


@step
def slow(data: dict[str, Any], ctx: StepContext) -> dict[str, Any]:
    """Take longer than most, so that one is held by a worker that stops; end when canceled."""
    ctx.abort_signal.wait(3.0)
    value = {**data, "n": data["n"] + 1}
    _did(ctx, value)
    return value


def _chain(name: str, length: int, made_of: Any = add, **options: Any) -> Workflow:
    flow = Workflow(name, **options)
    for number in range(length):
        flow.then(step(made_of.fn, id=f"add{number}"))
    return flow.commit()


def _numbers(data: dict[str, Any]) -> list[int]:
    return list(range(data["n"], data["n"] + 20))


def _many(data: dict[str, Any]) -> list[int]:
    return list(range(data["n"], data["n"] + 60))


inner = _chain("chaos-inner", 2)
chain = _chain("chaos-chain", 6)
fan = Workflow("chaos-fan").map(_numbers).foreach(double, concurrency=5).commit()
parallel = (
    Workflow("chaos-parallel", on_finish=_was_called)
    .parallel([step(add.fn, id="left"), step(add.fn, id="right"), inner])
    .map(lambda data: {"n": sum(part["n"] for part in data.values())})
    .commit()
)
asking = (
    Workflow("chaos-asks", on_finish=_was_called)
    .then(add)
    .then(asks)
    .then(step(add.fn, id="after"))
    .commit()
)
asleep = Workflow("chaos-sleeps").then(add).sleep(1.0).then(wakes).commit()
quickly = _chain("chaos-quick", 6, quick)
many = Workflow("chaos-many").map(_many).foreach(quick_item, concurrency=32).commit()
hooked = _chain("chaos-hooked", 2, on_finish=_was_called)
retried = Workflow("chaos-flaky").then(add).then(flaky).commit()
atomic = Workflow("chaos-atomic").then(add).then(writes).then(step(add.fn, id="after")).commit()
nested = Workflow("chaos-nested").then(inner).do_until(add, lambda d: d["n"] % 7 == 0).commit()
# Canceled, it is mostly so in its last step; and with a hook it does not end by a shortcut.
lasting = Workflow("chaos-slow", on_finish=_was_called).then(add).then(slow).commit()


def expected(workflow: str, n: int) -> Any:
    """Return the result that a run with the input `{"n": n}` must have."""
    after = n + 3
    return {
        "chaos-chain": {"n": n + 6},
        "chaos-fan": [number * 2 for number in range(n, n + 20)],
        "chaos-quick": {"n": n + 6},
        "chaos-many": [number * 2 for number in range(n, n + 60)],
        "chaos-parallel": {"n": 3 * n + 4},
        "chaos-asks": {"n": n + 2 + 5},
        "chaos-nested": {"n": after + (-after) % 7},
        "chaos-atomic": {"n": n + 3},
    }.get(workflow, {"n": n + 2})
