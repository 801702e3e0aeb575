"""Times, sizes, previews and questions, as people read them."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone

from dashboard.rendering.words import ago, exact, in_words, size
from dashboard.templatetags.signalbox import (
    clock,
    lasting,
    short,
    signed,
    when,
)
from dashboard.values.previews import LIMIT, Preview, message_in, question_in

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
    ("zone", "moment", "said"),
    [
        ("Europe/Berlin", datetime(2026, 3, 29, 0, 59, tzinfo=UTC), "01:59:00 CET (+01:00)"),
        ("Europe/Berlin", datetime(2026, 3, 29, 1, 0, tzinfo=UTC), "03:00:00 CEST (+02:00)"),
        ("Europe/Berlin", datetime(2026, 10, 25, 0, 30, tzinfo=UTC), "02:30:00 CEST (+02:00)"),
        ("Europe/Berlin", datetime(2026, 10, 25, 1, 30, tzinfo=UTC), "02:30:00 CET (+01:00)"),
        ("Asia/Kathmandu", NOON, "17:45:00 +05:45"),
        ("America/St_Johns", NOON, "08:30:00 NST (-03:30)"),
    ],
)
def test_times_are_shown_in_the_zone_of_the_person(zone, moment, said):
    with timezone.override(ZoneInfo(zone)):
        assert exact(moment).split(" ", 1)[1] == said
        assert f'datetime="{moment:%Y-%m-%dT%H:%M}:00.000+00:00"' in when(moment)
        assert "data-since=" in lasting(moment)
        assert f"{moment:%H:%M}:00.000+00:00" in lasting(moment)


def test_a_time_of_day_from_text_names_its_zone_and_no_time_is_left_as_it_is():
    with timezone.override(ZoneInfo("Europe/Berlin")):
        assert ">14:00:00.123 CEST</time>" in clock("2026-07-01T12:00:00.123Z")
    assert clock("<b>") == "<b>"


@pytest.mark.parametrize(
    ("seconds", "said"), [(1.2, "+1.2 s"), (-0.3, "\N{MINUS SIGN}300 ms"), (0, "±0"), (None, "–")]
)
def test_a_difference_of_lengths_has_a_sign(seconds, said):
    assert signed(None if seconds is None else timedelta(seconds=seconds)) == said


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
