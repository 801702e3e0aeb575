"""`make bench-peers`: our figures and those of other engines' programs, in one table.

The peers' programs are not part of this project: PEERS_FOLDER names the folder that has their
`run_all.sh`, which prints JSON lines as ours do; PEERS names those to run, ROUNDS how often.
Medians over the rounds; ours and theirs take turns on the same machine.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.product import ROOT

#: What others call our workloads.
NAMES = {"suspend": "resume"}
COLUMNS = ("steps_per_s", "runs_per_s", "p50_ms", "p95_ms", "p99_ms")
#: Keyed by workload, then by engine.
Table = dict[tuple[str, str], list[dict[str, Any]]]


def main() -> int:
    """Run all, print the table."""
    folder = Path(os.environ.get("PEERS_FOLDER", ""))
    if not (folder / "run_all.sh").is_file():
        sys.stderr.write("Set PEERS_FOLDER to the folder that has the peers' run_all.sh.\n")
        return 2
    table: Table = {}
    for _ in range(int(os.environ.get("ROUNDS", "1"))):
        _take(table, _ours("tests.benchmarks.distributed", "--runs", "200"))
        _take(table, _ours("tests.benchmarks", "--runs", "200", "--items", "0"))
        _take(table, _theirs(folder))
    _print(table)
    return 0


def _ours(module: str, *options: str) -> list[dict[str, Any]]:
    done = subprocess.run(
        [sys.executable, "-m", module, *options], cwd=ROOT, stdout=subprocess.PIPE, text=True,
        check=True,
    )  # fmt: skip
    return _lines(done.stdout)


def _theirs(folder: Path) -> list[dict[str, Any]]:
    with tempfile.TemporaryDirectory(prefix="signalbox-peers-") as scratch:
        out = Path(scratch) / "lines.jsonl"
        env = {**os.environ, "BENCH_OUT": str(out), "ROUNDS": "1"}
        subprocess.run(
            ["bash", str(folder / "run_all.sh")], env=env, stdout=subprocess.DEVNULL, check=False
        )
        return _lines(out.read_text(encoding="utf-8")) if out.exists() else []


def _lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]


def _take(table: Table, lines: list[dict[str, Any]]) -> None:
    for line in lines:
        if "workload" in line:
            workload = NAMES.get(line["workload"], line["workload"])
            table.setdefault((workload, line["engine"]), []).append(line)


def _print(table: Table) -> None:
    for workload in ("chain", "latency", "fanout", "resume"):
        found = {engine: lines for (name, engine), lines in table.items() if name == workload}
        sys.stdout.write(f"\n### {workload}\n\n| engine | {' | '.join(COLUMNS)} |\n")
        sys.stdout.write("|---" * (len(COLUMNS) + 1) + "|\n")
        for engine in sorted(found, key=lambda name: -_median(found[name], "steps_per_s")):
            cells = (f"{_median(found[engine], column):,.1f}" for column in COLUMNS)
            sys.stdout.write(f"| {engine} | {' | '.join(cells)} |\n")


def _median(lines: list[dict[str, Any]], column: str) -> float:
    values = [line[column] for line in lines if line.get(column) is not None]
    return statistics.median(values) if values else float("nan")


if __name__ == "__main__":
    sys.exit(main())
