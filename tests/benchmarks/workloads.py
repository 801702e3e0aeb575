"""The workloads: steps that do nothing and return a small dict, every result recorded.

`chain`: runs of ten steps, started as fast as the client can. `latency`: runs of three steps, one
at a time, from start to the result that the client sees. `resume`: from the answer to the result.
`foreach`: items of a list, 50 at a time. `loop`: rounds. `nesting`: workflows 20 deep. For these
`item_ms` is what one item or round took, `item_ms_end` the same for the last tenth of them, and
`rss_mib_start`, `rss_mib_end` what the process held resident after the first and last tenth.
"""

import argparse
import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import django

django.setup()

from django.core.management import call_command  # noqa: E402 - the apps must be ready

from worker import process  # noqa: E402
from workflows_app import Run, StepContext, Workflow, step  # noqa: E402
from workflows_app.models import StepSnapshot  # noqa: E402


def _chain(name: str, length: int) -> Workflow:
    workflow = Workflow(name)
    for number in range(length):
        workflow.then(step(lambda data: {"n": data["n"] + 1}, id=f"s{number}"))
    return workflow.commit()


@step
def ask(data: dict[str, int], ctx: StepContext) -> dict[str, int]:
    """Ask once."""
    if ctx.resume_data is None:
        ctx.suspend()
    return data


@step
def echo(item: int) -> dict[str, int]:
    """Return a small dict."""
    return {"n": item}


@step
def count(data: dict[str, int]) -> dict[str, int]:
    """Count one round."""
    return {"n": data["n"] + 1}


def _nested(depth: int) -> Workflow:
    workflow = Workflow("bench-deep-0").then(count).commit()
    for level in range(1, depth):
        workflow = Workflow(f"bench-deep-{level}").then(workflow).commit()
    return workflow


EACH = Workflow("bench-each").foreach(echo, concurrency=50).commit()
LOOP = Workflow("bench-loop").do_until(count, lambda data: data["n"] % 10_000 == 0).commit()
DEEP = _nested(20)
TEN = _chain("bench-ten", 10)
THREE = _chain("bench-three", 3)
ASKS = Workflow("bench-asks").then(ask).commit()


def chain(runs: int) -> dict[str, Any]:
    """Start all runs at once; wait for the last."""
    began = time.perf_counter()
    started = []
    for _ in range(runs):
        run = TEN.create_run()
        run.start({"n": 0}, wait=False)
        started.append(run)
    for run in started:
        while run.refresh().status != "success":
            time.sleep(0.005)
    return _figures("chain", runs, 10, time.perf_counter() - began, [])


def latency(runs: int) -> dict[str, Any]:
    """Start one run at a time and wait for its result."""
    return _one_by_one("latency", runs, 3, lambda: THREE.create_run().start({"n": 0}))


def resume(runs: int) -> dict[str, Any]:
    """Answer suspended runs one at a time and wait for each result."""
    asking = [ASKS.create_run() for _ in range(runs)]
    for run in asking:
        run.start({"n": 0})
    waiting = iter(asking)
    return _one_by_one("resume", runs, 1, lambda: next(waiting).resume({}))


def nesting(runs: int) -> dict[str, Any]:
    """Start one run of workflows 20 deep at a time and wait for its result."""
    return _one_by_one("nesting-20", runs, 20, lambda: DEEP.create_run().start({"n": 0}))


def foreach(items: int) -> dict[str, Any]:
    """Run a foreach over so many items, 50 at a time."""
    return _watched(f"foreach-{items}", EACH.create_run(), list(range(items)), items)


def loop(_: int = 0) -> dict[str, Any]:
    """Run a loop of 10,000 rounds."""
    return _watched("loop-10000", LOOP.create_run(), {"n": 0}, 10_000)


def _watched(workload: str, run: Run, given: Any, parts: int) -> dict[str, Any]:
    """Start one long run, and look at its pace and the process's memory on the way."""
    began = time.perf_counter()
    run.start(given, wait=False)
    marks: list[tuple[int, float, float]] = []
    path = run.workflow.tree.first.path
    while run.refresh().status == "running":
        time.sleep(0.1)
        entry = StepSnapshot.objects.current().filter(run=run.pk, path=path)
        opened = entry.values_list("opened", flat=True).first() or 0
        marks.append((opened, time.perf_counter() - began, _resident()))
    if run.status != "success":
        raise SystemExit(f"{workload} ended {run.status}: {run.result().error}")
    seconds = time.perf_counter() - began
    figures = _figures(workload, 1, parts, seconds, [])
    first = next((m for m in marks if m[0] >= parts / 10), marks[-1])
    late = next((m for m in marks if m[0] >= parts * 0.9), marks[-1])
    last = max((m for m in marks if m[0] >= late[0]), key=lambda m: m[0])
    tail = (last[1] - late[1]) / max(last[0] - late[0], 1) * 1000
    return figures | {
        "item_ms": round(seconds / parts * 1000, 3),
        "item_ms_end": round(tail, 3),
        "rss_mib_start": first[2],
        "rss_mib_end": marks[-1][2],
    }


def _resident() -> float:
    """Return the resident set of this process, MiB."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return round(pages * os.sysconf("SC_PAGE_SIZE") / 2**20, 1)


def _one_by_one(workload: str, runs: int, steps: int, act: Callable[[], object]) -> dict[str, Any]:
    times = []
    began = time.perf_counter()
    for _ in range(runs):
        at = time.perf_counter()
        act()
        times.append((time.perf_counter() - at) * 1000)
    return _figures(workload, runs, steps, time.perf_counter() - began, times)


def _figures(
    workload: str, runs: int, steps: int, seconds: float, times: list[float]
) -> dict[str, Any]:
    cuts = statistics.quantiles(times, n=100) if times else []
    return {
        "engine": os.environ.get("BENCH_ENGINE", "signalbox"),
        "workload": workload,
        "runs": runs,
        "steps": steps,
        "seconds": round(seconds, 3),
        "runs_per_s": round(runs / seconds, 1),
        "steps_per_s": round(runs * steps / seconds, 1),
        "p50_ms": round(cuts[49], 2) if cuts else None,
        "p95_ms": round(cuts[94], 2) if cuts else None,
        "p99_ms": round(cuts[98], 2) if cuts else None,
    }


def _print(figures: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(figures) + "\n")
    sys.stdout.flush()


def main() -> None:
    """Migrate, warm up, measure."""
    options = argparse.ArgumentParser()
    options.add_argument("--runs", type=int, default=200)
    options.add_argument("--items", type=int, default=100_000, help="of the long foreach; 0: none")
    asked = options.parse_args()
    runs = asked.runs
    call_command("migrate", verbosity=0)
    process.start()
    for _ in range(5):
        THREE.create_run().start({"n": 0})
    for workload in (chain, latency, resume, nesting):
        _print(workload(runs))
    _print(foreach(1_000))
    if asked.items:
        _print(loop())
        _print(foreach(asked.items))
    process.stop()


if __name__ == "__main__":
    main()
