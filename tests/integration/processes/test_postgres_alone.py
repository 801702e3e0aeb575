"""Web processes and workers over PostgreSQL alone, without a Redis; any may be killed."""

import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.integration.processes.elsewhere import look, ran, start
from tests.integration.processes.test_distributed import (
    test_a_cancel_reaches_a_step_in_another_process_within_a_second,
    test_a_killed_worker_loses_its_step_to_another_and_nothing_is_done_twice,
    test_a_step_runs_only_where_its_queue_is_served,
    test_a_worker_runs_what_another_process_started_and_that_process_sees_the_result,
    test_streams_have_the_transient_events_of_another_process_in_their_place,
)
from tests.product import Workers, wait_until

#: What holds over Redis holds without it.
__all__ = [
    "test_a_cancel_reaches_a_step_in_another_process_within_a_second",
    "test_a_killed_worker_loses_its_step_to_another_and_nothing_is_done_twice",
    "test_a_step_runs_only_where_its_queue_is_served",
    "test_a_worker_runs_what_another_process_started_and_that_process_sees_the_result",
    "test_streams_have_the_transient_events_of_another_process_in_their_place",
]

pytestmark = pytest.mark.sqlite_only  # brings a PostgreSQL of its own


@pytest.fixture
def workers(postgres_url: str, tmp_path: Path) -> Iterator[Workers]:
    """An installation without workers yet: an empty database with the tables, and no Redis."""
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("DROP DATABASE IF EXISTS alone WITH (FORCE)")
        connection.execute("CREATE DATABASE alone")
    env = {
        "WORKFLOWS_MODULES": "tests.integration.processes.workflows",
        "WORKFLOWS_EXECUTION": "distributed",
        "WORKFLOWS_LEASE_SECONDS": "3",
        "MARKS": str(tmp_path),
    }
    url = postgres_url.rpartition("/")[0] + "/alone"
    made = Workers(url, "", tmp_path / "workers.log", env)
    assert made.manage("migrate").returncode == 0
    yield made
    made.stop()


TELLS = """
from django.db import transaction
from workflows_app import get_workflow
flow = get_workflow('far-adds')
try:
    with transaction.atomic():
        flow.create_run().start(1, wait=False)
        raise KeyError
except KeyError:
    pass
with transaction.atomic():
    flow.create_run(run_id='kept').start(1, wait=False)
"""


def test_a_caller_wakes_workers_after_its_commit_and_nobody_if_it_rolls_back(workers):
    with psycopg.connect(workers.env["DATABASE_URL"], autocommit=True) as listener:
        listener.execute('LISTEN "signalbox:hints"')
        workers.python(TELLS)
        heard = list(listener.notifies(timeout=5, stop_after=1))
        assert len(heard) == 1
        assert look(workers, "far-adds", "kept")["status"] == "running"
        assert not list(listener.notifies(timeout=1))


QUERIES = """
from django.db import connection
from django.test.utils import CaptureQueriesContext
from workflows_app import get_workflow
with CaptureQueriesContext(connection) as seen:
    get_workflow('far-adds').create_run().start(1, wait=False)
print(json.dumps([query['sql'] for query in seen]))
"""


def test_no_notify_is_part_of_the_engines_own_transactions(workers):
    said = workers.python(QUERIES)
    assert said
    assert not [sql for sql in said if "notify" in sql.lower()]


def test_a_run_whose_hint_nobody_heard_is_found_by_looking(workers, tmp_path):
    (tmp_path / "go").touch()
    start(workers, "killed", "early")
    workers.start()
    wait_until(lambda: "last" in ran(tmp_path), 15, workers.said)


SLEEPS = """
from workflows_app import get_workflow
get_workflow('killed-asleep').create_run(run_id='r').start({'n': 1}, wait=False)
"""


def test_a_sleep_ends_though_the_worker_that_armed_it_was_killed(workers, tmp_path):
    first = workers.start()
    workers.python(SLEEPS)
    wait_until(lambda: "first" in ran(tmp_path), 20, workers.said)
    first.kill()
    first.wait()
    workers.start()
    wait_until(lambda: "last" in ran(tmp_path), 20, workers.said)


def test_a_worker_hears_hints_again_after_its_connections_were_cut(workers):
    workers.start()
    cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = %s"
    with psycopg.connect(workers.env["DATABASE_URL"], autocommit=True) as admin:
        admin.execute(cut, ["signalbox-listen"])
    wait_until(lambda: "PostgreSQL is away" in workers.said(), 10, workers.said)
    time.sleep(2.0)
    with psycopg.connect(workers.env["DATABASE_URL"], autocommit=True) as admin:
        row = admin.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'signalbox-listen'"
        ).fetchone()
        assert row == (1,)
