"""Fill a PostgreSQL with runs and measure every page: one JSON line for each page and size.

Called by `tests.benchmarks.pages` in a process of its own, with DATABASE_URL.
"""

from __future__ import annotations

import argparse
import json
import re
import statistics
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import django

django.setup()

from django.contrib.auth.models import User  # noqa: E402 - the apps must be ready
from django.core.management import call_command  # noqa: E402
from django.db import connection  # noqa: E402
from django.test import Client  # noqa: E402

from dashboard.run.view import TABS  # noqa: E402
from tests.benchmarks import page_flows, page_rows  # noqa: E402
from worker import process  # noqa: E402
from workflows_app.models import Run, StepSnapshot  # noqa: E402
from workflows_app.planner.statuses import RunStatus  # noqa: E402

REQUESTS: Final = 10
FEW: Final = 10
LIST_MS: Final = 300
RUN_MS: Final = 500
MOST_ROWS: Final = 300
MOST_QUERIES: Final = 12
_ROW: Final = re.compile(r"<(?:li|tr)[\s>]")


class Queries:
    """The statements of one request, with what each took."""

    def __init__(self) -> None:
        self.times: list[tuple[float, str, Any]] = []

    def __call__(
        self,
        execute: Any,
        sql: str,
        params: Any,
        many: bool,
        context: Any,
    ) -> Any:
        """Note a statement and run it."""
        began = time.perf_counter()
        try:
            return execute(sql, params, many, context)
        finally:
            self.times.append(((time.perf_counter() - began) * 1000, sql, params))


def long_ones(steps: int) -> dict[str, str]:
    """Make one run of so many steps in a row and one foreach over so many items."""
    found = {}
    for name, workflow, given in (
        ("chain", page_flows.long_chain(steps), {"n": 0}),
        ("foreach", page_flows.EACH, list(range(steps))),
    ):
        began = time.perf_counter()
        found[name] = page_rows.long_run(workflow, given)
        _say({"made": name, "steps": steps, "seconds": round(time.perf_counter() - began, 1)})
    return found


def pages(long: dict[str, str]) -> dict[str, str]:
    """Return the addresses to measure, by name."""
    keys = Run.objects.order_by("pk").values_list("pk", flat=True)
    count = Run.objects.count()
    deep = keys[count // 2]
    alike = Run.objects.filter(workflow="pages-orders", run_id__isnull=False)
    a, b = alike.filter(status="success")[0], alike.filter(status="failed")[0]
    addresses = {"runs": "/runs/"}
    addresses |= {f"runs status={s}": f"/runs/?status={s}" for s in RunStatus}
    for name in ("pages-orders", "pages-rarities", "pages-nothing"):
        addresses[f"runs workflow={name}"] = f"/runs/?workflow={name}"
    for name, status in (("orders", "failed"), ("rarities", "failed"), ("orders", "suspended")):
        query = f"?workflow=pages-{name}&status={status}"
        addresses[f"runs {name} {status}"] = f"/runs/{query}"
    addresses["runs deep"] = f"/runs/?before={deep}"
    addresses["runs deep failed"] = f"/runs/?status=failed&before={deep}"
    addresses["runs deep rarities"] = f"/runs/?workflow=pages-rarities&before={deep}"
    for window in ("1h", "24h", "7d"):
        addresses[f"overview {window}"] = f"/?window={window}"
    for tab in ("open", "mine", "all", "done"):
        addresses[f"inbox {tab}"] = f"/inbox/?tab={tab}"
    for name, run in long.items():
        seq = Run.objects.values_list("event_seq", flat=True).get(run_id=run)
        for tab in TABS:
            addresses[f"run {name} {tab}"] = f"/runs/{run}/?tab={tab}"
        addresses[f"run {name} playback"] = f"/runs/{run}/?tab=graph&at={seq // 2}"
        addresses[f"run {name} playback timeline"] = f"/runs/{run}/?tab=timeline&at={seq // 2}"
        addresses[f"run {name} timeline skip"] = f"/runs/{run}/?tab=timeline&skip=5000"
        addresses[f"run {name} log"] = f"/runs/{run}/log/?before={seq // 2}"
    addresses["run small"] = f"/runs/{b.run_id}/?tab=graph"
    addresses["run small related"] = f"/runs/{b.run_id}/?tab=related"
    each = StepSnapshot.objects.get(run__run_id=long["foreach"], kind="foreach")
    addresses["step foreach"] = f"/runs/{long['foreach']}/steps/{each.path}/"
    addresses["step foreach middle"] = f"/runs/{long['foreach']}/steps/{each.path}/?first=5000"
    addresses["compare small"] = f"/runs/compare/?a={a.run_id}&b={b.run_id}"
    addresses["compare long"] = f"/runs/compare/?a={long['chain']}&b={long['foreach']}"
    addresses["audit"] = "/audit/"
    addresses["audit verb"] = "/audit/?verb=resume"
    addresses["audit nobody"] = "/audit/?person=nobody"
    addresses |= {"workers": "/workers/", "workflows": "/workflows/"}
    addresses |= {"schedules": "/schedules/", "workflow": "/workflows/pages-orders/"}
    addresses["workflow long"] = "/workflows/pages-long/"
    return addresses


def measure(client: Client, name: str, address: str) -> dict[str, Any]:
    """Ask for a page once, then ten times, and return its figures."""
    answer, queries = client.get(address), Queries()
    times, spent, slowest = [], [], (0.0, "", ())
    for _ in range(REQUESTS):
        queries = Queries()
        began, used = time.perf_counter(), time.process_time()
        with connection.execute_wrapper(queries):
            answer = client.get(address)
        spent.append((time.process_time() - used) * 1000)
        times.append((time.perf_counter() - began) * 1000)
        slowest = max([slowest, *queries.times], key=lambda each: each[0])
    if answer.status_code != 200:
        raise SystemExit(f"{name} ({address}) answered {answer.status_code}.")
    text = answer.content.decode()
    main = text.partition("<main")[2].partition("</main>")[0]
    return {
        "page": name,
        "runs": 0,
        "queries": len(queries.times),
        "server_ms_p50": round(statistics.median(times), 1),
        "server_ms_p95": round(statistics.quantiles(times, n=20, method="inclusive")[18], 1),
        "queries_ms": round(sum(took for took, _, _ in queries.times), 1),
        "python_cpu_ms": round(statistics.median(spent), 1),
        "bytes": len(answer.content),
        "rows": len(_ROW.findall(main)),
        "slowest_ms": round(slowest[0], 1),
        "slowest": slowest,
    }


def explain(found: dict[str, Any]) -> str:
    """Return how PostgreSQL carries out the slowest statement of a page."""
    _, sql, params = found["slowest"]
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE, BUFFERS) {sql}", params)
        return "\n".join(row[0] for row in cursor.fetchall())


