"""Finding workflows, and what the system checks say."""

from types import SimpleNamespace

import pytest
from django.apps import apps

from workflows_app import checks
from workflows_app.apps import discover
from workflows_app.definition import registry


def test_the_demo_waits_to_be_asked_for():
    assert apps.get_app_config("demo").discover_workflows is False


def test_a_module_that_is_not_there_is_not_passed_over(settings):
    settings.WORKFLOWS_MODULES = ["no_such_module_of_workflows"]

    with pytest.raises(ModuleNotFoundError, match="no_such_module_of_workflows"):
        discover()


def test_the_configured_ports_can_be_loaded():
    assert checks.ports_can_be_loaded(None) == []


@pytest.mark.parametrize("name", ["DISPATCHER", "NOTIFIER"])
def test_a_port_that_cannot_be_loaded_is_an_error(settings, name):
    settings.WORKFLOWS = {name: "nowhere.to.be.Found"}

    (message,) = checks.ports_can_be_loaded(None)

    assert message.id == "workflows.E001"
    assert name in message.msg
    assert "nowhere.to.be.Found" in message.msg


def test_two_workflows_with_one_id_are_an_error(monkeypatch):
    monkeypatch.setattr(registry, "conflicts", lambda: ["orders"])

    (message,) = checks.ids_are_unique(None)

    assert message.id == "workflows.E002"
    assert "'orders'" in message.msg


def _sqlite(monkeypatch, **options):
    connection = SimpleNamespace(vendor="sqlite", settings_dict={"OPTIONS": options})
    monkeypatch.setattr(checks, "connections", {"default": connection})
    return [message.id for message in checks.sqlite_takes_the_write_lock_first(None)]


def test_sqlite_that_takes_its_lock_late_is_warned_of(monkeypatch):
    assert _sqlite(monkeypatch) == ["workflows.W001"]


@pytest.mark.parametrize("mode", ["IMMEDIATE", "exclusive"])
def test_sqlite_that_takes_its_lock_first_is_well(monkeypatch, mode):
    assert _sqlite(monkeypatch, transaction_mode=mode) == []
