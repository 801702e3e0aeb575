"""Every page and state of the product, for its pictures and for what every page must hold to."""

import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from urllib.parse import quote

from playwright.sync_api import Browser, BrowserContext, Page

#: Widths and themes: the name's end, CSS pixels, and whether it is dark.
LOOKS: Final = {
    "desktop-light": (1280, False),
    "desktop-dark": (1280, True),
    "phone-light": (390, False),
    "phone-dark": (390, True),
}
#: The environment of the product that has these pages; it begins with `up --demo`.
ENVIRONMENT: Final = {"SIGNALBOX_DEMO": "1", "WORKFLOWS_MODULES": "tests.browser.flows"}
#: Answered with a page of their own, and with a status that browsers report.
GONE: Final = ("run-gone",)

SCHEDULE: Final = "/schedules/wf_nightly-report/"


def look(browser: Browser, cookies: str, name: str) -> BrowserContext:
    """Return a signed-in browser of one width and theme."""
    width, is_dark = LOOKS[name]
    return browser.new_context(
        storage_state=cookies,
        viewport={"width": width, "height": 844 if width < 600 else 900},
        color_scheme="dark" if is_dark else "light",
    )


def sign_in(browser: Browser, link: str, address: str, place: Path) -> str:
    """Follow the link; return the file that keeps the cookies."""
    context = browser.new_context()
    page = context.new_page()
    page.goto(link)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"{address}/**")
    kept = str(place / "cookies.json")
    context.storage_state(path=kept)
    context.close()
    return kept


def pages(browser: Browser, address: str, cookies: str) -> dict[str, str]:
    """Bring the demo into every state; return the pages' names and addresses."""
    context = browser.new_context(storage_state=cookies)
    page = context.new_page()
    try:
        return dict(_pages(page, address))
    finally:
        context.close()


def _pages(page: Page, address: str) -> Iterator[tuple[str, str]]:
    failed = _failed(page, address)
    asking = _first_run(page, f"{address}/runs/?workflow=expense-approval&status=suspended")
    done = _first_run(page, f"{address}/runs/?workflow=expense-approval&status=success")
    imported = _first_run(page, f"{address}/runs/?workflow=csv-import")
    checked = _first_run(page, f"{address}/runs/?workflow=release-check")
    canceled = _canceled(page, address, done)
    item = _item(page, address)
    first = _first_step(page, address, done)
    page.goto(f"{address}{SCHEDULE}trigger/")
    page.locator("#confirm button.primary").click()
    yield "overview", "/"
    yield "runs", "/runs/"
    yield "runs-failed", "/runs/?status=failed"
    yield "runs-nothing", "/runs/?workflow=nowhere"
    yield "run-suspended", f"/runs/{asking}/"
    yield "run-failed", f"/runs/{failed}/"
    yield "run-failed-timeline", f"/runs/{failed}/?tab=timeline&errors=1"
    for tab in ("graph", "timeline", "events", "data", "related", "audit"):
        yield f"run-{tab}", f"/runs/{imported}/?tab={tab}"
    yield "run-wide", f"/runs/{checked}/?tab=graph"
    yield "run-success", f"/runs/{done}/?tab=timeline"
    yield "run-canceled", f"/runs/{canceled}/?tab=audit"
    yield "run-playback", f"/runs/{done}/?tab=graph&at=6"
    yield "run-log", f"/runs/{done}/log/"
    yield "run-gone", "/runs/nobody/"
    yield "step", f"/runs/{done}/steps/{quote(first)}/"
    for name in ("cancel", "retry", "restart", "proceed", "rerun", "delete"):
        yield f"act-{name}", f"/runs/{done}/{name}/"
    yield "act-cancel-possible", f"/runs/{asking}/cancel/"
    yield "act-retry-possible", f"/runs/{failed}/retry/"
    yield "time-travel", f"/runs/{done}/time-travel/"
    yield "time-travel-plan", f"/runs/{done}/time-travel/?from={quote(first)}"
    yield "compare", f"/runs/compare/?a={done}&b={asking}"
    yield "compare-empty", "/runs/compare/"
    yield "inbox", "/inbox/"
    yield "inbox-item", item
    yield "inbox-mine", "/inbox/?tab=mine"
    yield "inbox-done", "/inbox/?tab=done"
    yield "workflows", "/workflows/"
    yield "workflow", "/workflows/expense-approval/"
    yield "start", "/workflows/expense-approval/start/"
    yield "start-again", f"/workflows/expense-approval/start/?from={done}"
    yield "schedules", "/schedules/"
    yield "schedule", SCHEDULE
    yield "schedule-pause", f"{SCHEDULE}pause/"
    yield "schedule-trigger", f"{SCHEDULE}trigger/"
    yield "workers", "/workers/"
    yield "audit", "/audit/"
    yield "audit-nothing", "/audit/?person=nobody"
    yield "settings", "/settings/"


def _first_run(page: Page, where: str, seconds: float = 30) -> str:
    """Return the newest run of a list, once there is one."""
    deadline = time.monotonic() + seconds
    link = page.locator("tr[data-run] a.row-link").first
    while True:
        page.goto(where)
        if link.count():
            return (link.get_attribute("href") or "").rstrip("/").rpartition("/")[2]
        if time.monotonic() > deadline:
            raise AssertionError(f"No run came to {where}")
        page.wait_for_timeout(250)


def _failed(page: Page, address: str) -> str:
    page.goto(f"{address}/workflows/parcel/start/")
    page.get_by_label("Name").fill("broken")
    page.get_by_role("button", name="Start run").click()
    page.wait_for_url(re.compile("/runs/[^/]+/$"))
    return _first_run(page, f"{address}/runs/?workflow=parcel&status=failed")


def _first_step(page: Page, address: str, run: str) -> str:
    page.goto(f"{address}/runs/{run}/time-travel/")
    link = page.locator(".picker a").nth(1)
    return (link.get_attribute("href") or "").partition("from=")[2]


def _item(page: Page, address: str) -> str:
    page.goto(f"{address}/inbox/?tab=all")
    return page.locator("a.ask-link").first.get_attribute("href") or ""


def _canceled(page: Page, address: str, run: str) -> str:
    """Run one again and cancel it, so that there is one with a trail."""
    page.goto(f"{address}/runs/{run}/rerun/")
    page.locator("#confirm button.primary").click()
    page.wait_for_url(re.compile("/runs/[^/]+/$"))
    made = page.url.rstrip("/").rpartition("/")[2]
    page.goto(f"{address}/runs/{made}/cancel/")
    if page.locator("#confirm button.danger").count():
        page.locator("#confirm button.danger").click()
    return made
