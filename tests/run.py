"""`make test`: the tests over SQLite, then what touches the database again over PostgreSQL.

Those that start and kill processes of the product take minutes: `make processes`.
"""

import os
import subprocess
import sys

from tests import servers

_WITHOUT = ("--ignore=tests/integration/processes",)


def main() -> int:
    """Run both; return the first exit code that is not 0."""
    if code := _pytest("tests/unit", "tests/property", "tests/integration", *_WITHOUT):
        return code
    if "DATABASE_URL" in os.environ:
        return 0
    with servers.postgres() as url:
        return _pytest(
            "tests/integration",
            *_WITHOUT,
            "-m",
            "not sqlite_only",
            env={**os.environ, "DATABASE_URL": url},
        )


def _pytest(*arguments: str, env: dict[str, str] | None = None) -> int:
    command = [sys.executable, "-m", "pytest", "-q", *arguments]
    return subprocess.run(command, env=env, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
