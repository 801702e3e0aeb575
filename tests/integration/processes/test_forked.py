"""A process that forks while its worker threads run; the child starts its own."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.product import ROOT, Product, product

pytestmark = pytest.mark.sqlite_only  # brings a database of its own

FORKS = """
import os, sys, time
import django
django.setup()
from django.core.management import call_command
from django.db import connections
from worker import process
from workflows_app import get_workflow
from workflows_app.engine.verbs import waiting

def pids(name):
    run = get_workflow("far-queue").create_run(name)
    run.start({}, wait=False)
    waiting.wait(run.pk, 20)
    return set(run.result().result.values())

call_command("migrate", verbosity=0)
assert pids("parent") == {os.getpid()}
connections.close_all()
here = process.here
while here.capacity.busy:
    time.sleep(0.01)
with here.sweep.turn, here.heartbeat.turn:  # SQLite must not be at work in a thread meanwhile
    child = os.fork()
if child == 0:
    assert here.capacity.threads == 0
    assert pids("child") == {os.getpid()}
    sys.exit(0)  # as a child that leaves in good order does
_, status = os.waitpid(child, 0)
assert status == 0, status
assert here.capacity.threads == process.DEFAULT_THREADS
assert pids("parent-again") == {os.getpid()}
"""


@pytest.fixture
def installed(tmp_path: Path):
    """An installation on SQLite."""
    env = {"WORKFLOWS_MODULES": "tests.integration.processes.workflows"}
    with product(f"sqlite:///{tmp_path}/db.sqlite3", tmp_path, env) as made:
        yield made


def test_a_child_of_a_fork_works_with_threads_of_its_own_and_leaves_the_parents_alone(
    installed: Product,
) -> None:
    env = {**installed._env, "DJANGO_SETTINGS_MODULE": "dashboard.settings"}
    done = subprocess.run(
        [sys.executable, "-c", FORKS], cwd=ROOT, env=env, capture_output=True, text=True,
        timeout=100, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
