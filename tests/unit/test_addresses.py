"""Whose address a request has, past the proxies that are trusted."""

from ipaddress import ip_network

import pytest

from workflows_app import addresses


def met(remote, forwarded=None):
    return {"REMOTE_ADDR": remote} | (
        {} if forwarded is None else {"HTTP_X_FORWARDED_FOR": forwarded}
    )


@pytest.fixture(autouse=True)
def _proxies(settings):
    settings.TRUSTED_PROXIES = (ip_network("10.0.0.0/8"), ip_network("::1/128"))


@pytest.mark.parametrize(
    ("remote", "forwarded", "client"),
    [
        ("192.0.2.1", None, "192.0.2.1"),
        ("192.0.2.1", "203.0.113.9", "192.0.2.1"),
        ("10.0.0.1", "203.0.113.9", "203.0.113.9"),
        ("10.0.0.1", "198.51.100.7, 203.0.113.9, 10.2.3.4", "203.0.113.9"),
        ("10.0.0.1", "203.0.113.9:4711", "203.0.113.9"),
        ("::1", "[2001:db8::7]:80", "2001:db8::7"),
        ("::ffff:10.0.0.1", "203.0.113.9", "203.0.113.9"),
        ("10.0.0.1", "nonsense", "10.0.0.1"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "10.9.9.9", "10.9.9.9"),
        ("", None, ""),
    ],
)
def test_the_client_is_the_last_that_no_trusted_proxy_is(remote, forwarded, client):
    assert addresses.client_of(met(remote, forwarded)) == client


def test_an_address_is_within_networks_of_its_own_kind_alone():
    networks = (ip_network("0.0.0.0/0"),)

    assert addresses.is_within(addresses.parsed("192.0.2.1"), networks)
    assert not addresses.is_within(addresses.parsed("2001:db8::1"), networks)
    assert not addresses.is_within(None, networks)
