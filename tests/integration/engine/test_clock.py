"""The database's time is asked for now and then, and not by those who are in a hurry."""

import time
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection

from workflows_app.engine import clock

pytestmark = pytest.mark.django_db


@pytest.fixture
def asked_long_ago(monkeypatch) -> None:
    """Let the last look be older than half of the time after which it is too old."""
    age = clock.MEASURE_EVERY * 0.6
    at = datetime.now(UTC) - timedelta(seconds=age)
    monkeypatch.setattr(clock, "_measured", (time.monotonic() - age, at))


@pytest.mark.usefixtures("asked_long_ago")
def test_the_heartbeat_looks_before_anybody_else_has_to(django_assert_num_queries):
    looks = 1 if connection.vendor == "postgresql" else 0
    with django_assert_num_queries(0):
        clock.now()
    with django_assert_num_queries(looks):
        clock.renew()
    with django_assert_num_queries(0):
        clock.renew()
    assert abs(clock.now() - datetime.now(UTC)) < timedelta(seconds=1)


def test_who_asks_after_too_long_looks_once(monkeypatch, django_assert_num_queries):
    monkeypatch.setattr(clock, "_measured", None)
    looks = 1 if connection.vendor == "postgresql" else 0
    with django_assert_num_queries(looks):
        first = clock.now()
        assert first <= clock.now() < first + timedelta(seconds=5)
