"""The live parts in a real browser: what goes on beside them, and what happens out of turn."""

import re

from playwright.sync_api import expect

from tests.browser.conftest import Visitor, Visitors

RUN = re.compile("/runs/[0-9a-f-]{36}/$")


def parcel(visitor: Visitor, name: str) -> str:
    """Start a parcel, wait until it ended, and return the path of its run."""
    page = visitor.go("/workflows/parcel/start/")
    page.get_by_label("Name").fill(name)
    page.get_by_role("button", name="Start run").click()
    page.wait_for_url(RUN)
    expect(page.locator("h1 .status")).to_contain_text(re.compile("success|failed"))
    return page.url.removeprefix(visitor.address)


def test_back_shows_the_whole_page_and_not_the_part_that_was_fetched_last(
    visitors: Visitors,
) -> None:
    visitor = visitors.come()
    run = parcel(visitor, "back")
    page = visitor.go(run)
    page.get_by_role("navigation", name="Views of this run").get_by_text("Events").click()
    expect(page.locator("ol.events")).to_be_visible()
    page.get_by_role("navigation", name="Views of this run").get_by_text("Graph").click()
    page.wait_for_url(re.compile("tab=graph"))
    page.get_by_role("navigation", name="Main").get_by_text("Workflows").click()
    page.wait_for_url(re.compile("/workflows/$"))

    for _ in range(3):
        page.go_back()
        expect(page.locator("header.top")).to_be_visible()
    assert page.url.endswith(run)
    assert visitor.complaints == []


def test_a_form_that_cannot_be_sent_says_so_and_keeps_what_was_typed(visitors: Visitors) -> None:
    visitor = visitors.come()
    page = visitor.go("/workflows/parcel/start/")
    page.get_by_label("Name").fill("to nobody")
    page.context.set_offline(True)
    page.get_by_role("button", name="Start run").click()

    said = page.get_by_role("alert")
    expect(said).to_contain_text("This could not be sent")
    expect(page.get_by_label("Name")).to_have_value("to nobody")
    expect(page.get_by_role("button", name="Start run")).to_be_enabled()

    page.context.set_offline(False)
    page.get_by_role("button", name="Start run").click()
    page.wait_for_url(RUN)


def test_a_list_where_nothing_matches_is_left_alone_until_something_does(
    visitors: Visitors,
) -> None:
    mine, other = visitors.come(), visitors.come()
    page = mine.go("/runs/?workflow=parcel&status=failed&q=nobody")
    expect(page.get_by_text("No run matches")).to_be_visible()
    page.evaluate("window.untouched = true")
    page.get_by_label("Id").fill("half an id")
    with page.expect_response(re.compile(r"rows=")):
        parcel(other, "elsewhere")
    page.wait_for_timeout(300)
    assert page.evaluate("window.untouched")
    expect(page.get_by_label("Id")).to_have_value("half an id")
    assert mine.complaints == []


def test_the_menu_does_not_stand_open_behind_the_dialog(visitors: Visitors) -> None:
    visitor = visitors.come(width=390)
    page = visitor.go(parcel(visitor, "menu"))
    page.locator("details.more > summary").click()
    page.locator("details.more").get_by_role("link", name="Delete run").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_be_visible()
    expect(page.locator("details.more")).not_to_have_attribute("open", re.compile(""))
    fold = dialog.locator("summary").bounding_box()
    assert fold is not None
    assert fold["height"] >= 44
    dialog.get_by_role("link", name="Keep it").click()
    expect(page.locator("details.more > summary")).to_be_focused()
