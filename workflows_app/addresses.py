"""Where a request came from: the address of the client, past the proxies that are trusted.

A proxy in the setting `TRUSTED_PROXIES` (networks; none where a project has no such setting) says
in `X-Forwarded-For` for whom it asks, and in `X-Forwarded-Proto` how it was asked. From anybody
else these headers mean nothing, since whoever asks can write them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Any, cast

from django.conf import settings
from django.http import HttpRequest

Address = IPv4Address | IPv6Address
Networks = Iterable[IPv4Network | IPv6Network]


def parsed(text: str) -> Address | None:
    """Return an address as text, perhaps with a port, as a value; None for what is none."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def is_within(address: Address | None, networks: Networks) -> bool:
    """Return whether an address is one of these, or in one of these networks."""
    return address is not None and any(
        address.version == network.version and address in network for network in networks
    )


def _proxies() -> Networks:
    return cast("Networks", getattr(settings, "TRUSTED_PROXIES", ()))


def is_from_proxy(meta: Mapping[str, Any]) -> bool:
    """Return whether a request was handed on by a proxy that is trusted."""
    return is_within(parsed(meta.get("REMOTE_ADDR") or ""), _proxies())


def client_of(meta: Mapping[str, Any]) -> str:
    """Return the address of the client, as text; empty where the server does not know it.

    Of those that `X-Forwarded-For` names it is the last that is no trusted proxy: what stands
    before it is what the client itself said.
    """
    nearest = parsed(meta.get("REMOTE_ADDR") or "")
    named = str(meta.get("HTTP_X_FORWARDED_FOR", "")).split(",")
    while named and is_within(nearest, _proxies()):
        before = parsed(named.pop())
        if before is None:
            break
        nearest = before
    return "" if nearest is None else str(nearest)


def client(request: HttpRequest) -> str:
    """Return the address of the client of a request, as text; empty where it is not known."""
    return client_of(request.META)
