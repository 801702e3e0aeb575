"""Deciding about a step whose attempts are used up, on the page of the run and in the inbox."""

import os
import re
from pathlib import Path

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.browser.conftest import Visitor, Visitors

RUN = re.compile("/runs/[^/]+/$")
PICTURES = os.environ.get("SIGNALBOX_PICTURES")


def broken(visitor: Visitor) -> Page:
    """Start a run whose step has no attempts left; return its page."""
    page = visitor.go("/workflows/scales/start/")
    page.get_by_label("Weight").fill("13")
    page.get_by_label("Weight").press("Enter")
    page.wait_for_url(RUN)
    heading = page.get_by_role("heading", name=re.compile("weigh is asking: All attempts failed"))
    expect(heading).to_be_visible(timeout=30_000)
    return page


def test_another_input_is_typed_refused_put_right_and_taken(visitors: Visitors) -> None:
    visitor = visitors.come()
    page = broken(visitor)
    expect(page.get_by_text("1 attempt failed, and no attempt is left.")).to_be_visible()
    weight = page.get_by_label("Weight")
    expect(weight).to_have_value("13")
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    if PICTURES:
        page.screenshot(path=str(Path(PICTURES) / "decision.png"), full_page=True)

    page.get_by_role("button", name="Retry", exact=True).click()
    expect(page.locator(".flashes")).to_be_visible(timeout=15_000)
    expect(page.locator("h1 .status")).to_contain_text("suspended")
    weight.fill("")
    page.get_by_role("button", name="Retry with this input").click()
    expect(page.locator(".summary-of-errors")).to_be_visible()
    expect(page.get_by_role("button", name="Give this result")).to_be_visible()

    # What is typed comes back after a reload.
    page.get_by_label("Weight").fill("12")
    page.reload()
    expect(page.get_by_label("Weight")).to_have_value("12")
    page.get_by_label("Weight").press("Enter")
    expect(page.locator("h1 .status")).to_contain_text("success", timeout=30_000)
    assert visitor.complaints == [] or all("422" in each for each in visitor.complaints)


def test_a_result_is_given_in_the_inbox_and_another_one_is_let_fail(visitors: Visitors) -> None:
    visitor = visitors.come(language="de")
    page = visitor.go("/workflows/scales/start/")
    page.get_by_label("Weight").fill("13")
    page.get_by_label("Weight").press("Enter")
    page.wait_for_url(RUN)
    expect(page.get_by_role("button", name="Dieses Ergebnis geben")).to_be_visible(timeout=30_000)
    page.get_by_label("Grams").fill("13")
    page.get_by_role("button", name="Dieses Ergebnis geben").click()
    expect(page.get_by_text(re.compile("Ergebnis von "))).to_be_visible(timeout=30_000)

    other = visitors.come(script=False)
    page = broken(other)
    run = page.url
    other.go("/inbox/")
    page.get_by_role("link", name=re.compile("All attempts failed")).first.click()
    page.get_by_role("button", name="Fail", exact=True).click()
    page.goto(run)
    expect(page.locator("h1 .status")).to_contain_text("failed")
