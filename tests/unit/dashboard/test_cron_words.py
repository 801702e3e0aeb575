"""Cron expressions in words."""

import pytest
from cronsim.explain import explain
from django.utils import translation

from dashboard.rendering.cron_words import cron_words


@pytest.mark.parametrize(
    ("expression", "words", "german"),
    [
        ("0 3 * * *", "At 03:00 every day", "Jeden Tag um 03:00"),
        ("30 6 * * 1-5", "At 06:30 on Monday through Friday", "Um 06:30 von Montag bis Freitag"),
        ("10 0 9 * * 1", "At 09:00:10 on Monday", "Um 09:00:10 am Montag"),
        ("@daily", "At 00:00 every day", "Jeden Tag um 00:00"),
        ("@hourly", "At the start of every hour", "Zu Beginn jeder Stunde"),
        ("*/5 * * * *", "Every fifth minute of every hour", "Jede 5. Minute jeder Stunde"),
        (
            "*/5 9-17 * * *",
            "Every fifth minute from 09:00 through 17:59",
            "Jede 5. Minute von 09:00 bis 17:59",
        ),
        ("0 8 1 1 *", "At 08:00 on January 1", "Um 08:00 am 1. Januar"),
        (
            "0 8 L * *",
            "At 08:00 on the last day of every month",
            "Um 08:00 am letzten Tag in jedem Monat",
        ),
        (
            "0 8 1,15 * *",
            "At 08:00 on the first and the 15th day of month",
            "Um 08:00 am 1. und 15. Tag des Monats",
        ),
        (
            "0 8 * * 5#2,1L",
            "At 08:00 on the second Friday of the month and the last Monday of the month",
            "Um 08:00 am 2. Freitag des Monats und am letzten Montag des Monats",
        ),
        (
            "0 8 1 * 1",
            "At 08:00 on the first day of month and on Monday",
            "Um 08:00 am 1. Tag des Monats und am Montag",
        ),
        (
            "0 8 */2 * 1",
            "At 08:00 on every second day of month if it's on Monday",
            "Um 08:00 an jedem 2. Tag des Monats, aber nur am Montag",
        ),
        ("every day", "", ""),
        ("", "", ""),
    ],
)
def test_an_expression_is_said_in_words_and_nonsense_is_not(expression, words, german):
    with translation.override("en"):
        assert cron_words(expression) == words
    with translation.override("de"):
        assert cron_words(expression) == german


FIELDS = [
    ("*", "0", "30", "*/10", "5,25", "0-30"),
    ("*", "0", "5", "*/15", "0,20,40", "1-10", "1-10/2", "5,10-20", "*/7,3"),
    ("*", "0", "9", "9-17", "9-17/2", "8,12", "*/3", "1,2,3,4,5"),
    ("*", "1", "15", "L", "LW", "1,15", "LW,3", "1-7", "*/2", "1-9/3"),
    ("*", "1", "JAN,MAR", "6-8", "*/3", "2-8/2"),
    ("*", "1", "MON-FRI", "1,3", "5L", "2#1", "*/2", "1-5/2", "7"),
]


def expressions():
    """Vary two neighbouring fields at a time."""
    for number in range(5):
        for one in FIELDS[number]:
            for two in FIELDS[number + 1]:
                for rest in ("*", "1"):
                    given = [rest] * 6
                    given[number], given[number + 1] = one, two
                    yield " ".join(given)
    for day in FIELDS[3]:
        for weekday in FIELDS[5]:
            yield f"0 0 8 {day} 1 {weekday}"


@pytest.mark.parametrize("language", ["en", "fr"])
def test_in_english_the_words_are_those_of_the_library(language):
    with translation.override(language):
        differing = {
            text: cron_words(text) for text in expressions() if cron_words(text) != explain(text)
        }

    assert differing == {}
