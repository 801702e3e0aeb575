"""Keys of new rows: in order within a run, and never those of another process."""

import random

from workflows_app.models.fields import Keys

SECOND = 10**9
NOW = 1_795_000_000 * SECOND


class Clock:
    """A clock that a test sets."""

    def __init__(self, now: int = NOW) -> None:
        self.now = now

    def __call__(self) -> int:
        """Return the time, and let a little of it pass."""
        self.now += 20_000
        return self.now


def test_keys_rise_by_the_clock_and_when_it_stands_still_or_is_put_back():
    clock = Clock()
    keys = Keys(clock, random.Random(1))
    made = [keys.next() for _ in range(100)]
    clock.now -= 60 * SECOND
    made += [keys.next() for _ in range(100)]
    still = Keys(lambda: NOW, random.Random(1))
    assert made == sorted(set(made))
    assert len({still.next() for _ in range(5000)}) == 5000


def test_a_key_is_above_the_one_it_must_follow_and_the_next_of_another_run_is_by_the_clock():
    keys = Keys(Clock(), random.Random(1))
    own = keys.next()
    ahead = own + (10 * SECOND // 1000 << 12)

    assert keys.next(after=ahead) > ahead
    assert own < keys.next() < ahead


def test_processes_that_go_on_with_runs_of_one_that_is_ahead_make_no_key_twice():
    """For example, the clock of one machine is five seconds ahead."""
    ahead = Keys(Clock(NOW + 5 * SECOND), random.Random(1))
    runs = [ahead.next() for _ in range(200)]
    others = [Keys(Clock(), random.Random(seed)) for seed in (2, 3)]
    made = list(runs)
    for _ in range(5):
        for number, newest in enumerate(runs):
            runs[number] = others[number % 2].next(after=newest)
            made.append(runs[number])
            assert runs[number] > newest

    assert len(set(made)) == len(made)


def test_a_machine_whose_clock_was_put_back_shares_no_keys_with_those_who_followed_it():
    clock = Clock(NOW + 5 * SECOND)
    moved = Keys(clock, random.Random(1))
    newest = moved.next()
    clock.now -= 5 * SECOND
    other = Keys(Clock(), random.Random(2))
    theirs = []
    for _ in range(500):
        newest = other.next(after=newest)
        theirs.append(newest)
    mine = [moved.next() for _ in range(500)]

    assert not set(mine) & set(theirs)
