"""The example of the page about testing, run as a reader would run it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.documents import examples
from tests.product import ROOT


@pytest.mark.sqlite_only  # makes a database of its own
def test_the_example_passes(tmp_path: Path) -> None:
    (example,) = examples("docs/testing.md")
    (tmp_path / "test_orders.py").write_text(example)
    command = [
        sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p",
        "workflows_app.pytest_plugin", "-c", os.devnull, "--rootdir", str(tmp_path),
        "--ds", "dashboard.settings", str(tmp_path),
    ]  # fmt: skip
    env = {
        **os.environ,
        "DATABASE_URL": f"sqlite:///{tmp_path / 'kit.sqlite3'}",
        "PYTHONPATH": str(ROOT),
    }
    done = subprocess.run(
        command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 passed" in done.stdout
