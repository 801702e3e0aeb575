"""A step beside the page of its run: opened, followed, closed, and a page of its own elsewhere."""

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.browser.conftest import Visitors
from tests.browser.test_graph import begun
from tests.browser.test_live import parcel


@pytest.mark.parametrize("dark", [False, True])
def test_a_row_of_the_timeline_opens_its_step_beside_it(visitors: Visitors, *, dark: bool) -> None:
    visitor = visitors.come(dark=dark)
    run = parcel(visitor, f"drawer-{dark}")
    page = visitor.go(f"{run}?tab=timeline")
    link = page.locator(".timeline a.step-name", has_text="weigh")
    link.focus()

    page.keyboard.press("Enter")

    drawer = page.locator("#drawer")
    expect(drawer.locator("#drawer-title")).to_contain_text("weigh")
    expect(drawer.get_by_role("button", name="Close")).to_be_focused()
    expect(page).to_have_url(re.compile("tab=timeline&step=weigh"))
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.locator(".timeline a.step-name", has_text="deliver").click()
    expect(drawer.locator("#drawer-title")).to_contain_text("deliver")
    page.keyboard.press("Escape")
    expect(drawer).to_be_hidden()
    expect(page.locator(".timeline a.step-name", has_text="deliver")).to_be_focused()
    assert "step=" not in page.url
    assert visitor.complaints == []


def test_the_address_opens_it_again_and_its_link_is_a_page(visitors: Visitors) -> None:
    visitor = visitors.come()
    run = parcel(visitor, "drawer-again")

    page = visitor.go(f"{run}?tab=graph&step=deliver")

    expect(page.locator("#drawer-title")).to_contain_text("deliver")
    page.get_by_role("link", name="Data", exact=True).click()
    expect(page).to_have_url(re.compile("tab=data&step=deliver"))
    page.get_by_role("link", name="Open as a page").click()
    page.wait_for_url(f"**{run}steps/deliver/")
    assert visitor.complaints == []


def test_a_box_of_the_graph_opens_its_step_and_escape_gives_the_focus_back(
    visitors: Visitors,
) -> None:
    visitor = visitors.come()
    page = begun(visitor)

    page.locator(".node", has_text="judge").click()
    expect(page.locator("#drawer-title")).to_contain_text("judge")
    expect(page.locator("#drawer-title")).to_contain_text("suspended")
    page.keyboard.press("Escape")

    expect(page.locator("[data-graph]")).to_be_focused()
    assert visitor.complaints == []


def test_it_follows_the_run(visitors: Visitors) -> None:
    visitor = visitors.come()
    page = begun(visitor)
    page.locator(".node", has_text="judge").click()
    expect(page.locator("#drawer-title")).to_contain_text("suspended")

    other = visitors.come().go(page.url.removeprefix(visitor.address).partition("?")[0])
    other.get_by_label("Yes").check()
    other.get_by_role("button", name="Send answer").click()

    expect(page.locator("#drawer-title")).to_contain_text("success")
    assert visitor.complaints == []


@pytest.mark.parametrize(("script", "width"), [(False, 1280), (True, 390)])
def test_elsewhere_the_step_has_a_page_of_its_own(
    visitors: Visitors, *, script: bool, width: int
) -> None:
    run = parcel(visitors.come(), f"drawer-page-{script}")
    page = visitors.come(script=script, width=width).go(f"{run}?tab=timeline")

    page.locator(".timeline a.step-name", has_text="weigh").click()

    page.wait_for_url(f"**{run}steps/weigh/")
