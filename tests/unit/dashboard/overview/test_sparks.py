"""Sparklines as paths."""

from dashboard.overview import sparks


def test_nothing_is_drawn_where_there_is_nothing():
    assert sparks.path_of([]) == ""
    assert sparks.path_of([0, 0]) == ""


def test_bars_stand_in_their_parts_and_the_highest_fills_the_box():
    assert sparks.path_of([4, 0, 2]) == "M0.3 12v-12.00h0.4V12zM2.3 12v-6.00h0.4V12z"


def test_a_little_can_be_seen_beside_a_lot():
    assert f"v-{sparks.LEAST:.2f}" in sparks.path_of([1, 10_000])
