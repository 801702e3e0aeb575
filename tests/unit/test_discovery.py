"""Finding workflows, and what the system checks say."""

from types import SimpleNamespace

import pytest
from django.apps import apps

from workflows_app import checks
from workflows_app.apps import discover
from workflows_app.definition import registry


def test_the_demo_is_registered_only_on_request():
    assert apps.get_app_config("demo").discover_workflows is False


def test_a_missing_module_is_not_ignored(settings):
    settings.WORKFLOWS_MODULES = ["no_such_module_of_workflows"]

    with pytest.raises(ModuleNotFoundError, match="no_such_module_of_workflows"):
        discover()


def test_the_configured_ports_can_be_loaded():
    assert checks.ports_can_be_loaded(None) == []


@pytest.mark.parametrize("name", ["DISPATCHER", "NOTIFIER"])
def test_a_port_that_cannot_be_loaded_is_an_error(settings, name):
    settings.WORKFLOWS = {name: "nowhere.to.be.Found"}

    (message,) = checks.ports_can_be_loaded(None)

    assert message.id == "workflows_app.E001"
    assert name in message.msg
    assert "nowhere.to.be.Found" in message.msg


class WakesAlone:
    """A dispatcher from before there was a class to derive it from."""

    def wake(self, steps: object) -> None:
        """Do nothing."""


def test_a_port_that_lacks_a_member_is_refused_with_the_class_to_derive_it_from(settings):
    settings.WORKFLOWS = {"DISPATCHER": "tests.unit.test_discovery.WakesAlone"}
    (message,) = checks.ports_can_be_loaded(None)
    assert "lacks abort, drive, lend, lends, look_again, reserve." in message.msg
    assert "engine.host.ports.Dispatcher" in str(message.hint)
    assert message.id == "workflows_app.E003"


def test_two_workflows_with_one_id_are_an_error(monkeypatch):
    monkeypatch.setattr(registry, "conflicts", lambda: ["orders"])

    (message,) = checks.ids_are_unique(None)

    assert message.id == "workflows_app.E002"
    assert "'orders'" in message.msg


def _sqlite(monkeypatch, *, is_atomic=True, **options):
    said = {"OPTIONS": options, "ATOMIC_REQUESTS": is_atomic}
    connection = SimpleNamespace(vendor="sqlite", settings_dict=said)
    monkeypatch.setattr(checks, "connections", {"default": connection})
    return [message.id for message in checks.sqlite_takes_the_write_lock_first(None)]


def test_requests_that_take_the_lock_of_sqlite_late_give_a_warning(monkeypatch):
    assert _sqlite(monkeypatch) == ["workflows_app.W001"]


def test_a_fresh_project_on_sqlite_gives_none(monkeypatch):
    assert _sqlite(monkeypatch, is_atomic=False) == []


@pytest.mark.parametrize("mode", ["IMMEDIATE", "exclusive"])
def test_sqlite_that_takes_its_lock_first_is_accepted(monkeypatch, mode):
    assert _sqlite(monkeypatch, transaction_mode=mode) == []
