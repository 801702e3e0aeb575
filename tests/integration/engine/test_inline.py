"""Inline runs, which the calling thread drives with the help of other threads."""

import threading

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from worker import inline
from workflows_app import Run, Workflow, step
from workflows_app.engine.verbs import waiting

pytestmark = pytest.mark.django_db(transaction=True)


def test_one_statement_reads_what_a_run_has_ahead(settings):
    # If a thread ended a step and took the next one between two statements, neither would see it.
    settings.WORKFLOWS = {"EXECUTION": "inline"}
    looked = []

    @step
    def waits_for_the_other(data: int) -> int:
        assert is_looking.wait(10)
        return data

    @step
    def looks(data: int) -> int:
        with CaptureQueriesContext(connection) as queries:
            ahead = inline._ahead(run.pk)
        looked.append((len(queries), ahead.has_claims, ahead.wakes_at))
        is_looking.set()
        return data

    is_looking = threading.Event()
    flow = Workflow("inline-looks").parallel([waits_for_the_other, looks]).commit()
    run = flow.create_run()
    assert run.start(1).status == "success"
    assert looked == [(1, True, None)]


def threads_of(run: Run) -> list[threading.Thread]:
    return [each for each in threading.enumerate() if each.name == f"signalbox-run-{run.pk}"]


def test_a_run_that_sleeps_for_long_keeps_no_thread(settings):
    settings.WORKFLOWS = {"EXECUTION": "inline"}
    run = Workflow("inline-sleeps").sleep(3600).then(step(lambda data: data, id="a")).commit()
    run = run.create_run()
    run.start(1, wait=False)
    for thread in threads_of(run):
        thread.join(10)
    assert run.refresh().status == "waiting"
    assert threads_of(run) == []
    assert run.skip_wait().status == "success"


def test_a_run_that_sleeps_for_seconds_goes_on_by_itself(settings, monkeypatch):
    settings.WORKFLOWS = {"EXECUTION": "inline"}
    monkeypatch.setattr(inline, "_STAYS", 0.0)
    run = Workflow("inline-naps").sleep(0.2).then(step(lambda data: data, id="a")).commit()
    run = run.create_run()
    run.start(1, wait=False)
    waiting.wait(run.pk, 30)
    assert run.refresh().status == "success"
