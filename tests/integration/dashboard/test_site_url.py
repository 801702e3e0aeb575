"""Callback URLs lead to the server that `up` starts, unless the setting says otherwise."""

from typing import Any

import pytest

from dashboard.management.commands.up import be_reached_at
from workflows_app import conf


def test_up_names_its_own_address(settings: Any) -> None:
    settings.WORKFLOWS = {"EXECUTION": "inline"}
    be_reached_at("0.0.0.0", 8123)
    assert conf.get("SITE_URL") == "http://127.0.0.1:8123"
    assert conf.get("EXECUTION") == "inline"


def test_a_setting_wins(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.WORKFLOWS = {"SITE_URL": "https://signalbox.example.com/"}
    be_reached_at("127.0.0.1", 8123)
    assert conf.get("SITE_URL") == "https://signalbox.example.com"
    settings.WORKFLOWS = {}
    monkeypatch.setenv("WORKFLOWS_SITE_URL", "https://other.example.com")
    be_reached_at("127.0.0.1", 8123)
    assert "SITE_URL" not in settings.WORKFLOWS
