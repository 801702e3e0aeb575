"""The inbox with the newest questions first."""

import re

from dashboard.inbox import page as inbox_page
from tests.integration.dashboard.conftest import question_of, started
from tests.integration.dashboard.inbox.test_inbox import PART, item_of, page_at, rows_in


def found(match) -> str:
    assert match, "there is no link to that page"
    return str(match[1])


def test_the_newest_can_come_first_page_by_page(pages, monkeypatch):
    monkeypatch.setattr(inbox_page, "PAGE", 2)
    items = [item_of(started(title=f"Desk {number}")) for number in range(5)]

    first = page_at(pages, "?sort=newest")
    assert rows_in(first) == items[:2:-1]
    later = re.search(r"\?tab=open&amp;after=(\d+)&amp;sort=newest", first)
    second = page_at(pages, f"?sort=newest&after={found(later)}")
    assert rows_in(second) == items[2:0:-1]
    before = re.search(r"\?tab=open&amp;before=(\d+)&amp;sort=newest", second)
    assert rows_in(page_at(pages, f"?sort=newest&before={found(before)}")) == items[:2:-1]


def test_new_questions_do_not_push_the_newest_down_under_a_hand(pages):
    first = item_of(started())
    started(title="Chair")

    part = pages.get(f"/inbox/?sort=newest&rows={first}", headers=PART).content.decode()

    assert rows_in(part) == [first]
    assert "1 new</a>" in part


def test_after_an_answer_the_next_newest_comes(pages):
    runs = [started(title=f"Desk {number}") for number in range(3)]

    answer = pages.get(f"/inbox/?sort=newest&next={question_of(runs[1]).pk}")

    assert answer.url == f"/inbox/?tab=open&sort=newest&item={item_of(runs[0])}"
