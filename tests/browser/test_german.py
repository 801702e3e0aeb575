"""The journey of an expense in German, beside somebody who reads English."""

import os
import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Visitors
from tests.browser.test_journey import OVER_THE_LIMIT, fill, run_status

PAGES = ("/", "/runs/", "/inbox/?tab=all", "/workflows/", "/schedules/", "/workers/", "/audit/",
         "/settings/", "/settings/tokens/", "/runs/compare/")  # fmt: skip
TABS = ("graph", "timeline", "events", "data", "related", "audit")
#: What reaches beyond the window to the right.
WIDE = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
#: Where pictures go, for people who want to look at them.
SCREENS = os.environ.get("SIGNALBOX_SCREENS")


def look(page: Page, name: str, width: int) -> None:
    """Check that the page is German and no wider than its window."""
    expect(page.locator("html")).to_have_attribute("lang", "de")
    assert page.evaluate(WIDE) <= 0, name
    if SCREENS:
        file = re.sub(r"\W+", "-", name).strip("-") or "overview"
        page.screenshot(path=Path(SCREENS) / f"de-{file}-{width}.png", full_page=True)


@pytest.mark.parametrize("width", [1280, 390])
def test_a_run_is_seen_in_german_and_english_at_once(visitors: Visitors, width: int) -> None:
    anna = visitors.come(width=width, language="de-DE")
    other = visitors.come(width=width, language="en-GB")
    page = anna.go("/workflows/expense-approval/start/")
    look(page, "start", width)
    fill(page, OVER_THE_LIMIT)
    page.get_by_role("button", name="Starten und zusehen").click()
    page.wait_for_url(re.compile("/runs/[^/]+/$"))
    run = page.url.removeprefix(anna.address)
    page.evaluate("window.untouched = true")
    expect(run_status(page)).to_contain_text("angehalten")
    expect(page.locator("[data-pulse-word]")).to_have_text("live")
    expect(page.locator("[data-pulse]")).to_have_attribute("title", re.compile("von selbst"))
    look(page, "run asking", width)

    seen = other.go(run)
    expect(run_status(seen)).to_contain_text("suspended")
    seen.get_by_label("Comment").fill("Keep the ticket")
    seen.get_by_role("button", name="Send answer").click()

    expect(run_status(page)).to_contain_text("erfolgreich")
    expect(run_status(seen)).to_contain_text("success")
    assert page.evaluate("window.untouched"), "the page was reloaded"
    expect(page.locator("time[data-ago]").first).to_contain_text(re.compile("vor|gerade"))
    look(page, "run done", width)
    for tab in TABS:
        look(anna.go(f"{run}?tab={tab}"), f"run {tab}", width)
    look(anna.go(f"{run}rerun/"), "rerun", width)
    look(anna.go(f"{run}time-travel/"), "time travel", width)
    for where in PAGES:
        look(anna.go(where), where, width)
    assert anna.complaints == []
    assert other.complaints == []
