"""The runs of a fresh demo."""

import threading

import pytest

from tests.product import wait_until
from workflows_app import Run
from workflows_app.demo import life
from workflows_app.demo.workflows import csv_import, expense_approval, release_check

pytestmark = pytest.mark.django_db(transaction=True)

WORKFLOWS = (expense_approval, csv_import, release_check)


def runs() -> list[Run]:
    return [run for workflow in WORKFLOWS for run in workflow.list_runs()]


def errors() -> list[object]:
    """The errors of the runs, for the message of a failing test."""
    return [(run, run.result().error) for run in runs()]


def working() -> list[str]:
    """The threads of `inline` that still work on a run, or call its hooks."""
    names = [thread.name for thread in threading.enumerate()]
    return [name for name in names if name.startswith("signalbox-run-") or "_help" in name]


def test_a_fresh_demo_has_runs_that_ended_and_runs_that_wait_and_gets_them_once():
    life.begin()
    life.begin()

    assert len(runs()) == 6
    settled = ["success"] * 4 + ["suspended"] * 2
    wait_until(lambda: sorted(run.status for run in runs()) == settled, 90, errors)
    wait_until(lambda: not working(), 90, working)
    reports = [run.result().result["is_ready"] for run in release_check.list_runs()]
    assert sorted(reports) == [False, True]
