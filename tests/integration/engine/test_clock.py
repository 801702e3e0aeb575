"""The database's time is asked for now and then, but not by callers in a hurry."""

import time
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection

from workflows_app.engine.host import clock

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)

pytestmark = pytest.mark.django_db


@pytest.fixture
def asked_long_ago(monkeypatch) -> None:
    """Make the last look older than half of its lifetime."""
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


def test_a_caller_that_asks_after_too_long_looks_once(monkeypatch, django_assert_num_queries):
    monkeypatch.setattr(clock, "_measured", None)
    looks = 1 if connection.vendor == "postgresql" else 0
    with django_assert_num_queries(looks):
        first = clock.now()
        assert first <= clock.now() < first + timedelta(seconds=5)


@pytest.mark.parametrize(
    ("lengths", "taken"),
    [([0.01], 0), ([5.0, 0.01], 1), ([5.0, 0.3, 0.2], 2), ([5.0, 0.3, 0.4], 1)],
    ids=["prompt", "stood still", "slow", "slower"],
)
def test_a_look_in_which_the_process_paused_is_not_taken_for_the_time(monkeypatch, lengths, taken):
    """The time would be wrong by half of the pause, and a sleep would end too early."""
    looks = [(10.0 * n, 10.0 * n + length, NOON) for n, length in enumerate(lengths)]
    left = iter(looks)
    monkeypatch.setattr(clock, "_measured", None)
    monkeypatch.setattr(clock, "_look", lambda: next(left))

    before, after, at = looks[taken]
    assert clock._measure() == ((before + after) / 2, at)
    assert list(left) == []
