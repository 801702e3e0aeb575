"""`make sabotage`: break one promise after another, and check that it is noticed.

For each patch the tree is copied and the copy is changed. Then the tests run that must fail. If the
patch names none, or they do not fail, chaos runs with up to three seeds. Exit code 1 if nothing
notices a sabotage, or a patch no longer fits the code.
"""

import argparse
import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests import servers
from tests.chaos import sabotage
from tests.chaos.sabotage import DoesNotApply, Sabotage, Test
from tests.product import ROOT

SEED: Final = 101
#: Seconds after which tests must have ended, in all and for each test.
PATIENCE: Final = 120
PATIENCE_EACH: Final = 60
#: The exit codes of pytest.
PASSED, FAILED = 0, 1
#: Seconds to wait for a run that never ends.
CALM: Final = 45
#: The seconds that a storm takes besides: servers, workers, and the calm after it.
AROUND: Final = 240

_NOT_COPIED = shutil.ignore_patterns(
    ".git",
    ".venv",
    ".audit",
    ".docs",
    ".signalbox",
    "__pycache__",
    ".*_cache",
    ".hypothesis",
    ".screens",
)


class Broken(Exception):
    """A check could not be made, which is not because of the sabotage."""


def main() -> int:
    """Try the chosen sabotages; print what noticed each, and return 1 if nothing did."""
    asked = _options()
    chosen = [each for each in sabotage.every() if not asked.only or each.name in asked.only]
    with servers.postgres() as url, tempfile.TemporaryDirectory(prefix="sabotage-") as folder:
        checks = _Checks(Path(folder), url, asked)
        checks.start_well(chosen)
        lines = [_line(each, *checks.noticed(each)) for each in chosen]
    missed = [line for line in lines if not line[1]]
    sys.stdout.write(f"\n{len(lines) - len(missed)} of {len(lines)} sabotages were noticed.\n")
    return 1 if missed else 0


def _options() -> argparse.Namespace:
    options = argparse.ArgumentParser(prog="make sabotage")
    options.add_argument("--only", nargs="*", default=[], help="names of patches")
    options.add_argument("--quick", action="store_true", help="leave chaos out")
    options.add_argument("--storm", action="store_true", help="leave the named tests out")
    options.add_argument("--seeds", type=int, default=3, help="so many storms at most")
    options.add_argument("--seconds", type=float, default=45.0, help="how long a storm lasts")
    return options.parse_args()


def _line(tried: Sabotage, by: str, seconds: float) -> tuple[str, str]:
    shown = by or "NOBODY"
    sys.stdout.write(f"{tried.name:<24} {seconds:6.1f} s  {shown}\n")
    sys.stdout.flush()
    return tried.name, by


class _Checks:
    """Copies of the tree, and the commands that run in them."""

    def __init__(self, folder: Path, url: str, asked: argparse.Namespace) -> None:
        self._folder = folder
        self._url = url
        self._asked = asked

    def start_well(self, chosen: Sequence[Sabotage]) -> None:
        """Check that nothing is noticed while nothing is sabotaged. Raises Broken."""
        with self._copy() as tree:
            if not self._asked.storm:
                self._require_passed(tree, chosen)
            if not self._asked.quick and not self._asked.only and (by := self._storm(tree, SEED)):
                raise Broken(f"Without any sabotage: {by}")

    def _require_passed(self, tree: Path, chosen: Sequence[Sabotage]) -> None:
        tests = {test for each in chosen for test in each.tests}
        for database in sabotage.DATABASES:
            names = sorted(test.name for test in tests if test.database == database)
            code, said = self._pytest(tree, database, names) if names else (PASSED, "")
            if code != PASSED:
                raise Broken(f"Without any sabotage, over {database}:\n{said[-4000:]}")

    def noticed(self, tried: Sabotage) -> tuple[str, float]:
        """Return what noticed a sabotage, or empty text, and after how many seconds."""
        began = time.monotonic()
        with self._copy() as tree:
            tried.apply(tree)
            by = "" if self._asked.storm else self._by_test(tree, tried.tests)
            if not by and not self._asked.quick:
                by = self._by_chaos(tree)
        return by, time.monotonic() - began

    def _by_test(self, tree: Path, tests: Sequence[Test]) -> str:
        for test in tests:
            code, said = self._pytest(tree, test.database, [test.name])
            if code == FAILED:
                return f"{test.name.rpartition('::')[2]} ({test.database})"
            if code != PASSED:
                raise Broken(f"{test.name} did not run:\n{said[-4000:]}")
        return ""

    def _by_chaos(self, tree: Path) -> str:
        seeds = range(SEED, SEED + self._asked.seeds)
        return next((by for seed in seeds if (by := self._storm(tree, seed))), "")

    def _storm(self, tree: Path, seed: int) -> str:
        """Return what a storm found, empty for nothing."""
        command = [sys.executable, "-m", "tests.chaos", "--seed", str(seed)]
        command += ["--seconds", str(self._asked.seconds), "--calm", str(CALM)]
        _, said = _run(command, tree, os.environ, self._asked.seconds + AROUND)
        for kept in re.findall(r"what everybody said is in (\S+)\.\n", said):
            shutil.rmtree(kept, ignore_errors=True)
        found = re.search(r'"problems": (\d+)', said)
        if found is None:
            raise Broken(f"A storm with {tree} came to no verdict:\n{said[-4000:]}")
        if not int(found[1]):
            return ""
        first = said.partition("\n")[2].partition("\n")[0]
        return f"chaos, seed {seed}: {found[1]} problems, as: {first[:90]}"

    def _pytest(self, tree: Path, database: str, names: Sequence[str]) -> tuple[int, str]:
        # Making the tables by migrations takes longer than most tests.
        options = ("-q", "-p", "no:cacheprovider", "--nomigrations")
        command = [sys.executable, "-m", "pytest", *options, *names]
        env = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
        if database == "postgresql":
            env["DATABASE_URL"] = self._url
        return _run(command, tree, env, PATIENCE + PATIENCE_EACH * len(names))

    @contextmanager
    def _copy(self) -> Iterator[Path]:
        """Give a copy of the tree."""
        tree = self._folder / "tree"
        shutil.copytree(ROOT, tree, ignore=_NOT_COPIED)
        try:
            yield tree
        finally:
            shutil.rmtree(tree, ignore_errors=True)


def _run(
    command: Sequence[str], tree: Path, env: "os._Environ[str] | dict[str, str]", seconds: float
) -> tuple[int, str]:
    """Run a command in a tree; return its exit code and what it said, -1 where it did not end."""
    quiet = {**env, "PYTHONDONTWRITEBYTECODE": "1"}
    with tempfile.TemporaryFile("w+") as said:
        process = subprocess.Popen(
            command, cwd=tree, env=quiet, stdout=said, stderr=said, start_new_session=True
        )
        try:
            code = process.wait(seconds)
        except subprocess.TimeoutExpired:
            code = -1
        finally:
            # Its children end with it, even if this process is interrupted.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        said.seek(0)
        return code, said.read()


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (Broken, DoesNotApply) as problem:
        sys.exit(str(problem))
