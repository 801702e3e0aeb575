"""The demo's workflows; each test has empty tables and its own folder for lock files."""

import tempfile

import pytest

from workflows_app.definition import registry
from workflows_app.demo import workflows


@pytest.fixture(autouse=True)
def _inline(settings, tmp_path, monkeypatch, transactional_db):
    settings.WORKFLOWS = {"EXECUTION": "inline"}
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    # Other tests may have emptied the registry since the demo was imported.
    known = {getattr(workflows, name).id: getattr(workflows, name) for name in workflows.__all__}
    monkeypatch.setattr(registry, "_known", {**registry._known, **known})
