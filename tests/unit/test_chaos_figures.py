"""The figures of a storm, and which rare paths it has taken."""

from hypothesis import example, given
from hypothesis import strategies as st

from tests.chaos import rarely
from tests.chaos.figures import spread
from workflows_app.engine.host.rare import Rare

seconds = st.floats(0, 100, allow_nan=False).map(lambda number: round(number, 2))


@given(st.lists(seconds, min_size=1))
@example([0.4, 1.3, 2.9, 14.97])
def test_the_figures_of_what_was_measured_are_among_it_and_in_order(found):
    figures = spread(found)
    assert figures["p50"] <= figures["p95"] <= figures["max"] == max(found)
    assert set(figures.values()) <= set(found)


def test_without_measurements_there_is_no_figure():
    assert spread([]) == {"p50": None, "p95": None, "max": None}


def test_the_figures_are_by_nearest_rank():
    assert spread(range(1, 101)) == {"p50": 50, "p95": 95, "max": 100}
    assert spread([3.0]) == {"p50": 3.0, "p95": 3.0, "max": 3.0}


def test_what_all_processes_counted_is_added_up_and_what_a_kill_cut_off_is_left_out():
    found = rarely.total(["claim_lost 1", "claim_lost 2", "guard_refused ", "guard_ref", "other 4"])
    assert {name: times for name, times in found.items() if times} == {"claim_lost": 3}
    assert set(found) == {what.value for what in Rare}


def test_a_storm_that_is_long_enough_must_have_taken_each_required_path():
    longest = max(rarely.REQUIRED.values())
    all_taken = dict.fromkeys(rarely.REQUIRED, 1)
    assert rarely.missing(all_taken, longest) == []
    for what, after in rarely.REQUIRED.items():
        without = {**all_taken, what: 0}
        assert rarely.missing(without, after) == [what]
        assert rarely.missing(without, after - 1) == []
