"""Group work: one of many threads serves all, and each gets its own result."""

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, wait

import pytest

from workflows_app.engine.host.together import Together


class Served:
    """Serves numbers with their squares; the first call waits until it is let go."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.is_busy = threading.Event()
        self.go = threading.Event()

    def __call__(self, wanted: Sequence[int]) -> list[int]:
        """Return the squares; refuse a negative number."""
        self.batches.append(sorted(wanted))
        self.is_busy.set()
        self.go.wait(10)
        if min(wanted) < 0:
            raise ValueError("negative")
        return [number * number for number in wanted]


@pytest.fixture
def served():
    return Served()


@pytest.fixture
def pool():
    with ThreadPoolExecutor(8) as made:
        yield made


def start(pool, together, served, numbers, keys=None):
    """Ask for each number in a thread of its own, the first before all others."""
    asked = [pool.submit(together.get, numbers[0])]
    assert served.is_busy.wait(10)
    for index, number in enumerate(numbers[1:]):
        asked.append(pool.submit(together.get, number, keys and keys[index]))
    deadline = threading.Event()
    while len(together._waiting) < len(numbers) - 1:
        deadline.wait(0.005)
    return asked


def test_a_lone_thread_is_served_at_once_by_itself(served):
    served.go.set()
    together = Together(served, 4)
    assert [together.get(3), together.get(4)] == [9, 16]
    assert served.batches == [[3], [4]]


def test_threads_that_come_meanwhile_are_served_together_up_to_the_limit(served, pool):
    asked = start(pool, Together(served, 3), served, [1, 2, 3, 4, 5])
    served.go.set()
    assert [each.result(10) for each in asked] == [1, 4, 9, 16, 25]
    assert sorted(len(batch) for batch in served.batches) == [1, 1, 3]


def test_two_with_the_same_key_are_not_served_together(served, pool):
    asked = start(pool, Together(served, 8), served, [1, 2, 3, 4], keys=["a", "a", "b"])
    served.go.set()
    assert [each.result(10) for each in asked] == [1, 4, 9, 16]
    assert not any({2, 3} <= set(batch) for batch in served.batches)


def test_an_error_is_raised_for_the_threads_it_concerns(served, pool):
    together = Together(served, 8)
    asked = start(pool, together, served, [1, -2, 3])
    served.go.set()
    wait(asked, 10)
    assert asked[0].result() == 1
    assert all(isinstance(each.exception(), ValueError) for each in asked[1:])
    assert together.get(5) == 25


def test_a_lone_thread_that_fails_leaves_the_lead(served):
    served.go.set()
    together = Together(served, 8)
    with pytest.raises(ValueError, match="negative"):
        together.get(-1)
    assert together.get(2) == 4
