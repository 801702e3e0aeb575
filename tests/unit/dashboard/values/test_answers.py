"""What somebody answered, in one line."""

import pytest

from dashboard.values import answers
from dashboard.values.previews import Preview
from workflows_app import jsontext


@pytest.mark.parametrize(
    ("value", "line"),
    [
        ({"approved": True, "note": "ok"}, "approved, 'ok'"),
        ({"approved": False, "note": ""}, "not approved"),
        ({"isUrgent": True, "amount": 5}, "is urgent, amount: 5"),
        ({"lines": [1, 2], "by": None}, "lines: [1, 2]"),
        ({"note": "", "tags": []}, "nothing filled in"),
        ({}, "nothing filled in"),
        (True, "yes"),
        (False, "no"),
        (None, "nothing"),
        ("two\nlines", "'two lines'"),
        (0, "0"),
        ([1, "a"], '[1, "a"]'),
    ],
)
def test_an_answer_is_said_in_words(value, line):
    assert answers.words_of(value) == line


def test_a_long_line_is_cut():
    line = answers.words_of("x" * 5000)

    assert len(line) == answers.MOST
    assert line.endswith("…")


def test_the_answer_in_an_action_is_read_as_it_is():
    text = jsontext.dumps({"resume_data": {"approved": True, "who": "Ana & Bob"}})

    found = answers.recorded(text, 4000)

    assert found.value == {"approved": True, "who": "Ana & Bob"}
    assert found.text == '{"approved": true, "who": "Ana & Bob"}'


@pytest.mark.parametrize("text", ["", None, "[1]", "{", "[" * 100_000])
def test_data_that_holds_no_answer_has_none(text):
    assert answers.recorded(text, 200_000) == answers.Answer()


def test_a_long_answer_is_not_read():
    found = answers.recorded("x" * 50, 50)

    assert (found.words, found.text, found.value) == (answers.TOO_LONG, "", None)
    assert answers.line_of(Preview("{", 10_000)) == answers.TOO_LONG
    assert answers.line_of(None) == ""
