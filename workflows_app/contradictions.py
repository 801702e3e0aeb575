"""Settings that are valid by themselves, but contradict each other or need what is not there."""

from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.db import connections


def refuse(resolved: Mapping[str, Any], redis: str) -> None:
    """Raise ImproperlyConfigured, with the way out, if these values contradict each other.

    `redis`: the URL of the Redis; empty without one.
    """
    if resolved["EXECUTION"] == "distributed":
        _refuse_distributed_alone(resolved["DATABASE"], redis)
    if resolved["BROKER"]:
        _refuse_broker_alone(resolved["BROKER"], redis)
    lease, heartbeat = resolved["LEASE_SECONDS"], resolved["HEARTBEAT_SECONDS"]
    if heartbeat > lease / 3:
        raise ImproperlyConfigured(
            f"HEARTBEAT_SECONDS is {heartbeat:g} with LEASE_SECONDS {lease:g}; it may be a third "
            f"of the lease at most, or a healthy worker could seem lost. Give {lease / 3:g} or "
            "less, or leave it out."
        )


def _refuse_distributed_alone(alias: str, redis: str) -> None:
    """Refuse the distributed mode where neither Redis nor PostgreSQL can carry its messages."""
    if redis or connections[alias].vendor == "postgresql":
        return
    raise ImproperlyConfigured(
        "WORKFLOWS_EXECUTION is 'distributed' but REDIS_URL is not set, and the database is not a "
        "PostgreSQL, which could carry the messages instead. Set REDIS_URL to the Redis that all "
        "processes share (redis://host:6379/0), use PostgreSQL, or leave WORKFLOWS_EXECUTION out."
    )


def _refuse_broker_alone(url: str, redis: str) -> None:
    """Refuse a broker without the settings or packages that it also needs."""
    if not redis:
        raise ImproperlyConfigured(
            "BROKER is set but REDIS_URL is not. A broker carries only hints; news of runs and "
            "cancels travel over Redis. Set REDIS_URL (redis://host:6379/0), or leave BROKER out."
        )
    if url.startswith("amqp") and find_spec("pika") is None:
        raise ImproperlyConfigured(
            "BROKER is the URL of a RabbitMQ, which needs the package pika, and that is not "
            "installed. Install it: pip install 'django-signalbox[rabbitmq]'."
        )
