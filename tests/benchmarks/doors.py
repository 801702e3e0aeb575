"""`make bench-doors`: starts over HTTP, and a web process with 1,000 waiting requests, 500 streams.

Over SQLite, then over PostgreSQL, each with one `manage.py up`. A start over HTTP and the Python
call take turns. Figures are JSON lines; times in milliseconds.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from tests import servers
from tests.product import ROOT, Product, product

ONE: Final = "/workflows/bench-asks/runs"
BODY: Final = b'{"input":{"n":1}}'
#: Rounds in which HTTP and Python take turns, and starts in each.
ROUNDS, STARTS = 5, 60
CLIENTS: Final = 4
#: Starts of each client while the rate is measured.
RATE_STARTS: Final = 250
PAGES: Final = 40
#: In a process that works on its runs, as the web process does.
_PYTHON: Final = f"""
import django, json, time
django.setup()
from tests.benchmarks.flows import ASKS
times = []
ASKS.create_run().start({{"n": 1}})
for _ in range({STARTS}):
    began = time.perf_counter()
    ASKS.create_run().start({{"n": 1}}, wait=False)
    times.append((time.perf_counter() - began) * 1000)
print(json.dumps(times))
"""
_RESTING: Final = """
from tests.benchmarks.flows import RESTS
runs = [RESTS.create_run() for _ in range({count})]
for run in runs:
    run.start({{}}, wait=False)
print(json.dumps([run.run_id for run in runs]))
"""


def main() -> int:
    """Measure over each database."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--waits", type=int, default=1000)
    parser.add_argument("--streams", type=int, default=500)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        _over(f"sqlite:///{Path(folder) / 'bench.sqlite3'}", "sqlite", options)
    with servers.postgres(durable=True) as url:
        _over(url, "postgresql", options)
    return 0


def _over(url: str, database: str, options: argparse.Namespace) -> None:
    def print_figure(name: str, value: float) -> None:
        line = {"benchmark": "doors", "database": database, "figure": name}
        sys.stdout.write(json.dumps({**line, "value": round(value, 2)}) + "\n")
        sys.stdout.flush()

    with _installation(url) as (made, token):
        asyncio.run(_measure(made, token, options, print_figure))


@contextmanager
def _installation(url: str) -> Iterator[tuple[Product, str]]:
    env = {"WORKFLOWS_MODULES": "tests.benchmarks.flows", "WORKFLOWS_API_RATE": "off"}
    with (
        tempfile.TemporaryDirectory(prefix="signalbox-doors-") as folder,
        product(url, Path(folder), env) as made,
    ):
        made.up()
        done = subprocess.run(
            [sys.executable, "manage.py", "token", "admin"], cwd=ROOT, env=made._env,
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        yield made, done.stdout.splitlines()[-1]


class Line:
    """One connection that is kept open."""

    def __init__(self, made: Product, token: str) -> None:
        self._made = made
        self._head = f"Host: 127.0.0.1:{made.port}\r\nAuthorization: Bearer {token}\r\n"

    async def open(self) -> Line:
        """Connect."""
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self._made.port)
        return self

    def send(self, method: str, path: str, body: bytes = b"", accept: str = "*/*") -> None:
        """Send a request; what comes back is read elsewhere."""
        kind = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n" if body else ""
        head = f"{method} {path} HTTP/1.1\r\n{self._head}Accept: {accept}\r\n{kind}\r\n"
        self.writer.write(head.encode() + body)

    async def ask(self, method: str, path: str, body: bytes = b"") -> tuple[int, bytes]:
        """Send a request; return the status and the body of its answer."""
        self.send(method, path, body)
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        names = dict(line.split(": ", 1) for line in head.split("\r\n")[1:] if ": " in line)
        sizes = {name.lower(): value for name, value in names.items()}
        content = await self.reader.readexactly(int(sizes.get("content-length", 0)))
        return int(head.split(" ", 2)[1]), content


async def _measure(
    made: Product,
    token: str,
    options: argparse.Namespace,
    print_figure: Callable[[str, float], None],
) -> None:
    await _start_by_turns(made, token, print_figure)
    lines = [await Line(made, token).open() for _ in range(CLIENTS)]
    seconds = await _timed(lambda: asyncio.gather(*(_starts(line, RATE_STARTS) for line in lines)))
    print_figure(f"starts a second, {CLIENTS} clients", CLIENTS * RATE_STARTS / seconds)
    await _hold(made, token, options, print_figure)


