"""`make test`: all tests over SQLite, and at the same time those with a database over PostgreSQL.

Most of a test's time is waiting, so the two share the machine well. The tests that start and kill
processes of the product take minutes; `make processes` runs them.
"""

import os
import subprocess
import sys
import tempfile
from typing import IO

from tests import servers

_WITHOUT = ("--ignore=tests/integration/processes",)


def main() -> int:
    """Run both; return the first exit code that is not 0."""
    if "DATABASE_URL" in os.environ:
        return _everything().wait()
    with servers.postgres() as url, tempfile.TemporaryFile("w+") as printed:
        beside = _pytest(
            "tests/integration",
            *_WITHOUT,
            *("-m", "not sqlite_only", "-p", "no:cacheprovider"),
            env={**os.environ, "DATABASE_URL": url},
            output=printed,
        )
        try:
            code = _everything().wait()
            code = beside.wait() or code
        finally:
            beside.terminate()  # it has ended already, unless this was interrupted
            beside.wait()
        printed.seek(0)
        sys.stdout.write("\nOver PostgreSQL\n" + printed.read())
        return code


def _everything() -> subprocess.Popen[str]:
    return _pytest("tests/unit", "tests/property", "tests/integration", *_WITHOUT)


def _pytest(
    *arguments: str, env: dict[str, str] | None = None, output: IO[str] | None = None
) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "pytest", "-q", *arguments]
    return subprocess.Popen(command, env=env, stdout=output, stderr=output, text=True)


if __name__ == "__main__":
    sys.exit(main())
