"""What happens when SQLite has no space left: nothing is lost, and the run continues later."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.product import ROOT, product, wait_until

pytestmark = pytest.mark.sqlite_only  # about a file of its own

START = """
from workflows_app import get_workflow
for number in range(40):
    run = get_workflow("killed").create_run(run_id=f"r{number}")
    run.start({"n": number, "room": "x" * 2000}, wait=False)
"""
LOOK = """
from workflows_app.models import Run
statuses = dict(Run.objects.values_list("run_id", "status"))
gaps = 0
for run in Run.objects.all():
    numbers = [row.first_seq for row in run.log.order_by("first_seq")]
    last = 0
    for row in run.log.order_by("first_seq"):
        gaps += row.first_seq != last + 1
        last = row.last_seq
print(json.dumps([sorted(statuses.values()), gaps]))
"""


def test_a_disk_that_is_full_for_a_while_loses_nothing(tmp_path: Path) -> None:
    (tmp_path / "go").touch()
    file = tmp_path / "full.sqlite3"
    env = {"WORKFLOWS_MODULES": "tests.integration.processes.workflows", "MARKS": str(tmp_path)}
    with product(f"sqlite:///{file}", tmp_path, env) as made:
        done = subprocess.run(
            [sys.executable, "manage.py", "migrate"], cwd=ROOT, env=made._env, check=False
        )
        assert done.returncode == 0
        made.python(START)
        room = max(path.stat().st_size for path in tmp_path.glob("full.sqlite3*")) + 40_000
        made.up(most_bytes=room)
        wait_until(lambda: "disk" in made.log.read_text(), 30, made.log.read_text)
        made.stop()

        made.up()
        wait_until(lambda: made.python(LOOK)[0] == ["success"] * 40, 60, made.log.read_text)
        assert made.python(LOOK)[1] == 0
    ran = (tmp_path / "ran").read_text().splitlines()
    assert ran.count("last") >= 40