async def _start_by_turns(
    made: Product, token: str, print_figure: Callable[[str, float], None]
) -> None:
    line = await Line(made, token).open()
    await _starts(line, STARTS)
    http: list[float] = []
    python: list[float] = []
    for _ in range(ROUNDS):
        http += await _starts(line, STARTS)
        python += await asyncio.to_thread(_python_starts, made)
    print_figure("start over HTTP, p50 ms", statistics.median(http))
    print_figure("start in Python, p50 ms", statistics.median(python))
    print_figure("overhead, p50 ms", statistics.median(http) - statistics.median(python))


def _python_starts(made: Product) -> list[float]:
    env = {**made._env, "DJANGO_SETTINGS_MODULE": "dashboard.settings"}
    done = subprocess.run(
        [sys.executable, "-c", _PYTHON], cwd=ROOT, env=env, capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    times: list[float] = json.loads(done.stdout.splitlines()[-1])
    return times


async def _starts(line: Line, count: int) -> list[float]:
    times = []
    for _ in range(count):
        began = time.perf_counter()
        status, content = await line.ask("POST", f"/api/v1{ONE}", BODY)
        if status != 201:
            raise SystemExit(f"A start was answered with {status}: {content!r}")
        times.append((time.perf_counter() - began) * 1000)
    return times


async def _hold(
    made: Product,
    token: str,
    options: argparse.Namespace,
    print_figure: Callable[[str, float], None],
) -> None:
    """Have requests wait and streams stay open; see what they cost, and that all are served."""
    count = max(options.waits, options.streams)
    runs = await asyncio.to_thread(made.python, _RESTING.format(count=count))
    page = await Line(made, token).open()
    await _until(lambda: _all_wait(page, count))
    print_figure("threads before", _of(made, "Threads"))
    print_figure("memory before, MiB", _of(made, "VmRSS") / 1024)
    print_figure("runs list before, p95 ms", await _slow(page))
    waits = await _opened(made, token, options.waits)
    for line, run in zip(waits, runs, strict=False):
        line.send("GET", f"/api/v1/runs/{run}/result?wait=true&timeout=300")
    streams = await _opened(made, token, options.streams)
    for line, run in zip(streams, runs, strict=False):
        line.send("GET", f"/api/v1/runs/{run}/events", accept="text/event-stream")
    await asyncio.gather(*(line.reader.readuntil(b"data: ") for line in streams))
    await asyncio.sleep(2)
    held = f"with {options.waits} waits and {options.streams} streams"
    print_figure(f"threads {held}", _of(made, "Threads"))
    print_figure(f"memory {held}, MiB", _of(made, "VmRSS") / 1024)
    print_figure(f"runs list {held}, p95 ms", await _slow(page))
    cpu = made.cpu_seconds()
    await asyncio.sleep(10)
    print_figure(f"CPU {held}, per cent of a core", (made.cpu_seconds() - cpu) * 10)
    await _end_all(waits, page, runs[: options.waits], print_figure)


async def _end_all(
    waits: list[Line], page: Line, runs: list[str], print_figure: Callable[[str, float], None]
) -> None:
    """Cancel each run; every request that waits for one must be answered."""

    async def answered(line: Line) -> None:
        head = await line.reader.readuntil(b"\r\n\r\n")
        if b" 200 " not in head:
            raise SystemExit(f"A request that waited got {head!r}")

    async def canceled() -> None:
        for run in runs:
            await page.ask("POST", f"/api/v1/runs/{run}/cancel", b"{}")

    seconds = await _timed(lambda: asyncio.gather(canceled(), *map(answered, waits)))
    print_figure("all canceled and answered, s", seconds)


async def _opened(made: Product, token: str, count: int) -> list[Line]:
    return [await Line(made, token).open() for _ in range(count)]


async def _slow(page: Line) -> float:
    """Return the 95th percentile of the times of a list of runs, in milliseconds."""
    times = sorted([await _timed(lambda: page.ask("GET", "/api/v1/runs")) for _ in range(PAGES)])
    return times[int(PAGES * 0.95)] * 1000


async def _all_wait(page: Line, count: int) -> bool:
    _, content = await page.ask("GET", "/api/v1/runs?workflow=bench-rests&status=waiting&limit=1")
    total: int = json.loads(content)["total"]
    return total >= count


async def _until(is_so: Callable[[], Awaitable[bool]]) -> None:
    while not await is_so():
        await asyncio.sleep(0.2)


async def _timed(act: Callable[[], Awaitable[Any]]) -> float:
    began = time.perf_counter()
    await act()
    return time.perf_counter() - began


def _of(made: Product, name: str) -> float:
    """Return a number from what the system says of the product's process."""
    assert made._process is not None
    lines = Path(f"/proc/{made._process.pid}/status").read_text().splitlines()
    return float(next(line for line in lines if line.startswith(f"{name}:")).split()[1])


if __name__ == "__main__":
    sys.exit(main())
