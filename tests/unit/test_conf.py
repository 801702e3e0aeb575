"""Settings: where a value comes from, and what is refused."""

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import connections
from django.test import override_settings

from workflows_app import conf, contradictions


def test_without_any_setting_the_defaults_apply():
    resolved = conf.resolve({}, {})

    assert resolved["EXECUTION"] == "embedded"
    assert (resolved["LEASE_SECONDS"], resolved["HEARTBEAT_SECONDS"]) == (15.0, 2.0)
    assert resolved["MAX_PAYLOAD_BYTES"] == 4 * 1024 * 1024
    assert resolved["DISPATCHER"] == "worker.dispatch.EmbeddedDispatcher"


def test_the_dictionary_comes_before_the_environment_and_each_name_for_itself():
    environment = {"WORKFLOWS_LEASE_SECONDS": "60", "WORKFLOWS_EXECUTION": "inline"}

    resolved = conf.resolve({"LEASE_SECONDS": 30}, environment)

    assert resolved["LEASE_SECONDS"] == 30.0
    assert resolved["EXECUTION"] == "inline"
    assert resolved["DISPATCHER"] == "worker.dispatch.InlineDispatcher"


def test_an_empty_variable_counts_as_not_set():
    assert conf.resolve({}, {"WORKFLOWS_MAX_LOST_ATTEMPTS": " "})["MAX_LOST_ATTEMPTS"] == 5


@pytest.mark.parametrize(
    ("given", "environment", "named"),
    [
        ({"LEASE_SECOND": 3}, {}, r"WORKFLOWS\['LEASE_SECOND'\]"),
        ({}, {"WORKFLOWS_LEASE_SECOND": "3"}, "WORKFLOWS_LEASE_SECOND"),
    ],
)
def test_an_unknown_name_is_refused_with_the_known_names(given, environment, named):
    with pytest.raises(ImproperlyConfigured, match=f"{named}.*There are: .*LEASE_SECONDS"):
        conf.resolve(given, environment)


@pytest.mark.parametrize(
    "variable",
    ["WORKFLOWS_MODULES", "WORKFLOWS_SERVICE_HOST", "WORKFLOWS_PORT", "WORKFLOWS_PORT_80_TCP"],
)
def test_what_a_platform_or_the_settings_put_into_the_environment_is_left_alone(variable):
    assert conf.resolve({}, {variable: "x"}) == conf.resolve({}, {})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("LEASE_SECONDS", 0),
        ("LEASE_SECONDS", "soon"),
        ("LEASE_SECONDS", True),
        ("LEASE_SECONDS", "nan"),
        ("CANCEL_GRACE_SECONDS", -1),
        ("MAX_LOST_ATTEMPTS", 0),
        ("MAX_PAYLOAD_BYTES", 1.5),
        ("MAX_LIST_BYTES", None),
        ("EXECUTION", "threads"),
        ("BROKER", "localhost:6379"),
        ("BROKER", "http://localhost"),
        ("BROKER", "redis://"),
        ("BROKER", "amqp://host:port/"),
        ("BROKER", "redis://[::1/0"),
        ("BROKER", 7),
        ("DISPATCHER", "Dispatcher"),
        ("NOTIFIER", 7),
    ],
)
def test_an_invalid_value_is_refused_with_its_rule(name, value):
    with pytest.raises(ImproperlyConfigured, match=rf"WORKFLOWS\['{name}'\] is .*; it must be "):
        conf.resolve({name: value}, {})


def test_the_address_of_a_broker_is_never_repeated_since_it_may_hold_a_password():
    with pytest.raises(ImproperlyConfigured, match=r"WORKFLOWS_BROKER is not .*amqp://") as refused:
        conf.resolve({}, {"WORKFLOWS_BROKER": "htp://me:hidden@host"})
    assert "hidden" not in str(refused.value)


@pytest.mark.parametrize("url", ["redis://host", "rediss://:secret@host:6380/1", "amqps://host/a"])
def test_a_broker_goes_with_redis(monkeypatch, url):
    monkeypatch.setattr(contradictions, "find_spec", lambda name: name)
    with override_settings(REDIS_URL="redis://127.0.0.1/0"):
        assert conf.resolve({"BROKER": url}, {})["BROKER"] == url
    with pytest.raises(ImproperlyConfigured, match="BROKER is set but REDIS_URL is not"):
        conf.resolve({"BROKER": url}, {})


