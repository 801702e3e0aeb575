"""`make bench-metrics`: what an answer of `/metrics` costs beside a million runs, as JSON lines.

Over SQLite, then over a PostgreSQL of our own. The runs are copies of real ones, with their steps
and their log; then more come, and the answer is asked for again.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, Final

from tests import servers

ANSWERS: Final = 20
#: Of a thousand runs: how many have which status. The others succeeded.
SUSPENDED: Final = 4
MODULE: Final = "tests.benchmarks.metrics"
ENVIRONMENT: Final = {
    "DJANGO_SETTINGS_MODULE": "dashboard.settings",
    "DJANGO_ALLOWED_HOSTS": "testserver",
    "WORKFLOWS_EXECUTION": "inline",
    "WORKFLOWS_METRICS_ADDRESSES": "127.0.0.0/8",
}


def main() -> int:
    """Measure over each database in a process of its own; or here, where one is named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=1_000_000)
    parser.add_argument("--here", action="store_true", help="in this process, over DATABASE_URL")
    options = parser.parse_args()
    if options.here:
        _measure(options.runs)
        return 0
    with tempfile.TemporaryDirectory() as folder:
        failed = _apart(f"sqlite:///{Path(folder) / 'bench.sqlite3'}", options.runs)
    with servers.postgres(durable=True) as url:
        return _apart(url, options.runs) or failed


def _apart(url: str, runs: int) -> int:
    env = {**os.environ, **ENVIRONMENT, "DATABASE_URL": url}
    command = [sys.executable, "-m", MODULE, "--here", "--runs", str(runs)]
    return subprocess.run(command, env=env, check=False).returncode


def _measure(runs: int) -> None:
    import django  # noqa: PLC0415 - in the process that measures

    django.setup()
    from django.core.management import call_command  # noqa: PLC0415
    from django.db import connection  # noqa: PLC0415

    call_command("migrate", verbosity=0)
    _make_templates()
    print_figure = _printer(connection.vendor)
    print_figure("fill, s", _timed(lambda: _fill(0, runs)))
    print_figure("first answer, ms", _timed(_ask) * 1000)
    print_figure("totals made, s", _timed(_until_made))
    _print_answers(print_figure, f"{runs} runs")
    _fill(runs, runs + 1000)
    print_figure("the first answer after 1,000 more, ms", _timed(_ask) * 1000)
    time.sleep(5.0)  # a thread counts them in
    _print_answers(print_figure, "and once they are counted in")


def _printer(vendor: str) -> Callable[[str, float], None]:
    def shown(name: str, value: float) -> None:
        line = {"benchmark": "metrics", "database": vendor, "figure": name, "value": value}
        sys.stdout.write(json.dumps({**line, "value": round(value, 1)}) + "\n")
        sys.stdout.flush()

    return shown


def _print_answers(print_figure: Callable[[str, float], None], words: str) -> None:
    times = sorted(_timed(_ask) * 1000 for _ in range(ANSWERS))
    print_figure(f"answer, {words}, p50 ms", statistics.median(times))
    print_figure(f"answer, {words}, longest ms", times[-1])


def _timed(act: Callable[[], object]) -> float:
    began = time.perf_counter()
    act()
    return time.perf_counter() - began


@cache
def _client() -> Any:
    from django.test import Client  # noqa: PLC0415 - once, since each one loads the middleware

    return Client()


def _ask() -> str:
    answer = _client().get("/metrics")
    if answer.status_code != 200:
        raise SystemExit(f"/metrics answered {answer.status_code}.")
    return str(answer.content.decode())


def _until_made() -> None:
    while "signalbox_runs_started_total{" not in _ask():
        time.sleep(0.2)


def _make_templates() -> None:
    """Run one workflow to its end, and once to its question; keep the rows apart, to be copied."""
    from django.db import connection  # noqa: PLC0415

    from tests.benchmarks import page_flows  # noqa: PLC0415
    from workflows_app.models import Run, RunEvent, StepSnapshot  # noqa: PLC0415

    for kind in ("success", "suspended"):
        run = page_flows.PLAIN[0].create_run()
        run.start({"kind": kind, "amount": 700, "customer": "C-1042"})
        status = Run.objects.get(run_id=run.run_id).status
        if status != kind:
            raise SystemExit(f"A run that should be {kind} is {status}.")
    with connection.cursor() as cursor:
        for model, of in ((Run, "o.id"), (StepSnapshot, "o.run_id"), (RunEvent, "o.run_id")):
            cursor.execute(
                f"CREATE TABLE bench_{model._meta.model_name} AS SELECT o.*, r.status AS of_kind, "
                f"row_number() OVER (PARTITION BY {of} ORDER BY o.id) AS place "
                f"FROM {model._meta.db_table} o JOIN workflows_app_run r ON r.id = {of}"
            )


def _fill(first: int, last: int) -> None:
    """Add the runs numbered from `first` up to `last`."""
    from django.db import connection  # noqa: PLC0415

    from workflows_app.models import Run, RunEvent, StepSnapshot  # noqa: PLC0415

    key, text, chance = _EXPRESSIONS[connection.vendor]
    asked = f"CASE WHEN o.suspension IS NULL THEN NULL ELSE {chance} END"
    step = {"run_id": key, "id": "1000000 + n.n * 10 + o.place", "suspension": asked}
    numbers = (
        f"(WITH RECURSIVE c(n) AS (SELECT {first} UNION ALL SELECT n + 1 FROM c WHERE n + 1 < "
        f"{last}) SELECT n, CASE WHEN n % 1000 < {SUSPENDED} THEN 'suspended' ELSE 'success' END "
        "AS kind FROM c) n"
    )
    with connection.cursor() as cursor:
        _copy(cursor, Run, {"id": key, "run_id": text}, numbers)
        _copy(cursor, StepSnapshot, step, numbers)
        _copy(cursor, RunEvent, {"run_id": key}, numbers)
        cursor.execute("VACUUM ANALYZE" if connection.vendor == "postgresql" else "ANALYZE")


#: By database: the key of a run by its number, the same as text, and a key by chance.
_UUID: Final = "('0199f0a0-0000-7000-8000-' || lpad(to_hex(n.n + 1), 12, '0'))"
_HEX: Final = "'0199f0a0000070008000' || printf('%012x', n.n + 1)"
_EXPRESSIONS: Final = {
    "postgresql": (f"{_UUID}::uuid", _UUID, "gen_random_uuid()"),
    "sqlite": (_HEX, _HEX, "lower(hex(randomblob(16)))"),
}


def _copy(cursor: Any, model: Any, changed: dict[str, str], numbers: str) -> None:
    fields = [f for f in model._meta.concrete_fields if f.name != "id" or "id" in changed]
    names = ", ".join(f'"{f.column}"' for f in fields)
    values = ", ".join(changed.get(f.column, f'o."{f.column}"') for f in fields)
    cursor.execute(
        f"INSERT INTO {model._meta.db_table} ({names}) SELECT {values} FROM {numbers} "
        f"JOIN bench_{model._meta.model_name} o ON o.of_kind = n.kind"
    )


if __name__ == "__main__":
    sys.exit(main())
