"""Fixtures that every test may use."""

import contextlib
import os
import sys
import threading
import time
from collections.abc import Iterator

import pytest
from django import conf
from django.db import connection, connections
from django.utils import translation
from dramatiq.errors import QueueJoinTimeout
from hypothesis import HealthCheck, settings
from pytest_django import DjangoDbBlocker

from dashboard.live import readers
from tests import emptying, servers
from worker import process
from workflows_app import permissions
from workflows_app.engine.run import versions
from workflows_app.engine.verbs import schedules

# The machine is shared, so slow is not an error; and what fails in CI must fail again tomorrow.
settings.register_profile(
    "signalbox",
    deadline=None,
    derandomize=bool(os.environ.get("CI")),
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("signalbox")

emptying.install()

#: The locks of background threads that are paused between tests.
_paused: list[threading.Lock] = []


@pytest.fixture(scope="session", autouse=True)
def _threads_stop_before_their_database_goes(
    django_db_setup: None, django_db_blocker: DjangoDbBlocker
) -> Iterator[None]:
    """Stop the embedded worker before the test database is dropped under it."""
    yield
    _let_background_threads_go_on()
    with django_db_blocker.unblock():
        process.stop(timeout=2.0)
        _wait_for_threads("signalbox-run", timeout=2.0)
        _wait_for_threads("signalbox-reader", timeout=2 * readers.IDLE)
        if connection.vendor == "postgresql":
            _end_sessions()
        connections.close_all()


@pytest.fixture(scope="session", autouse=True)
def _static_files_are_found_when_they_are_asked_for() -> None:
    """Spare each test's client the list of all static files, which no test needs."""
    conf.settings.WHITENOISE_AUTOREFRESH = True


@pytest.fixture(autouse=True)
def _nothing_is_remembered() -> Iterator[None]:
    """Forget rows of the test before, whose keys are used again, and the language of its pages."""
    versions._forget()
    schedules._forget()
    permissions._elsewhere.forget()
    yield
    translation.deactivate()


@pytest.fixture(autouse=True)
def _threads_are_quiet_before_the_tables_are_emptied(
    request: pytest.FixtureRequest, _django_db_marker: None
) -> Iterator[None]:
    """Let threads finish their writes, because emptying all tables beside them is a deadlock."""
    _let_background_threads_go_on()
    yield
    marker = request.node.get_closest_marker("django_db")
    if marker is None or not marker.kwargs.get("transaction"):
        return
    _wait_for_threads("signalbox-run", timeout=2.0)
    for queue in process.here.in_process.queues:
        with contextlib.suppress(QueueJoinTimeout):
            process.here.in_process.join(queue, timeout=2000)
    turns = (process.here.sweep.turn, process.here.heartbeat.turn)
    _paused.extend(turn for turn in turns if turn.acquire(timeout=5))


def _wait_for_threads(name: str, timeout: float) -> None:
    """Wait until no thread is left whose name begins with `name`; they may begin others."""
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        if not any(thread.name.startswith(name) for thread in threading.enumerate()):
            return
        time.sleep(0.005)


def _end_sessions() -> None:
    """Let the sessions on the test database end, then end what is left; it cannot go before."""
    connections.close_all()
    connection.close_pool()
    of_the_database = "FROM pg_stat_activity WHERE datname = %s"
    name = [connection.settings_dict["NAME"]]
    deadline = time.monotonic() + 10.0
    with connection._nodb_cursor() as cursor:
        while time.monotonic() < deadline:
            cursor.execute(f"SELECT count(*) {of_the_database}", name)
            if cursor.fetchone() == (0,):
                return
            time.sleep(0.1)
        cursor.execute(f"SELECT pg_terminate_backend(pid), query {of_the_database}", name)
        for _ended, query in cursor.fetchall():
            sys.stderr.write(f"A session was left on the test database: {query}\n")


def _let_background_threads_go_on() -> None:
    while _paused:
        _paused.pop().release()


def pytest_unconfigure() -> None:
    """Remove what SQLite leaves beside a test database that a thread still had open."""
    servers.remove_sqlite_remains(conf.settings.STATE_DIR)


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """The URL of a real PostgreSQL that this test session started."""
    with servers.postgres() as url:
        yield url


@pytest.fixture(scope="session")
def redis_server() -> Iterator[servers.Redis]:
    """A real Redis that this test session started."""
    with servers.redis_server() as server:
        yield server
