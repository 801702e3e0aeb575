"""`make bench-scale`: what a step costs beside many runs and in long ones, as JSON lines.

Beside a million finished runs, beside 100,000 suspended and as many sleeping ones, late in a run
of 10,000 steps; how late 10,000 timers of one second are; what a worker's memory does over 100,000
runs. Embedded, over a durable PostgreSQL of our own.
"""

import os
import subprocess
import sys

from tests import servers


def main() -> int:
    """Start the database and measure in a process of its own."""
    with servers.postgres(durable=True) as url:
        env = {
            **os.environ,
            "DATABASE_URL": url,
            "DJANGO_SETTINGS_MODULE": "dashboard.settings",
            "WORKFLOWS_EXECUTION": "embedded",
        }
        command = [sys.executable, "-m", "tests.benchmarks.scale_times", *sys.argv[1:]]
        return subprocess.run(command, env=env, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
