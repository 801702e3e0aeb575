"""Time travel in a browser: choosing on the small graph, with and without script."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Visitors
from tests.browser.test_live import parcel


@pytest.mark.parametrize("script", [True, False])
def test_a_step_is_chosen_on_the_small_graph_and_what_was_filled_in_stays(
    visitors: Visitors, *, script: bool
) -> None:
    run = parcel(visitors.come(), f"travel-{script}")
    visitor = visitors.come(script=script)
    page = visitor.go(f"{run}time-travel/")
    page.locator(".mini .pick", has_text="deliver").click()
    page.wait_for_url(re.compile(r"\?from=deliver"))
    page.get_by_role("button", name="Change", exact=True).first.click()
    page.get_by_label("Pieces").fill("7")
    page.get_by_role("button", name="Keep this value").click()
    page.get_by_label("In this run, on a new timeline").check()
    page.get_by_label("Why").fill("One was missing")

    page.locator(".mini .pick", has_text="weigh").click()

    page.wait_for_url(re.compile(r"\?from=weigh"))
    expect(page.locator(".picker [aria-current]")).to_contain_text("weigh")
    expect(page.locator("#kept")).to_contain_text("the input of deliver")
    expect(page.get_by_label("In this run, on a new timeline")).to_be_checked()
    expect(page.get_by_label("Why")).to_have_value("One was missing")
    page.locator(".picker button", has_text="deliver").click()
    expect(page.locator(".code.changed")).to_contain_text('"pieces": 7')
    page.get_by_role("button", name="Start and watch").click()
    page.wait_for_url(re.compile("/runs/[^/]+/$"))
    page.goto(f"{visitor.address}{run}?tab=audit")
    expect(page.locator("#panel")).to_contain_text("One was missing")
    assert visitor.complaints == []


def test_enter_in_the_reason_plans_and_chooses_nothing(visitors: Visitors) -> None:
    run = parcel(visitors.come(), "travel-enter")
    page = visitors.come().go(f"{run}time-travel/?from=deliver")
    page.get_by_label("Why").fill("Only so")

    with page.expect_navigation():
        page.get_by_label("Why").press("Enter")

    expect(page.locator(".picker [aria-current]")).to_contain_text("deliver")
    expect(page.get_by_label("Why")).to_have_value("Only so")
