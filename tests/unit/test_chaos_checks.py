"""What chaos says about a run with impossible events, promise by promise."""

import pytest

from tests.chaos import checks

NOON = "2026-01-01T12:00:00+00:00"
LATER = "2026-01-01T12:00:01+00:00"


def event(kind, seq=1, timeline=1, **payload):
    """Return an event as the log gives it."""
    return {"type": kind, "seq": seq, "timeline": timeline, "payload": payload}


def test_numbers_without_a_gap_are_right():
    assert not checks.has_gaps([event("a", 1), event("b", 2)], 2)
    assert not checks.has_gaps([], 0)


@pytest.mark.parametrize(
    ("numbers", "last"), [([1, 3], 3), ([1, 2], 3), ([2, 3], 3), ([1, 2, 2], 2), ([2, 1], 2)]
)
def test_a_number_that_is_missing_doubled_or_out_of_order_is_found(numbers, last):
    assert checks.has_gaps([event("a", seq) for seq in numbers], last)


def test_a_result_counts_once_on_a_timeline():
    once = event("workflow-step-result", path="a")
    assert checks.recorded_twice([once, event("workflow-step-result", timeline=2, path="a")]) == []
    assert checks.recorded_twice([once, once, once]) == ["a", "a"]


@pytest.mark.parametrize("at", [NOON, LATER])
def test_a_sleep_that_ends_before_it_is_due_is_found(at):
    waits = event("workflow-step-waiting", path="sleep-1", resume_at=LATER)
    ends = event("workflow-step-result", path="sleep-1", status="success", ended_at=at)
    assert checks.too_early([waits, ends]) == (["sleep-1"] if at == NOON else [])


@pytest.mark.parametrize("at", [NOON, LATER])
def test_a_retry_that_begins_before_it_is_due_is_found(at):
    waits = event("workflow-step-retry", path="a", next_attempt_at=LATER)
    begins = event("workflow-step-start", path="a", status="running", started_at=at)
    assert checks.too_early([waits, begins]) == (["a"] if at == NOON else [])


def test_a_sleep_that_is_canceled_may_end_early():
    waits = event("workflow-step-waiting", path="a", resume_at=LATER)
    ends = event("workflow-step-result", path="a", status="canceled", ended_at=NOON)
    assert checks.too_early([waits, ends]) == []


def test_a_question_is_answered_once():
    asks, answer = event("workflow-step-suspended", path="a"), event("workflow-resumed", path="a")
    assert checks.answered_twice([asks, answer, asks, answer]) == []
    assert checks.answered_twice([asks, answer, answer]) == ["a"]
    assert checks.answered_twice([asks, event("workflow-resumed", paths=["a", "b"])]) == ["b"]


def test_a_settling_whose_hook_was_never_called_is_found():
    finishes = [event("workflow-finish", seq=seq) for seq in (4, 9)]
    assert checks.without_hook(finishes, {4, 9}) == []
    assert checks.without_hook(finishes, {9}) == [4]
