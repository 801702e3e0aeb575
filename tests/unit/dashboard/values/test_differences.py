"""Two JSON values, field by field."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.forms.fields import MISSING
from dashboard.values import differences
from dashboard.values.differences import as_line, between


def told(old, new):
    return [(c.path, str(c.kind), c.old, c.new) for c in between(old, new).changes]


def test_what_is_the_same_is_not_listed():
    assert not between({"a": [1, {"b": None}]}, {"a": [1.0, {"b": None}]})


def test_a_field_deep_inside_is_named_by_its_path():
    old = {"order": {"lines": [{"price": 1}, {"price": 2}]}, "same": True}
    new = {"order": {"lines": [{"price": 1}, {"price": 3}]}, "same": True}

    assert told(old, new) == [("order.lines[1].price", "changed", "2", "3")]


def test_null_differs_from_missing():
    assert told({"a": None}, {}) == [("a", "removed", "null", "")]
    assert told({}, {"a": None}) == [("a", "added", "", "null")]
    assert told(MISSING, None) == [("", "added", "", "null")]
    assert told({"a": None}, {"a": None}) == []
    assert not between(MISSING, MISSING)


@pytest.mark.parametrize(
    ("old", "new", "note"),
    [
        (1, "1", "number → text"),
        (True, 1, "yes or no → number"),
        (None, 0, "null → number"),
        ([], {}, "list → object"),
        (False, None, "yes or no → null"),
    ],
)
def test_a_change_of_kind_is_said(old, new, note):
    (change,) = between({"x": old}, {"x": new}).changes

    assert change.note == note


def test_an_item_put_in_between_leaves_the_others_alone():
    assert told([1, 2, 3], [1, 9, 2, 3]) == [("[1]", "added", "", "9")]
    assert told([1, 2, 3], [1, 3]) == [("[1]", "removed", "2", "")]
    assert told([], ["a"]) == [("[0]", "added", "", '"a"')]


def test_long_lists_are_compared_by_index_and_no_slower():
    old = [0, 1] * 1000
    new = [1, 0] * 1000

    assert len(between(old, new).changes) == differences.MOST_CHANGES
    assert between(old, new).left_out == 2000 - differences.MOST_CHANGES


def test_of_long_texts_the_part_that_differs_is_shown():
    old = "a" * 3000 + "X" + "b" * 3000
    new = "a" * 3000 + "Y" + "b" * 3000

    (change,) = between(old, new).changes

    assert "X" in change.old
    assert "Y" in change.new
    assert change.old.startswith("…")
    assert change.old.endswith("… (6,001 characters)")
    assert len(change.old) < 300


def test_a_text_that_goes_on_shows_where_the_other_ended():
    (change,) = between("a" * 300, "a" * 300 + "tail").changes

    assert "tail" in change.new


def test_changes_beyond_the_limit_are_counted():
    found = between({}, {str(n): n for n in range(50)}, most=3)

    assert [change.path for change in found.changes] == ['["0"]', '["1"]', '["2"]']
    assert found.left_out == 47


def test_keys_that_are_no_words_are_quoted():
    assert told({"a.b": 1, "": 2}, {"a": {"b": 1}, "": 3}) == [
        ('["a.b"]', "removed", "1", ""),
        ('[""]', "changed", "2", "3"),
        ("a", "added", "", '{"b": 1}'),
    ]


def test_what_is_very_deep_is_compared_as_a_whole():
    old: object = 1
    new: object = 2
    for _ in range(100):
        old, new = [old], [new]

    (change,) = between(old, new).changes

    assert change.path == "[0]" * differences.MOST_DEPTH


def test_large_values_are_cut_and_halves_of_characters_do_no_harm():
    assert as_line("x" * 1000).endswith("… (1,002 characters)")
    assert as_line("\ud800").encode()


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=12,
)


@given(VALUES, VALUES)
def test_a_value_never_differs_from_itself_and_always_from_another(old, new):
    assert not between(old, old)
    is_same = differences._sorted(old) == differences._sorted(new)
    assert bool(between(old, new)) == (not is_same)
