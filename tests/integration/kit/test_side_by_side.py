"""The kit in several processes at a time: `pytest -n` of pytest-xdist."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.documents import examples
from tests.product import ROOT

pytestmark = pytest.mark.sqlite_only  # makes databases of its own

#: The settings of a small host, whose test database Django keeps in memory.
HOST = """
SECRET_KEY = "only-for-this-test"
USE_TZ = True
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "host.sqlite3",
    "OPTIONS": {"transaction_mode": "IMMEDIATE", "timeout": 20}}}
INSTALLED_APPS = ["django.contrib.auth", "django.contrib.contenttypes", "workflows_app"]
"""
INI = """[pytest]
asyncio_mode = auto
asyncio_default_fixture_loop_scope = function
"""
#: Tests that disturb one another if they share runs, a clock or fakes.
MANY = """
import os

import pytest
from workflows_app.models import Run
from test_orders import charge, orders


@pytest.mark.parametrize("amount", range(6))
def test_each_has_runs_and_fakes_of_its_own(signalbox, amount):
    assert not Run.objects.exists()
    signalbox.fake(charge, {"id": "o", "amount": amount})
    run = orders.create_run(run_id="the-same-everywhere")
    run.start({"id": "o", "amount": 0})
    assert os.environ["PYTEST_XDIST_WORKER_COUNT"] == "2"
    assert len(signalbox.questions()) == len(signalbox.calls(charge)) == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("amount", range(2))
async def test_async_tests_too(signalbox, amount):
    signalbox.fake(charge, {"id": "o", "amount": amount})
    run = await orders.acreate_run(run_id="the-same-everywhere")
    assert (await run.astart({"id": "o", "amount": 0})).status == "suspended"
"""


def _side_by_side(folder: Path, settings: str, *more: str) -> str:
    command = [
        sys.executable, "-m", "pytest", "-q", "-n", "2", "-p", "no:cacheprovider", "-p",
        "workflows_app.pytest_plugin", "--rootdir", str(folder), "--ds", settings, *more,
    ]  # fmt: skip
    env = {
        **{name: value for name, value in os.environ.items() if not name.startswith("WORKFLOWS_")},
        "DATABASE_URL": f"sqlite:///{folder / 'kit.sqlite3'}",
        "PYTHONPATH": f"{ROOT}{os.pathsep}{folder}",
    }
    done = subprocess.run(
        command, cwd=folder, env=env, capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("settings", ["host_settings", "dashboard.settings"])
def test_processes_that_test_side_by_side_disturb_nobody(tmp_path: Path, settings: str) -> None:
    (example,) = examples("docs/testing.md")
    (tmp_path / "host_settings.py").write_text(HOST)
    (tmp_path / "test_orders.py").write_text(example)
    (tmp_path / "test_many.py").write_text(MANY)
    (tmp_path / "pytest.ini").write_text(INI)
    said = _side_by_side(tmp_path, settings, "-c", str(tmp_path / "pytest.ini"), str(tmp_path))
    assert "10 passed" in said