@pytest.mark.parametrize("scheme", ["amqp", "amqps"])
def test_rabbitmq_without_its_package_is_refused_with_what_to_install(monkeypatch, scheme):
    monkeypatch.setattr(contradictions, "find_spec", lambda _: None)
    with (
        override_settings(REDIS_URL="redis://127.0.0.1/0"),
        pytest.raises(ImproperlyConfigured, match=r"pip install 'django-signalbox\[rabbitmq\]'"),
    ):
        conf.resolve({"BROKER": f"{scheme}://me:hidden@host:5672/"}, {})


def test_no_grace_at_all_is_a_choice():
    assert conf.resolve({"CANCEL_GRACE_SECONDS": 0}, {})["CANCEL_GRACE_SECONDS"] == 0.0


def test_a_heartbeat_slower_than_a_third_of_the_lease_is_refused():
    with pytest.raises(ImproperlyConfigured, match="a third of the lease at most"):
        conf.resolve({"LEASE_SECONDS": 3, "HEARTBEAT_SECONDS": 2}, {})


def test_a_short_lease_alone_makes_the_heartbeat_faster():
    assert conf.resolve({"LEASE_SECONDS": 3}, {})["HEARTBEAT_SECONDS"] == 1.0


@pytest.mark.sqlite_only
def test_the_distributed_mode_without_redis_is_refused_on_sqlite_with_the_way_out():
    with pytest.raises(ImproperlyConfigured, match="REDIS_URL is not set"):
        conf.resolve({"EXECUTION": "distributed"}, {})


def test_the_distributed_mode_needs_no_redis_on_postgresql(monkeypatch):
    monkeypatch.setattr(connections["default"], "vendor", "postgresql")
    with override_settings(REDIS_URL=""):
        resolved = conf.resolve({"EXECUTION": "distributed"}, {})
    assert resolved["DISPATCHER"] == "worker.dispatch.DistributedDispatcher"
    assert resolved["NOTIFIER"] == "worker.live.PostgresNotifier"


def test_a_database_that_the_settings_do_not_describe_is_refused():
    with pytest.raises(ImproperlyConfigured, match="an alias in DATABASES: default"):
        conf.resolve({"DATABASE": "elsewhere"}, {})


def test_redis_asks_for_the_distributed_mode_unless_another_is_named():
    with override_settings(REDIS_URL="redis://127.0.0.1/0"):
        resolved = conf.resolve({}, {})
        assert resolved["EXECUTION"] == "distributed"
        assert resolved["DISPATCHER"] == "worker.dispatch.DistributedDispatcher"
        assert resolved["NOTIFIER"] == "worker.live.RedisNotifier"
        assert conf.resolve({"EXECUTION": "embedded"}, {})["EXECUTION"] == "embedded"


def test_a_change_of_the_dictionary_counts_at_once():
    before = conf.get("MAX_LOST_ATTEMPTS")
    with override_settings(WORKFLOWS={"MAX_LOST_ATTEMPTS": before + 1}):
        assert conf.get("MAX_LOST_ATTEMPTS") == before + 1
    assert conf.get("MAX_LOST_ATTEMPTS") == before


@pytest.mark.parametrize("setting", conf.SETTINGS, ids=lambda setting: setting.name)
def test_every_setting_says_what_it_means(setting):
    assert setting.meaning.endswith(".")


def test_the_largest_body_follows_the_largest_value():
    assert conf.resolve({"MAX_PAYLOAD_BYTES": 1000}, {})["MAX_BODY_BYTES"] == 1000 + 64 * 1024
    assert conf.resolve({"MAX_BODY_BYTES": 10}, {})["MAX_BODY_BYTES"] == 10


@pytest.mark.parametrize("given", [["10.0.0.7", "10.1.0.0/16"], "10.0.0.7, 10.1.0.0/16,"])
def test_addresses_are_read_from_a_list_and_from_text(given):
    found = conf.resolve({"METRICS_ADDRESSES": given}, {})["METRICS_ADDRESSES"]

    assert [str(network) for network in found] == ["10.0.0.7/32", "10.1.0.0/16"]


@pytest.mark.parametrize("given", ["example.org", ["10.0.0.0/99"], 5])
def test_what_is_no_address_is_refused(given):
    with pytest.raises(ImproperlyConfigured, match=r"METRICS_ADDRESSES.*addresses or networks"):
        conf.resolve({"METRICS_ADDRESSES": given}, {})
