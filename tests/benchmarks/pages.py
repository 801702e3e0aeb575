"""`make bench-pages`: what each page costs with ten runs and with a million, as JSON lines.

The pages are asked for with Django's test client over a PostgreSQL of our own; the time is that
of the server: queries, Python and templates, no network. See `page_times` for the targets.
"""

import os
import subprocess
import sys

from tests import servers


def main() -> int:
    """Start the database and measure in a process of its own."""
    with servers.postgres(durable="--durable" in sys.argv) as url:
        env = {
            **os.environ,
            "DATABASE_URL": url,
            "DJANGO_SETTINGS_MODULE": "dashboard.settings",
            "DJANGO_ALLOWED_HOSTS": "testserver",
            "WORKFLOWS_EXECUTION": "embedded",
        }
        rest = [argument for argument in sys.argv[1:] if argument != "--durable"]
        command = [sys.executable, "-m", "tests.benchmarks.page_times", *rest]
        return subprocess.run(command, env=env, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
