"""Under load news come less often, and never so seldom that a page seems to stand still."""

from types import SimpleNamespace

import pytest

from dashboard.live.load import LONGEST, Load


def test_without_load_the_rest_is_what_was_asked_for():
    assert Load().stretched(0.1) == 0.1


def test_a_late_loop_stretches_the_rest_up_to_a_limit():
    load = Load()
    for _ in range(50):
        load.note(0.05)
    assert 0.15 < load.stretched(0.1) < LONGEST

    for _ in range(50):
        load.note(5.0)
    assert load.stretched(0.1) == LONGEST


def test_a_load_that_is_over_is_forgotten():
    load = Load()
    load.note(5.0)
    for _ in range(100):
        load.note(-0.001)

    assert load.stretched(0.1) == 0.1


async def test_a_rest_measures_the_loop(monkeypatch):
    load = Load()
    clock = SimpleNamespace(monotonic=iter([10.0, 10.5]).__next__)
    monkeypatch.setattr("dashboard.live.load.time", clock)
    await load.rest(0.0)

    assert load.late == pytest.approx(0.05)
