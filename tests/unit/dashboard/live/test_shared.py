"""A part is drawn once for all who ask for the same, and never shows less than they know."""

import threading
import time

import pytest

from dashboard.live import shared
from dashboard.live.shared import Part, Parts


class Drawer:
    """Draws parts with the numbers that it is given, and counts."""

    def __init__(self, *numbers: int, is_shared: bool = True) -> None:
        self.numbers = list(numbers)
        self.is_shared = is_shared
        self.drawn = 0

    def __call__(self) -> Part:
        self.drawn += 1
        seq = self.numbers.pop(0)
        return Part(f"up to {seq}", seq, is_shared=self.is_shared)


def test_a_part_that_holds_what_was_heard_of_is_not_drawn_again():
    parts, draw = Parts(), Drawer(7)

    assert parts.get("key", 5, draw).seq == 7
    assert parts.get("key", 7, draw).html == "up to 7"
    assert draw.drawn == 1


def test_a_viewer_who_has_heard_of_more_gets_a_new_one():
    parts, draw = Parts(), Drawer(7, 9)

    assert parts.get("key", 7, draw).seq == 7
    assert parts.get("key", 8, draw).seq == 9
    assert parts.get("key", 7, draw).seq == 9
    assert draw.drawn == 2


def test_another_look_is_another_part():
    parts, draw = Parts(), Drawer(7, 7)

    parts.get("mine", 7, draw)
    parts.get("theirs", 7, draw)

    assert draw.drawn == 2


def test_the_part_of_one_person_is_given_to_nobody_else():
    parts, draw = Parts(), Drawer(7, 7, is_shared=False)

    parts.get("key", 7, draw)
    parts.get("key", 7, draw)

    assert draw.drawn == 2


def test_an_old_part_is_drawn_again(monkeypatch):
    monkeypatch.setattr(shared, "FRESH", 0.0)
    parts, draw = Parts(), Drawer(7, 7)

    parts.get("key", 7, draw)
    parts.get("key", 7, draw)

    assert draw.drawn == 2


def test_only_so_many_parts_are_kept(monkeypatch):
    monkeypatch.setattr(shared, "MOST_KEPT", 2)
    parts, draw = Parts(), Drawer(*[7] * 5)

    for key in ("a", "b", "c", "b", "a"):
        parts.get(key, 7, draw)

    assert draw.drawn == 4  # b was kept, a was not


def test_a_drawing_that_fails_is_not_in_the_way_of_the_next():
    def fails() -> Part:
        raise ValueError("no such run")

    parts = Parts()
    with pytest.raises(ValueError, match="no such run"):
        parts.get("key", 7, fails)

    assert parts.get("key", 7, Drawer(7)).seq == 7


def test_many_who_ask_at_once_wait_for_one_drawing():
    parts, began = Parts(), threading.Event()
    drawn, found = [], []

    def slow() -> Part:
        drawn.append(1)
        began.set()
        time.sleep(0.05)
        return Part("slow", 7)

    def ask() -> None:
        found.append(parts.get("key", 7, slow).html)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert (len(drawn), found) == (1, ["slow"] * 8)
