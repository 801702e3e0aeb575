"""The measurements of `make bench-scale`; one JSON line each."""

import argparse
import json
import os
import statistics
import sys
import time
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import django

django.setup()

from django.core.management import call_command  # noqa: E402 - the apps must be ready
from django.db import connection  # noqa: E402

from tests.benchmarks import scale_flows as flows  # noqa: E402
from worker import process  # noqa: E402
from workflows_app.engine.host import clock  # noqa: E402
from workflows_app.engine.verbs import waiting  # noqa: E402
from workflows_app.models import Run, RunEvent, StepSnapshot  # noqa: E402

#: Runs of a chain of ten that are timed together, and how often.
CHAINS = 200
TIMES = 5


def _pace() -> dict[str, float]:
    """Return the steps a second of chains, and the CPU time of this process for one step."""
    paces, costs = [], []
    for _ in range(TIMES):
        began, cpu = time.perf_counter(), time.process_time()
        runs = [flows.TEN.create_run() for _ in range(CHAINS)]
        for run in runs:
            run.start({"n": 0}, wait=False)
        for run in runs:
            waiting.wait(run.pk, None)
        paces.append(CHAINS * 10 / (time.perf_counter() - began))
        costs.append((time.process_time() - cpu) / CHAINS / 10 * 1000)
    return {
        "steps_per_s": round(statistics.median(paces), 1),
        "cpu_ms_a_step": round(statistics.median(costs), 3),
    }


def _copy(like: Any, count: int, *, step: dict[str, str] | None = None) -> None:
    """Add so many runs like this one, with their steps and their log, as if made just now.

    `step` gives columns of the steps other values: SQL in which `b.n` is the number of the copy.
    """
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS bench_copy")
        cursor.execute(
            """
            CREATE TABLE bench_copy AS SELECT n, (
              lpad(to_hex((extract(epoch FROM now()) * 1000)::bigint - n / 8), 12, '0') || '7'
              || substr(md5(n || %s), 1, 3) || '8' || substr(md5(n || %s), 4, 15))::uuid AS id
            FROM generate_series(1, %s) AS n
            """,
            [str(like.pk), str(like.pk), count],
        )
        cursor.execute("SELECT COALESCE(max(id), 0) FROM workflows_app_stepsnapshot")
        (newest,) = cursor.fetchone()
        of_one = StepSnapshot.objects.filter(run=like.pk).count()
        place = "(row_number() OVER (PARTITION BY b.n ORDER BY t.id))"
        key = f"{newest} - b.n::bigint * {of_one} - {place} - 4096"
        _insert(cursor, Run, like.pk, {"id": "b.id", "run_id": "b.id::text"})
        suspension = "CASE WHEN t.suspension IS NULL THEN NULL ELSE gen_random_uuid() END"
        changed = {"id": key, "run_id": "b.id", "suspension": suspension, **(step or {})}
        _insert(cursor, StepSnapshot, like.pk, changed)
        _insert(cursor, RunEvent, like.pk, {"run_id": "b.id"})
        cursor.execute("DROP TABLE bench_copy")
        cursor.execute("VACUUM ANALYZE")


def _insert(cursor: Any, model: Any, like: Any, changed: dict[str, str]) -> None:
    fields = [f for f in model._meta.concrete_fields if f.name != "id" or "id" in changed]
    names = ", ".join(f'"{f.column}"' for f in fields)
    values = ", ".join(changed.get(f.column, f't."{f.column}"') for f in fields)
    by = "id" if model is Run else "run_id"
    table = model._meta.db_table
    cursor.execute(
        f"INSERT INTO {table} ({names}) SELECT {values} FROM {table} t, bench_copy b"
        f" WHERE t.{by} = %s",
        [like],
    )


def finished(count: int) -> dict[str, Any]:
    """What a step costs beside ten runs, and beside so many finished ones."""
    before = _pace()
    like = flows.THREE.create_run()
    like.start({"n": 0})
    _copy(like, count)
    return _beside("finished-runs", count, before, _pace())


def suspended(count: int) -> dict[str, Any]:
    """What a step costs beside so many suspended runs and as many that sleep for a day."""
    before = _pace()
    asking = flows.ASKS.create_run()
    asking.start({})
    _copy(asking, count)
    sleeping = _asleep(timedelta(days=1))
    _copy(sleeping, count, step={"wake_at": "t.wake_at + b.n * interval '1 ms'"})
    figures = _beside("suspended-and-sleeping-runs", 2 * count, before, _pace())
    cpu = time.process_time()
    time.sleep(10)
    return figures | {"idle_cpu_percent": round((time.process_time() - cpu) * 10, 2)}


