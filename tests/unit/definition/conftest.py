"""Each test defines its own workflows, and leaves none behind for the next."""

import pytest

from workflows_app.definition import registry


@pytest.fixture(autouse=True)
def _empty_registry(monkeypatch):
    monkeypatch.setattr(registry, "_known", {})
    monkeypatch.setattr(registry, "_conflicts", {})
