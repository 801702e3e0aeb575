"""The pytest plugin: the fixture `signalbox`. It needs pytest-django."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from workflows_app.testing import Signalbox


@pytest.fixture
def signalbox(db: None) -> "Iterator[Signalbox]":
    """Run workflows in the test's own thread, at a time that only the test moves."""
    from workflows_app.testing import Signalbox  # noqa: PLC0415 - needs Django's settings

    with Signalbox() as kit:
        yield kit
