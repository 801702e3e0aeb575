"""Type checkers find every mistake that is planted in a typed example, and nothing else."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from tests.product import ROOT

EXAMPLE: Final = Path(__file__).with_name("orders.py")
PACKAGES: Final = ("workflows_app", "dashboard", "worker")

pytestmark = pytest.mark.sqlite_only  # no database at all


def mistakes() -> list[int]:
    lines = EXAMPLE.read_text().splitlines()
    return [number for number, line in enumerate(lines, 1) if line.endswith("  # mistake")]


def said(*command: str, folder: Path) -> str:
    # Both exit with 1 when they find something.
    done = subprocess.run(
        command, cwd=folder, env={"PATH": "", "MYPYPATH": str(ROOT)},
        capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert done.returncode == 1, done.stdout + done.stderr
    return done.stdout


def test_mypy_strict_finds_exactly_the_mistakes(tmp_path: Path) -> None:
    found = said(
        sys.executable, "-m", "mypy", "--strict", "--config-file=", "--follow-imports=silent",
        "--cache-dir", str(ROOT / ".mypy_cache" / "example"), "--no-pretty", str(EXAMPLE),
        folder=tmp_path,
    )  # fmt: skip
    lines = {int(line) for line in re.findall(r"orders\.py:(\d+): error", found)}
    assert sorted(lines) == mistakes(), found


def test_pyright_finds_exactly_the_mistakes(tmp_path: Path) -> None:
    settings = {
        "include": [str(EXAMPLE)],
        "extraPaths": [str(ROOT)],
        "typeCheckingMode": "standard",
    }
    (tmp_path / "pyrightconfig.json").write_text(json.dumps(settings))
    found = said(
        sys.executable, "-m", "basedpyright", "--project", str(tmp_path),
        "--pythonpath", sys.executable, "--outputjson",
        folder=tmp_path,
    )  # fmt: skip
    lines = {each["range"]["start"]["line"] + 1 for each in json.loads(found)["generalDiagnostics"]}
    assert sorted(lines) == mistakes(), found


@pytest.mark.parametrize("package", PACKAGES)
def test_every_package_says_that_it_is_typed(package: str) -> None:
    assert (ROOT / package / "py.typed").exists()
