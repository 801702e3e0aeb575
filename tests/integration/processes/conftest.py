"""Workers, PostgreSQL and Redis of their own, for tests that take them away."""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.product import Workers
from tests.servers import Redis, redis_server


@pytest.fixture(scope="module")
def redis() -> Iterator[Redis]:
    """A Redis that the tests of this module may take away."""
    with redis_server() as server:
        yield server


@pytest.fixture
def workers(postgres_url: str, redis: Redis, tmp_path: Path) -> Iterator[Workers]:
    """An installation without workers yet: an empty database with the tables, and Redis."""
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("DROP DATABASE IF EXISTS distributed WITH (FORCE)")
        connection.execute("CREATE DATABASE distributed")
    redis.flush()
    env = {
        "WORKFLOWS_MODULES": "tests.integration.processes.workflows",
        "MARKS": str(tmp_path),
        "WORKFLOWS_LEASE_SECONDS": "3",
    }
    url = postgres_url.rpartition("/")[0] + "/distributed"
    made = Workers(url, redis.url, tmp_path / "workers.log", env)
    assert made.manage("migrate").returncode == 0
    yield made
    made.stop()
