"""The journey of an expense: started with a form, watched live, answered elsewhere, finished."""

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.browser.conftest import Visitors
from tests.product import Product

OVER_THE_LIMIT = "750.50"


def fill(page: Page, amount: str) -> None:
    """Type an expense into the start form."""
    page.get_by_label("Who paid").fill("Ana")
    page.get_by_label("What for").fill("Train to Utrecht")
    page.get_by_label("Amount").fill(amount)
    page.get_by_role("radio", name="travel").check()
    page.get_by_label("Spent on").fill("2026-11-02")


def start(page: Page) -> None:
    """Press the button that starts the run."""
    page.get_by_role("button", name="Start and watch").click()


def run_status(page: Page):
    """Return the status beside the run's title."""
    return page.locator("h1 .status")


def test_signing_in_works_by_the_link_and_only_once(installed: Product, visitors: Visitors) -> None:
    context = visitors._chromium.new_context()
    page = context.new_page()

    page.goto(installed.sign_in_link)

    gone = re.compile("used|no longer|expired", re.IGNORECASE)
    expect(page.locator("body")).to_contain_text(gone)
    page.goto(installed.address + "/runs/")
    expect(page).to_have_url(re.compile("/sign-in/"))
    context.close()


@pytest.mark.parametrize("width", [1280, 390])
def test_an_expense_is_started_answered_in_a_second_browser_and_seen_to_end_in_the_first(
    visitors: Visitors, width: int
) -> None:
    ana, manager = visitors.come(width=width), visitors.come(width=width, dark=True)
    page = ana.go("/workflows/expense-approval/start/")
    fill(page, OVER_THE_LIMIT)
    start(page)
    page.wait_for_url(re.compile("/runs/[^/]+/$"))
    page.evaluate("window.untouched = true")
    expect(run_status(page)).to_contain_text("suspended")

    other = manager.go(page.url.removeprefix(ana.address))
    other.get_by_label("Comment").fill("Keep the ticket")
    other.get_by_role("button", name="Send answer").click()

    expect(run_status(page)).to_contain_text("success")
    assert page.evaluate("window.untouched"), "the page was reloaded"
    expect(page.locator("#values")).to_contain_text("Keep the ticket")
    expect(run_status(other)).to_contain_text("success")
    assert ana.complaints == []
    assert manager.complaints == []


def test_a_bad_amount_shows_its_error_beside_the_field_and_keeps_what_was_typed(
    visitors: Visitors,
) -> None:
    page = visitors.come().go("/workflows/expense-approval/start/")
    fill(page, "-5")

    start(page)

    amount = page.get_by_label("Amount")
    expect(amount).to_have_attribute("aria-invalid", "true")
    described = amount.get_attribute("aria-describedby") or ""
    told = " ".join(page.locator(f'[id="{name}"]').inner_text() for name in described.split())
    assert "greater than 0" in told or "more than 0" in told or "above 0" in told, told
    expect(amount).to_have_value("-5")
    expect(page.get_by_label("Who paid")).to_have_value("Ana")
    expect(page.get_by_label("Spent on")).to_have_value("2026-11-02")


def test_the_same_journey_works_with_script_switched_off(visitors: Visitors) -> None:
    page = visitors.come(script=False).go("/workflows/expense-approval/start/")
    fill(page, "-5")
    start(page)
    expect(page.get_by_label("Amount")).to_have_value("-5")
    page.get_by_label("Amount").fill(OVER_THE_LIMIT)
    start(page)
    page.wait_for_url(re.compile("/runs/[^/]+/$"))
    _refresh_until(page, "suspended")

    page.get_by_label("Comment").fill("Keep the ticket")
    page.get_by_role("button", name="Send answer").click()

    _refresh_until(page, "success")
    expect(page.locator("#values")).to_contain_text("Keep the ticket")


def test_a_run_is_canceled_after_a_page_has_said_what_will_happen(visitors: Visitors) -> None:
    page = visitors.come(script=False).go("/workflows/expense-approval/start/")
    fill(page, OVER_THE_LIMIT)
    start(page)
    _refresh_until(page, "suspended")

    page.get_by_text("More", exact=True).click()
    page.get_by_role("link", name="Cancel run").click()
    expect(page.locator("main")).to_contain_text("What was asked can no longer be answered")
    page.get_by_role("button", name="Cancel run").click()

    _refresh_until(page, "canceled")


def test_a_question_answered_elsewhere_says_so_and_changes_nothing(visitors: Visitors) -> None:
    page = visitors.come(script=False).go("/workflows/expense-approval/start/")
    fill(page, OVER_THE_LIMIT)
    start(page)
    _refresh_until(page, "suspended")
    late = visitors.come(script=False).go(page.url.removeprefix(visitors._address))

    page.get_by_role("button", name="Send answer").click()
    _refresh_until(page, "success")
    late.get_by_label("Comment").fill("Too late")
    late.get_by_role("button", name="Send answer").click()

    expect(late.locator("main")).to_contain_text(re.compile("answered", re.IGNORECASE))


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [1280, 390])
def test_no_page_breaks_a_rule_of_accessibility(visitors: Visitors, width: int, dark: bool) -> None:
    visitor = visitors.come(width=width, dark=dark)
    page = visitor.go("/workflows/expense-approval/start/")
    fill(page, OVER_THE_LIMIT)
    start(page)
    page.wait_for_url(re.compile("/runs/[^/]+/$"))
    expect(run_status(page)).to_contain_text("suspended")
    run = page.url.removeprefix(visitor.address)
    pages = [
        run, f"{run}cancel/", "/runs/", "/workflows/", "/workflows/expense-approval/",
        "/workflows/expense-approval/start/",
    ]  # fmt: skip

    for path in pages:
        visitor.go(path)
        found = Axe().run(page)
        assert found.violations_count == 0, f"{path}: {found.generate_report()}"
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
    assert visitor.complaints == []


def _refresh_until(page: Page, status: str) -> None:
    """Press Refresh, as somebody without script does, until the run has this status."""
    for _ in range(40):
        if status in run_status(page).inner_text():
            return
        page.wait_for_timeout(250)
        page.get_by_role("link", name="Refresh").click()
    expect(run_status(page)).to_contain_text(status)
