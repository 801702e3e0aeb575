"""Live parts hold still under a hand, keep one connection, and say how fresh they are."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Visitor, Visitors
from tests.browser.test_live import parcel

SOCKETS = """() => {
    const Own = WebSocket;
    window.sockets = [];
    window.WebSocket = class extends Own {
        constructor(...given) { super(...given); window.sockets.push(this); }
    };
}"""
OPEN = "window.sockets.filter((one) => one.readyState <= 1).length"
CLOCK = re.compile(r"offline since \d\d:\d\d:\d\d (UTC|[A-Z]+ \([+-]\d\d:\d\d\)|[+-]\d\d:\d\d)$")


def retry(visitor: Visitor, run: str) -> None:
    """Run the failed step of a run again, elsewhere."""
    page = visitor.go(f"{run}retry/")
    page.get_by_role("button", name="Re-run from the failed step").click()
    expect(page.locator("h1 .status")).to_contain_text("success")


def row_of(page: Page, run: str) -> str:
    """Return how to find the row of a run in a list."""
    key = run.strip("/").rpartition("/")[2]
    return f"tr[data-row]:has(a[href*='{key}'])"


@pytest.mark.parametrize("has_socket", [True, False])
def test_a_list_holds_still_while_text_is_selected_and_says_so(
    visitors: Visitors, *, has_socket: bool
) -> None:
    visitor, other = visitors.come(), visitors.come()
    run = parcel(other, f"broken-selected-{has_socket}")
    page = visitor.page
    if not has_socket:
        page.route_web_socket(re.compile("/ws/"), lambda socket: socket.close())
    visitor.go("/runs/")
    pulse = page.locator("[data-pulse]")
    expect(pulse).to_contain_text("live" if has_socket else "polling")
    row = page.locator(row_of(page, run))
    row.locator("td").nth(3).evaluate("one => getSelection().selectAllChildren(one)")
    retry(other, run)

    expect(pulse).to_contain_text("paused")
    expect(row).to_have_attribute("data-status", "failed")
    page.evaluate("getSelection().removeAllRanges()")
    expect(row).to_have_attribute("data-status", "success")
    expect(pulse).to_contain_text("live" if has_socket else "polling")


def test_a_row_holds_still_while_the_focus_is_in_it(visitors: Visitors) -> None:
    visitor, other = visitors.come(), visitors.come()
    run = parcel(other, "broken-focus")
    page = visitor.go("/runs/")
    row = page.locator(row_of(page, run))
    row.locator("a").first.focus()
    with page.expect_response(re.compile("rows=")):
        retry(other, run)
    page.wait_for_timeout(1500)
    expect(row).to_have_attribute("data-status", "failed")
    page.locator("h1").evaluate("one => document.activeElement.blur()")
    expect(row).to_have_attribute("data-status", "success")


def test_there_is_one_socket_however_often_the_browser_comes_online(visitors: Visitors) -> None:
    visitor = visitors.come()
    visitor.page.add_init_script(f"({SOCKETS})()")
    page = visitor.go("/runs/")
    expect(page.locator("[data-pulse]")).to_contain_text("live")
    for _ in range(3):
        page.evaluate("dispatchEvent(new Event('online'))")
    assert page.evaluate(OPEN) == 1

    page.evaluate("dispatchEvent(new Event('pagehide'))")
    page.wait_for_function(f"{OPEN} === 0")
    page.evaluate("dispatchEvent(new Event('pageshow'))")
    page.wait_for_function(f"{OPEN} === 1")
    expect(page.locator("[data-pulse]")).to_contain_text("live")
    assert visitor.complaints == []


def test_a_tab_that_is_clicked_while_offline_stays_on_the_page(visitors: Visitors) -> None:
    visitor = visitors.come(width=390)
    page = visitor.go(parcel(visitor, "offline"))
    page.context.set_offline(True)
    page.get_by_role("navigation", name="Views of this run").get_by_text("Data").click()

    said = page.locator("#notices [role=alert]")
    expect(said).to_contain_text("The server cannot be reached")
    expect(page.locator("h1")).to_contain_text("Parcel")
    page.context.set_offline(False)
    page.get_by_role("navigation", name="Views of this run").get_by_text("Data").click()
    page.wait_for_url(re.compile("tab=data"))
    expect(said).to_have_count(0)


def test_the_sign_says_since_when_the_server_is_away_and_in_which_zone(visitors: Visitors) -> None:
    visitor = visitors.come()
    page = visitor.page
    page.route_web_socket(re.compile("/ws/"), lambda socket: socket.close())
    visitor.go("/runs/")
    pulse = page.locator("[data-pulse]")
    expect(pulse).to_contain_text("polling")
    page.context.set_offline(True)
    expect(pulse).to_have_text(CLOCK)


def test_on_phones_the_word_of_the_sign_is_read_out_and_not_seen(visitors: Visitors) -> None:
    page = visitors.come(width=390).go("/runs/")
    word = page.locator("[data-pulse-word]")
    expect(word).to_have_text("live")
    assert word.evaluate("one => getComputedStyle(one).display") != "none"
    box = word.bounding_box()
    assert box is not None
    assert box["width"] <= 1
