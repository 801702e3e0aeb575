"""The inbox in a browser: keys, live rows, and a form that is answered elsewhere."""

import os
import re
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.browser.conftest import Visitors
from tests.browser.test_journey import OVER_THE_LIMIT, fill, run_status, start

#: Where to keep pictures of the pages, for people to look at.
PICTURES = os.environ.get("SIGNALBOX_PICTURES")


def ask(page: Page, address: str) -> None:
    """Start an expense that has to be approved, and wait for its question."""
    page.goto(f"{address}/workflows/expense-approval/start/")
    fill(page, OVER_THE_LIMIT)
    start(page)
    page.wait_for_url(re.compile("/runs/[^/]+/$"))
    expect(run_status(page)).to_contain_text("suspended")


def keep(page: Page, name: str) -> None:
    if PICTURES:
        page.screenshot(path=str(Path(PICTURES) / f"{name}.png"))


def test_a_question_that_is_answered_elsewhere_greys_and_keeps_what_was_typed(
    visitors: Visitors,
) -> None:
    ana, eva = visitors.come(), visitors.come(dark=True)
    ask(ana.page, ana.address)
    mine, hers = ana.go("/inbox/?tab=all"), eva.go("/inbox/?tab=all")
    for page in (mine, hers):
        page.locator("a.ask-link").last.click()
        page.wait_for_url(re.compile("item="))
    mine.evaluate("window.untouched = true")
    mine.get_by_label("Comment").fill("My half of a sentence")

    hers.get_by_label("Comment").fill("Keep the ticket")
    hers.get_by_role("button", name="Send answer").click()

    row = mine.locator(".ask[data-gone]")
    expect(row).to_contain_text("answered by admin")
    expect(mine.get_by_label("Comment")).to_have_value("My half of a sentence")
    expect(mine.get_by_label("Comment")).to_be_disabled()
    expect(mine.locator("[data-answered]")).to_be_visible()
    expect(mine.locator("#inbox-detail")).to_contain_text("Answered by admin")
    assert mine.evaluate("window.untouched"), "the page was reloaded"
    hers.wait_for_url(re.compile(r"/inbox/\?tab=all"))
    assert ana.complaints == []
    assert eva.complaints == []
    keep(mine, "inbox-answered-elsewhere")


def test_a_new_question_joins_the_list_and_keys_move_and_open(visitors: Visitors) -> None:
    ana, eva = visitors.come(), visitors.come()
    ask(eva.page, eva.address)
    page = ana.go("/inbox/")
    number = page.locator(".ask").count()

    ask(eva.page, eva.address)

    expect(page.locator(".ask")).to_have_count(number + 1)
    expect(page.locator("#announcer")).to_contain_text("A new question: Train to Utrecht")
    expect(page).to_have_title(f"Inbox ({number + 1}) · Signalbox")
    expect(page.locator("[data-inbox-count]")).to_have_text(str(number + 1))
    page.keyboard.press("j")
    expect(page.locator("a.ask-link").first).to_be_focused()
    page.keyboard.press("j")
    expect(page.locator("a.ask-link").nth(1)).to_be_focused()
    page.keyboard.press("k")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("item="))
    expect(page.get_by_role("button", name="Send answer")).to_be_visible()
    keep(page, "inbox")
    page.get_by_role("button", name="Claim").click()
    expect(page.locator(".claim")).to_contain_text("Claimed by you")
    page.get_by_role("button", name="Release").click()
    expect(page.get_by_role("button", name="Claim")).to_be_visible()
    assert ana.complaints == []


def test_the_inbox_works_without_script(visitors: Visitors) -> None:
    ask(visitors.come().page, visitors.come().address)
    page = visitors.come(script=False).go("/inbox/")

    page.locator("a.ask-link").last.click()  # the newest: others may be of other tests
    page.get_by_role("button", name="Claim").click()
    expect(page.locator(".claim")).to_contain_text("Claimed by you")
    page.get_by_role("button", name="Send answer", exact=True).last.click()

    page.wait_for_url(re.compile(r"/inbox/\?tab="))


@pytest.mark.parametrize("script", [True, False])
def test_a_question_is_put_off_and_that_is_undone(visitors: Visitors, *, script: bool) -> None:
    asking = visitors.come()
    ask(asking.page, asking.address)
    visitor = visitors.come(script=script)
    page = visitor.go("/inbox/?tab=open&sort=newest")
    key = page.locator(".ask").first.get_attribute("data-row")
    page.locator("a.ask-link").first.click()
    page.locator(".later summary").click()
    page.get_by_role("button", name="For an hour").click()

    expect(page.locator(".flashes")).to_contain_text("Put off until")
    expect(page.locator(f"#ask-{key}")).to_have_count(0)
    page.get_by_role("button", name="Undo").click()
    page.wait_for_url(re.compile("tab=all"))
    expect(page.locator(f"#ask-{key}")).to_be_visible()
    expect(page.locator(".ask-head")).not_to_contain_text("You have put it off")
    assert visitor.complaints == []


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [1280, 390])
def test_inbox_and_overview_break_no_rule_of_accessibility(
    visitors: Visitors, width: int, dark: bool
) -> None:
    visitor = visitors.come(width=width, dark=dark)
    page = visitor.page
    ask(page, visitor.address)
    visitor.go("/inbox/").locator("a.ask-link").last.click()
    page.wait_for_url(re.compile("item="))
    item = page.url.removeprefix(visitor.address)

    for number, path in enumerate((item, "/inbox/", "/inbox/?tab=mine", "/inbox/?tab=done", "/")):
        visitor.go(path)
        keep(page, f"page-{number}-{width}-{'dark' if dark else 'light'}")
        found = Axe().run(page)
        assert found.violations_count == 0, f"{path}: {found.generate_report()}"
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
    assert visitor.complaints == []
