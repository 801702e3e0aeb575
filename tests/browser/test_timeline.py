"""The timeline in a real browser: groups fold, two rows are measured, a part is cut out."""

import re

from playwright.sync_api import expect

from tests.browser.conftest import Visitors
from tests.browser.test_graph import begun


def test_groups_fold_and_two_rows_are_measured_by_hand_and_by_key(visitors: Visitors) -> None:
    visitor = visitors.come()
    page = begun(visitor)
    page.get_by_role("link", name="Timeline").click()
    page.get_by_label("Group by").select_option("step")
    rows = page.locator("#timeline li[data-key]")
    expect(page).to_have_url(re.compile("group=step"))
    before = rows.count()

    page.get_by_role("link", name="Fold letters[]").click()
    expect(rows).to_have_count(before - 12)
    expect(page.get_by_role("link", name="Open letters[]")).to_be_focused()
    rows.first.locator("a.step-name").focus()
    page.keyboard.press("m")
    expect(page.locator("#measured")).to_contain_text("choose the second row")
    rows.nth(3).click(modifiers=["Shift"])
    expect(page.locator("#measured")).to_contain_text("From the start of stamp to the start of")
    expect(page).to_have_url(re.compile("(?=.*group=step)(?=.*turned=letters)(?=.*mark=)"))
    assert not visitor.complaints


def test_a_brush_over_folded_idle_time_takes_what_it_covers(visitors: Visitors) -> None:
    page = begun(visitors.come())
    page.wait_for_timeout(2500)
    page.goto(page.url.replace("graph", "timeline"))
    page.locator(".axis").scroll_into_view_if_needed()
    gap = page.locator(".axis .gap").first.bounding_box()
    axis = page.locator(".axis svg").bounding_box()
    assert gap
    assert axis

    page.mouse.move(axis["x"] + 1, axis["y"] + 10)
    page.mouse.down()
    page.mouse.move(gap["x"], axis["y"] + 10, steps=3)
    page.mouse.up()

    expect(page).to_have_url(re.compile("until="))
    until = re.search("until=([0-9.]+)", page.url)
    # All that ran stands left of the gap, in the first seconds.
    expect(page.locator("#timeline")).to_contain_text("judge")
    assert until
    assert float(until[1]) < 3