def misses(found: dict[str, Any], few: dict[str, Any] | None) -> list[str]:
    """Return which targets a page does not reach."""
    missed = []
    is_run = found["page"].startswith(("run ", "step "))
    if found["server_ms_p95"] > (RUN_MS if is_run else LIST_MS):
        missed.append("slow")
    if found["rows"] >= MOST_ROWS:
        missed.append("rows")
    if found["queries"] > MOST_QUERIES:
        missed.append("queries")
    if few is not None and few["queries"] != found["queries"]:
        missed.append(f"queries differ: {few['queries']}")
    return missed


def measure_all(
    client: Client, long: dict[str, str], asked: argparse.Namespace, few: dict[str, Any]
) -> dict[str, Any]:
    """Measure every page once and print the lines."""
    runs = Run.objects.count()
    results = {}
    for name, address in pages(long).items():
        if asked.only and asked.only not in name:
            continue
        found = measure(client, name, address)
        results[name] = found
        line = {k: v for k, v in found.items() if k != "slowest"} | {"runs": runs}
        _say(line | {"missed": misses(found, few.get(name))})
        if asked.explain and found["slowest_ms"] > asked.explain:
            sys.stdout.write(f"{found['slowest'][1][:3000]}\n{explain(found)}\n")
    return results


@contextmanager
def _timed(name: str) -> Iterator[None]:
    began = time.perf_counter()
    yield
    _say({"made": name, "seconds": round(time.perf_counter() - began, 1)})


def _say(figures: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(figures) + "\n")
    sys.stdout.flush()


def main() -> None:
    """Fill, measure with few runs, fill on, measure with all."""
    options = argparse.ArgumentParser()
    options.add_argument("--runs", type=int, default=1_000_000)
    options.add_argument("--steps", type=int, default=10_000)
    options.add_argument("--only", default="", help="pages whose name holds this")
    options.add_argument("--explain", type=float, default=0, help="plans of what takes so many ms")
    asked = options.parse_args()
    call_command("migrate", verbosity=0)
    person = User.objects.create_superuser("ana")
    client = Client()
    client.force_login(person)
    process.start()
    with _timed("templates"):
        page_rows.make_templates(person)
    long = long_ones(asked.steps)
    process.stop()
    now = page_rows.now()
    page_rows.fill(0, FEW, asked.runs, now)
    few = measure_all(client, long, asked, {})
    with _timed(f"{asked.runs} runs"):
        page_rows.fill(FEW, asked.runs, asked.runs, now)
    found = measure_all(client, long, asked, few)
    worst = max(found.values(), key=lambda each: each["server_ms_p95"])
    _say({"slowest": worst["page"], "server_ms_p95": worst["server_ms_p95"]})


if __name__ == "__main__":
    main()
