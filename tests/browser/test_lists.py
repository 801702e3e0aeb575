"""The list of runs in a browser: by keyboard, with marks, columns and what its rows offer."""

import re

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.browser.conftest import Visitors


def start(page: Page, name: str) -> str:
    """Start a parcel and return its run's id, once it stands still."""
    page.get_by_label("Name").fill(name)
    page.get_by_role("button", name="Start and watch").click()
    page.wait_for_url(re.compile("/runs/[^/]+/$"))
    return page.url.rstrip("/").rpartition("/")[2]


def test_a_list_is_gone_through_and_marked_by_keyboard(visitors: Visitors) -> None:
    visitor = visitors.come()
    runs = [start(visitor.go("/workflows/parcel/start/"), f"keys {n}") for n in range(3)][::-1]
    page = visitor.go("/runs/?workflow=parcel")
    links = page.locator("a.row-link")
    compare = page.get_by_role("button", name="Compare two marked runs")
    expect(compare).to_be_hidden()

    page.keyboard.press("j")
    expect(links.nth(0)).to_be_focused()
    page.keyboard.press("x")
    expect(page.locator("[data-mark]").nth(0)).to_be_checked()
    one_more = page.get_by_role("button", name="Mark one more run to compare")
    expect(one_more).to_be_disabled()
    expect(one_more).to_be_in_viewport()
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("k")
    expect(links.nth(1)).to_be_focused()
    page.keyboard.press("x")
    assert Axe().run(page).violations_count == 0
    expect(compare).to_be_visible()
    compare.click()
    expect(page.get_by_label("Run A")).to_have_value(runs[1])
    expect(page.get_by_label("Run B")).to_have_value(runs[0])

    page = visitor.go("/runs/?workflow=parcel")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/runs/{runs[0]}/")
    assert visitor.complaints == []


def test_columns_are_chosen_and_a_row_offers_what_fits_its_run(visitors: Visitors) -> None:
    visitor = visitors.come()
    run = start(visitor.go("/workflows/parcel/start/"), "columns")
    page = visitor.go("/runs/?workflow=parcel")
    row = page.locator("tr[data-run]").first
    expect(row).to_contain_text("columns")

    page.get_by_text("Columns", exact=True).click()
    page.get_by_label("Input").uncheck()
    page.get_by_label("Timeline").check()
    page.get_by_role("button", name="Show these").click()
    expect(page.get_by_role("columnheader", name="Timeline")).to_be_visible()
    expect(page.get_by_role("columnheader", name="Input")).to_have_count(0)
    expect(page).to_have_url(re.compile("workflow=parcel"))

    row.locator(".row-actions a").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text(run)
    dialog.locator("[data-close]").first.click()
    expect(dialog).to_be_hidden()
    assert visitor.complaints == []
