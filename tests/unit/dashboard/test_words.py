"""Times, sizes, previews and questions, as people read them."""

from datetime import UTC, datetime, timedelta

import pytest

from dashboard.previews import LIMIT, Preview, message_in, question_in
from dashboard.templatetags.signalbox import ago, exact, in_words, short, size

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0, "just now"), (59, "59 s ago"), (200, "3 min ago"), (7300, "2 h ago"), (-90, "in 1 min")],
)
def test_a_moment_is_said_relative_to_now(seconds, said):
    assert ago(NOON - timedelta(seconds=seconds), NOON) == said


def test_the_exact_time_names_its_zone():
    assert exact(NOON) == "2026-03-01 12:00:00 UTC"


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.0421, "42 ms"),
        (3.25, "3.2 s"),
        (61, "1 min 1 s"),
        (3700, "1 h 1 min"),
        (90_000, "1 d 1 h"),
        (-1, "0 ms"),
    ],
)
def test_a_length_of_time_is_said_with_two_units_at_most(seconds, said):
    assert in_words(timedelta(seconds=seconds)) == said


def test_sizes_and_ids_are_short():
    assert [size(900), size(12_345), size(5_000_000)] == ["900 B", "12.3 KB", "5.0 MB"]
    assert short("0123456789abcdef0123") == "012345…ef0123"
    assert short("order-7") == "order-7"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"question":"May it?","amount":3}', "May it?"),
        ('{"amount":3,"ok":true}', "amount: 3, ok: true"),
        ('"Why?"', "Why?"),
        ("null", ""),
        (None, ""),
        ('{"reason":"cut o', "cut o"),
        ('{"rows":[1,2', ""),
    ],
)
def test_a_question_is_read_from_a_payload_even_when_it_is_cut_off(text, said):
    assert question_in(text) == said


def test_an_error_is_said_in_one_line():
    text = '{"type":"ValueError","message":"first \\"line\\"\\nsecond","traceback":"…'

    assert message_in(text) == 'ValueError: first "line"'


def test_a_whole_preview_is_indented_and_a_cut_one_is_not():
    assert Preview('{"a":1}', 7).pretty == '{\n  "a": 1\n}'
    cut = Preview('{"a":1', LIMIT + 1)
    assert cut.is_cut
    assert cut.pretty == '{"a":1…'
    assert cut.value is None
