"""Times, numbers and kept pieces in the reader's language."""

from datetime import UTC, datetime, timedelta

import pytest
from django.template import Context, Engine
from django.test import override_settings
from django.utils import translation

from dashboard.forms import type_words
from dashboard.rendering import words
from dashboard.request import refusal_words
from workflows_app import errors, languages, terms

NOON = datetime(2026, 3, 1, 12, 0, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("language", "exact", "took", "size"),
    [
        ("en", "2026-03-01 12:00:05 UTC", "1.5 s", "1.5 MB"),
        ("de", "01.03.2026 12:00:05 UTC", "1,5 s", "1,5 MB"),
    ],
)
def test_times_and_sizes_follow_the_language(language, exact, took, size):
    with translation.override(language):
        assert words.exact(NOON) == exact
        assert words.in_words(timedelta(seconds=1.5)) == took
        assert words.size(1_500_000) == size


def test_how_long_ago_is_a_whole_sentence():
    with translation.override("de"):
        assert words.ago(NOON, NOON + timedelta(minutes=3)) == "vor 3 min"
        assert words.ago(NOON, NOON - timedelta(hours=3)) == "in 3 h"


def test_thousands_are_apart_where_asked_or_where_the_settings_say_so():
    with translation.override("de"):
        assert languages.number(12345) == "12345"
        assert languages.number(12345, is_grouped=True) == "12.345"
        with override_settings(USE_THOUSAND_SEPARATOR=True):
            assert languages.number(12345) == "12.345"


def test_numbers_are_rounded_and_not_cut():
    assert languages.number(0.96, 1) == "1.0"
    assert languages.plain_number(30.0) == "30"
    with translation.override("de"):
        assert languages.plain_number(0.5) == "0,5"


def test_a_kept_piece_is_drawn_again_in_another_language():
    engine = Engine(
        libraries={"i18n": "django.templatetags.i18n", "s": "dashboard.templatetags.signalbox"}
    )
    template = engine.from_string(
        "{% load i18n s %}{% kept 1 %}{% translate 'Inbox' %}{% endkept %}"
    )
    for language, word in (("en", "Inbox"), ("de", "Eingang"), ("en", "Inbox")):
        with translation.override(language):
            assert template.render(Context()) == word


def test_a_status_is_its_own_name_in_english():
    assert terms.status("suspended") == "suspended"
    with translation.override("de"):
        assert terms.status("suspended") == "angehalten"
        assert terms.status("no such") == "no such"


def test_what_a_type_refuses_is_said_in_german_with_its_bounds():
    said = "Input should be greater than or equal to 1"
    assert type_words.of("greater_than_equal", said) == said
    with translation.override("de"):
        assert (
            type_words.of("greater_than_equal", said)
            == "Die Eingabe muss größer als oder gleich 1 sein"
        )
        assert type_words.of("greater_than_equal", "something else") == "something else"
        one = "String should have at least 1 character"
        assert type_words.of("string_too_short", one) == "Der Text muss mindestens 1 Zeichen haben"


def test_what_the_engine_refuses_is_exact_in_english_and_said_by_its_kind_in_german():
    refusal = errors.RunNotPaused("Run 'r' is running; only a paused run can proceed.")
    assert refusal_words.of(refusal) == str(refusal)
    with translation.override("de"):
        assert refusal_words.of(refusal) == "Das ist nur für einen pausierten Lauf möglich."
        assert refusal_words.of(errors.WaitTimeout("x")) == "x"
