"""The pages of operators in a real browser: schedules, workers and the audit trail."""

import os
import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.browser.conftest import Visitors

NIGHTLY = "/schedules/wf_nightly-report/"


def test_a_schedule_is_paused_in_a_dialog_and_unpaused_without_script(visitors: Visitors) -> None:
    visitor = visitors.come()
    page = visitor.go(NIGHTLY)
    page.get_by_role("link", name="Pause").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Runs that it has started go on.")
    dialog.get_by_label("Why").fill("<b>moving</b> house")
    dialog.get_by_role("button", name="Pause").click()

    expect(page.get_by_role("heading", level=1)).to_contain_text("paused")
    expect(page.get_by_text("Paused: <b>moving</b> house.")).to_be_visible()

    plain = visitors.come(script=False).go(NIGHTLY)
    plain.get_by_role("link", name="Unpause").click()
    plain.get_by_role("button", name="Unpause").click()
    expect(plain.get_by_role("heading", level=1)).to_contain_text("active")
    trail = visitor.go("/audit/?verb=pause-schedule")
    expect(trail.locator("tbody tr").first).to_contain_text("<b>moving</b> house")
    assert visitor.complaints == []


def test_a_triggered_run_is_in_the_history(visitors: Visitors) -> None:
    page = visitors.come(script=False).go(NIGHTLY)
    page.get_by_role("link", name="Trigger now").click()
    page.get_by_role("button", name="Trigger now").click()

    row = page.locator("tr[data-outcome=published]").first
    expect(row).to_contain_text("manual")
    row.get_by_role("link").click()
    page.wait_for_url(re.compile("/runs/[^/]+/$"))


def test_the_workers_are_asked_again_while_the_page_is_seen(visitors: Visitors) -> None:
    visitor = visitors.come()
    page = visitor.go("/workers/")
    page.evaluate("window.untouched = true")
    expect(page.locator("[data-pulse]")).to_contain_text("every 5 s")

    with page.expect_response(re.compile("/workers/$"), timeout=8000):
        pass
    expect(page.locator("#health-seen")).to_be_visible()
    page.evaluate(
        """() => {
            Object.defineProperty(document, "hidden", { configurable: true, get: () => true });
            window.asked = 0;
            document.addEventListener("htmx:beforeSend", () => { window.asked += 1; });
        }"""
    )
    page.wait_for_timeout(6000)
    assert page.evaluate("window.asked") == 0
    page.evaluate("delete document.hidden; document.dispatchEvent(new Event('visibilitychange'))")
    page.wait_for_function("window.asked > 0")
    assert page.evaluate("window.untouched")
    assert visitor.complaints == []


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [1280, 390])
def test_no_page_breaks_a_rule_of_accessibility(visitors: Visitors, width: int, dark: bool) -> None:
    visitor = visitors.come(width=width, dark=dark)
    for path in [
        "/schedules/", NIGHTLY, f"{NIGHTLY}pause/", f"{NIGHTLY}trigger/", "/workers/", "/audit/",
        "/audit/?person=nobody",
    ]:  # fmt: skip
        page = visitor.go(path)
        if folder := os.environ.get("SHOTS"):
            name = path.strip("/").replace("/", "-").replace("?", "-")
            page.screenshot(path=f"{folder}/{name}-{width}-{dark}.png")
        found = Axe().run(page)
        assert found.violations_count == 0, f"{path}: {found.generate_report()}"
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
    assert visitor.complaints == []
