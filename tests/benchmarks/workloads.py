"""The workloads: steps that do nothing and return a small dict, every result recorded.

`chain`: runs of ten steps, started as fast as the client can. `fanout`: a foreach of 1,000 items,
joined. `latency`: runs of three steps, one at a time, from start to the result that the client
sees. `resume`: from the answer to the result.
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

from tests.benchmarks.flows import ASKS, DEEP, EACH, LOOP, TEN, THREE  # noqa: E402
from worker import process  # noqa: E402
from workflows_app import Run, conf  # noqa: E402
from workflows_app.engine.verbs import waiting  # noqa: E402
from workflows_app.models import StepSnapshot  # noqa: E402


def chain(runs: int) -> dict[str, Any]:
    """Start all runs at once; wait for the last."""
    began = time.perf_counter()
    started = []
    for _ in range(runs):
        run = TEN.create_run()
        run.start({"n": 0}, wait=False)
        started.append(run)
    for run in started:
        waiting.wait(run.pk, None)
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


def fanout(times: int = 5) -> dict[str, Any]:
    """Run a foreach over 1,000 items, 50 at a time, and join it; several times over."""
    EACH.create_run().start(list(range(100)))
    began = time.perf_counter()
    times_ms = []
    for _ in range(times):
        at = time.perf_counter()
        EACH.create_run().start(list(range(1000)))
        times_ms.append((time.perf_counter() - at) * 1000)
    return _figures("fanout", times, 1000, time.perf_counter() - began, times_ms)


def loop(_: int = 0) -> dict[str, Any]:
    """Run a loop of 10,000 iterations."""
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
    options.add_argument("--chains", type=int, default=500, help="runs of the chain")
    asked = options.parse_args()
    runs = asked.runs
    call_command("migrate", verbosity=0)
    is_embedded = conf.get("EXECUTION") == "embedded"
    if is_embedded:
        process.start()
    for _ in range(20):
        TEN.create_run().start({"n": 0})
    _print(chain(asked.chains))
    for workload in (latency, resume):
        _print(workload(runs))
    _print(fanout())
    if is_embedded:
        _print(nesting(runs))
    if asked.items:
        _print(loop())
        _print(foreach(asked.items))
    process.stop()


if __name__ == "__main__":
    main()
