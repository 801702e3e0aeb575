"""A hint in Redis, as workers of two releases read it."""

import pytest

from worker.hints import Hint


def test_a_hint_comes_out_of_redis_as_it_went_in():
    hint = Hint(step=2**60, at=1_700_000_000_000, lane_key=4_000_000_000)
    assert Hint.parsed(hint.text) == Hint.parsed(hint.text.encode()) == hint


@pytest.mark.parametrize(
    ("text", "hint"), [("7", Hint(7, 0)), ("7@5", Hint(7, 5)), ("7@5@3@1", Hint(7, 5, 3))]
)
def test_a_hint_of_another_release_is_understood(text, hint):
    assert Hint.parsed(text) == hint
