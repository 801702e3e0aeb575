"""Fixtures that every test may use."""

from collections.abc import Iterator

import pytest

from tests import servers


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """The URL of a real PostgreSQL that this test session started."""
    with servers.postgres() as url:
        yield url