def _asleep(until: timedelta) -> Any:
    run = flows.SLEEPS.create_run()
    run.start({"until": (clock.now() + until).isoformat()}, wait=False)
    while run.refresh().status != "waiting":
        time.sleep(0.01)
    return run


def _beside(workload: str, count: int, before: Any, after: Any) -> dict[str, Any]:
    ratio = after["cpu_ms_a_step"] / before["cpu_ms_a_step"]
    return {
        "workload": workload,
        "runs": count,
        "before": before,
        "beside": after,
        "cpu_ratio": round(ratio, 2),
        "pace_ratio": round(after["steps_per_s"] / before["steps_per_s"], 2),
    }


def timers(count: int) -> dict[str, Any]:
    """How late so many sleeps end that are over in the same second."""
    like = _asleep(timedelta(hours=1))
    _copy(like, count - 1)
    due = clock.now() + timedelta(seconds=3)
    spread = f"%s::timestamptz + mod(id, {count}) * interval '1 s' / {count}"
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE workflows_app_stepsnapshot SET wake_at = {spread}"
            " WHERE status = 'waiting' AND wake_at < now() + interval '2 hours'",
            [due],
        )
    sleeps = StepSnapshot.objects.filter(
        kind="sleep", status="waiting", wake_at__lt=due + timedelta(seconds=2)
    )
    ids = dict(sleeps.values_list("pk", "wake_at"))
    began = time.perf_counter()
    while sleeps.exists() and time.perf_counter() - began < 120:
        time.sleep(0.1)
    ended = StepSnapshot.objects.filter(pk__in=list(ids)).values_list("pk", "ended_at")
    late = sorted(_seconds(ids[pk], at) for pk, at in ended if at is not None)
    return {
        "workload": "timers-of-one-second",
        "timers": len(ids),
        "woken": len(late),
        "late_p50_s": round(statistics.median(late), 3),
        "late_p95_s": round(late[int(len(late) * 0.95)], 3),
        "late_max_s": round(late[-1], 3),
    }


def length() -> dict[str, Any]:
    """What the first and the last thousand steps of a run of 10,000 took."""
    flow = flows.long_chain()
    run = flow.create_run()
    run.start({"n": 0}, wait=False)
    waiting.wait(run.pk, None)
    if run.refresh().status != "success":
        raise SystemExit(f"The long chain ended {run.status}.")
    ends = list(
        StepSnapshot.objects.filter(run=run.pk).order_by("pk").values_list("ended_at", flat=True)
    )
    spans = [_seconds(ends[at], ends[at + 999]) for at in range(0, len(ends) - 999, 1000)]
    return {
        "workload": f"chain-of-{flows.LENGTH}",
        "steps": len(ends),
        "ms_a_step_by_thousands": [round(span, 3) for span in spans],
    }


def _seconds(first: datetime | None, last: datetime | None) -> float:
    if first is None or last is None:
        raise SystemExit("A step has no time where it must have one.")
    return (last - first).total_seconds()


def memory(count: int) -> dict[str, Any]:
    """What this process holds resident, MiB, after each tenth of so many runs."""
    held = []
    began = time.perf_counter()
    for _ in range(10):
        for _ in range(count // 1000):
            runs = [flows.ONE.create_run() for _ in range(100)]
            for run in runs:
                run.start({"n": 0}, wait=False)
            for run in runs:
                waiting.wait(run.pk, None)
        held.append(_resident())
    seconds = time.perf_counter() - began
    return {
        "workload": "memory",
        "runs": count,
        "runs_per_s": round(count / seconds, 1),
        "rss_mib_by_tenths": held,
    }


def _resident() -> float:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return round(pages * os.sysconf("SC_PAGE_SIZE") / 2**20, 1)


def main() -> None:
    """Measure what was asked for."""
    options = argparse.ArgumentParser()
    options.add_argument("--runs", type=int, default=1_000_000, help="finished ones")
    options.add_argument("--suspended", type=int, default=100_000)
    options.add_argument("--timers", type=int, default=10_000)
    options.add_argument("--memory", type=int, default=100_000, help="runs, one after the other")
    options.add_argument("--only", default="", help="timers, length, memory, suspended, finished")
    asked = options.parse_args()
    call_command("migrate", verbosity=0)
    process.start()
    for _ in range(20):
        flows.TEN.create_run().start({"n": 0})
    workloads = {
        "timers": lambda: timers(asked.timers),
        "length": length,
        "memory": lambda: memory(asked.memory),
        "suspended": lambda: suspended(asked.suspended),
        "finished": lambda: finished(asked.runs),
    }
    for name, measure in workloads.items():
        if not asked.only or name in asked.only.split(","):
            sys.stdout.write(json.dumps(measure()) + "\n")
            sys.stdout.flush()
    process.stop()


if __name__ == "__main__":
    main()
