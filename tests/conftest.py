"""Fixtures that every test may use."""

import os
from collections.abc import Iterator

import pytest
from django import conf
from django.db import connections
from hypothesis import HealthCheck, settings
from pytest_django import DjangoDbBlocker

from tests import servers
from worker import embedded

# The machine is shared: slow is no fault there, and what CI refuses must fail again tomorrow.
settings.register_profile(
    "signalbox",
    deadline=None,
    derandomize=bool(os.environ.get("CI")),
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("signalbox")


@pytest.fixture(scope="session", autouse=True)
def _threads_stop_before_their_database_goes(
    django_db_setup: None, django_db_blocker: DjangoDbBlocker
) -> Iterator[None]:
    """Stop the embedded worker before the test database is dropped under it."""
    yield
    with django_db_blocker.unblock():
        embedded.stop(timeout=2.0)
        connections.close_all()


def pytest_unconfigure() -> None:
    """Remove what SQLite leaves beside a test database that a thread still had open."""
    servers.remove_sqlite_remains(conf.settings.STATE_DIR)


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """The URL of a real PostgreSQL that this test session started."""
    with servers.postgres() as url:
        yield url
