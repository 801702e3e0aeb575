"""Cron expressions in words."""

import pytest

from workflows_app.definition.schedules import cron_in_words


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("0 3 * * *", "At 03:00 every day"),
        ("30 6 * * 1-5", "At 06:30 on Monday through Friday"),
        ("10 0 9 * * 1", "At 09:00:10 on Monday"),
        ("@daily", "At 00:00 every day"),
        ("@hourly", "At the start of every hour"),
        ("every day", ""),
        ("", ""),
    ],
)
def test_an_expression_is_said_in_words_and_nonsense_is_not(expression, words):
    assert cron_in_words(expression) == words
