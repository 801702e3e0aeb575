"""`make bench-distributed`: figures as JSON lines, over a durable PostgreSQL, Redis and workers.

The client, each worker process, PostgreSQL and Redis share this machine: compare lines of one
sitting only.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests import servers
from tests.product import ROOT, Workers


def main() -> int:
    """Start everything, measure, stop everything."""
    options = argparse.ArgumentParser()
    options.add_argument("--processes", type=int, default=2)
    options.add_argument("--threads", type=int, default=4)
    asked, rest = options.parse_known_args()
    with (
        servers.postgres(durable=True) as url,
        servers.redis_server() as redis,
        tempfile.TemporaryDirectory(prefix="signalbox-bench-") as folder,
    ):
        env = {"WORKFLOWS_MODULES": "tests.benchmarks.flows"}
        workers = Workers(url, redis.url, Path(folder) / "workers.log", env)
        workers.manage("migrate")
        try:
            for _ in range(asked.processes):
                workers.start("--threads", str(asked.threads))
            name = f"signalbox-distributed-{asked.processes}x{asked.threads}"
            return subprocess.run(
                [sys.executable, "-m", "tests.benchmarks.workloads", "--items", "0", *rest],
                cwd=ROOT, env={**os.environ, **workers.env, "BENCH_ENGINE": name}, check=False,
            ).returncode  # fmt: skip
        finally:
            workers.stop()


if __name__ == "__main__":
    sys.exit(main())
