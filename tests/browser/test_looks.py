"""Small things that only a real browser shows: gaps, widths, lines, and times that go on."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Visitor, Visitors
from tests.product import Product

#: Runs that ask, more than one page of the inbox has; one of them has a question and a list.
ASKING = """
import time
from tests.browser.flows import told
from workflows_app.models import Run
for number in range(32):
    told.create_run().start({"number": number}, wait=False)
asking = Run.objects.filter(workflow=told.id, status="suspended")
until = time.monotonic() + 50
while asking.count() < 32 and time.monotonic() < until:
    time.sleep(0.2)
print("{}")
"""


#: Others find their own questions in the inbox.
GONE = """
from workflows_app.models import Run
Run.objects.filter(workflow="told").delete()
print("{}")
"""


@pytest.fixture(scope="module", autouse=True)
def _asking(installed: Product) -> Iterator[None]:
    installed.python(ASKING)
    yield
    installed.python(GONE)


@pytest.fixture
def phone(visitors: Visitors) -> Iterator[Visitor]:
    visitor = visitors.come(width=390)
    yield visitor
    assert visitor.complaints == []


def opened(visitor: Visitor) -> Page:
    """Open the first question of the workflow that tells a list beside it."""
    page = visitor.go("/inbox/?tab=all&sort=newest")
    expect(page.locator(".ask-link", has_text="Is the list right?").first).to_be_visible()
    page.locator(".ask-link", has_text="Is the list right?").first.click()
    page.locator("#ask-head-, .ask-head").wait_for()
    return page


def test_more_questions_are_not_offered_where_the_list_is_hidden(phone: Visitor) -> None:
    page = phone.go("/inbox/?tab=all&sort=newest")
    expect(page.get_by_role("link", name="More")).to_be_visible()

    opened(phone)

    expect(page.locator("#inbox-list")).to_be_hidden()
    expect(page.get_by_role("link", name="More")).to_be_hidden()
    page.set_viewport_size({"width": 1280, "height": 900})
    expect(page.get_by_role("link", name="More")).to_be_visible()


def test_the_size_of_what_is_told_stands_apart_from_its_words(phone: Visitor) -> None:
    page = opened(phone)

    gap = page.locator("summary", has_text="What it tells you").evaluate("""(summary) => {
        const words = document.createRange();
        words.selectNode(summary.firstChild);
        const size = summary.querySelector(".faint");
        return size.getBoundingClientRect().left - words.getBoundingClientRect().right;
    }""")
    assert gap >= 3


def test_for_how_long_a_question_waits_goes_on(phone: Visitor) -> None:
    page = opened(phone)
    time = page.locator(".ask-head time[data-for]")

    expect(page.locator(".ask-head")).to_contain_text("Waiting for ")
    assert "ago" not in time.inner_text()
    before = time.inner_text()
    time.evaluate("it => { it.dateTime = new Date(Date.now() - 7_200_000).toISOString(); }")
    expect(time).to_have_text("2 h")
    assert before != "2 h"


def test_the_name_stands_on_the_line_of_the_signs_beside_it(phone: Visitor) -> None:
    page = phone.go("/")

    off = page.evaluate("""() => {
        const middle = (box) => box.top + box.height / 2;
        const name = document.createRange();
        name.selectNodeContents(document.querySelector(".top .menu > summary"));
        const sign = document.querySelector(".top [data-theme-toggle]");
        return middle(name.getBoundingClientRect()) - middle(sign.getBoundingClientRect());
    }""")
    assert abs(off) <= 1.5


@pytest.mark.parametrize("width", [1280, 390, 320])
def test_a_kind_of_value_is_read_whole(visitors: Visitors, width: int) -> None:
    visitor = visitors.come(width=width)
    page = visitor.go("/workflows/told/start/")
    select = page.locator(".two-inputs > select").first
    select.select_option(label="Whole number")

    cut = select.evaluate("""it => {
        const free = it.cloneNode(true);
        free.style.cssText = "position: absolute; flex: none; width: auto; max-width: none";
        it.parentElement.append(free);
        const wanted = free.getBoundingClientRect().width;
        free.remove();
        return wanted - it.getBoundingClientRect().width;
    }""")
    assert cut <= 1
