"""Runs the tests of `two_databases`, and some of one database, with settings of two databases."""

import os
import subprocess
import sys

from django.contrib.auth import get_user_model
from django.db import router

from tests.product import ROOT
from workflows_app import checks
from workflows_app.models import persons

TESTS = [
    "tests/integration/apart/two_databases.py",
    "tests/integration/dashboard/test_admin.py",
]


def test_runs_may_have_a_database_of_their_own():
    done = subprocess.run(
        [
            sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider",
            "-p", "tests.integration.apart.settings", "--ds", "tests.integration.apart.settings",
            *TESTS,
        ],
        cwd=ROOT, env=dict(os.environ), capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]


def test_every_key_to_a_user_knows_that_users_may_be_elsewhere():
    """One that is made like any other would make a constraint that no other database can hold."""
    model = get_user_model()
    named = {(key.model, key.name) for key in persons.links()}
    assert len(named) == 7, "a new key needs persons.on_delete and db_constraint, as the others do"
    assert all(key.db_constraint for key in persons.links())
    assert router.db_for_write(model) == "default"


def test_users_in_another_database_than_the_runs_are_refused(monkeypatch):
    monkeypatch.setattr(checks.router, "db_for_write", lambda _model: "people")
    (found,) = checks.users_can_be_named(None)
    assert found.id == "workflows_app.E009"
    assert "'people'" in found.msg


def test_a_database_that_the_engine_does_not_speak_is_refused(monkeypatch):
    monkeypatch.setattr(checks.connections["default"], "vendor", "mysql")
    (found,) = checks.the_database_can_hold_runs(None)
    assert found.id == "workflows_app.E007"
