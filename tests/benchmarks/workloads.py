"""The workloads: steps that do nothing and return a small dict, every result recorded.

`chain`: runs of ten steps, started as fast as the client can. `latency`: runs of three steps, one
at a time, from start to the result that the client sees. `resume`: from the answer to the result.
"""

import argparse
import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import django

django.setup()

from django.core.management import call_command  # noqa: E402 - the apps must be ready

from worker import embedded  # noqa: E402
from workflows_app import StepContext, Workflow, step  # noqa: E402


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


def main() -> None:
    """Migrate, warm up, measure."""
    options = argparse.ArgumentParser()
    options.add_argument("--runs", type=int, default=200)
    runs = options.parse_args().runs
    call_command("migrate", verbosity=0)
    embedded.start()
    for _ in range(5):
        THREE.create_run().start({"n": 0})
    for workload in (chain, latency, resume):
        sys.stdout.write(json.dumps(workload(runs)) + "\n")
        sys.stdout.flush()
    embedded.stop()


if __name__ == "__main__":
    main()
