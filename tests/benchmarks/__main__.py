"""`make bench`: print figures as JSON lines, embedded over SQLite and over a durable PostgreSQL.

Each database is measured in its own, fresh process. The machine is shared: compare lines of one
sitting only.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests import servers


def main() -> int:
    """Measure both; return the first exit code that is not 0."""
    with tempfile.TemporaryDirectory(prefix="signalbox-bench-") as folder:
        code = _measure("signalbox-sqlite", f"sqlite:///{Path(folder) / 'bench.sqlite3'}")
    with servers.postgres(durable=True) as url:
        return code or _measure("signalbox-postgres", url)


def _measure(engine: str, url: str) -> int:
    env = {
        **os.environ,
        "DATABASE_URL": url,
        "DJANGO_SETTINGS_MODULE": "dashboard.settings",
        "WORKFLOWS_EXECUTION": "embedded",
        "BENCH_ENGINE": engine,
    }
    command = [sys.executable, "-m", "tests.benchmarks.workloads", *sys.argv[1:]]
    return subprocess.run(command, env=env, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
