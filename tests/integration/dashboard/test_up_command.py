"""What `manage.py up` does before it serves anything."""

import pytest
from django.core.management import CommandError, call_command

from dashboard.management.commands import up


@pytest.fixture
def migrated(monkeypatch):
    """How often `up` migrates, in a project without anything to serve."""
    times = []

    def nothing():
        raise CommandError("nothing to serve")

    monkeypatch.setattr(up.Command, "_migrate", lambda _: times.append(1))
    monkeypatch.setattr(up, "_application", nothing)
    monkeypatch.setattr(up.listening, "refusal", lambda *_: "")
    monkeypatch.setattr(up, "_answer_to", lambda _: None)
    monkeypatch.setattr(up, "be_reached_at", lambda *_: None)
    return times


@pytest.mark.parametrize(("options", "times"), [((), 1), (("--no-migrate",), 0)])
def test_the_tables_are_migrated_unless_somebody_says_otherwise(migrated, options, times):
    with pytest.raises(CommandError, match="nothing to serve"):
        call_command("up", *options)

    assert len(migrated) == times
