"""`make screens`: pictures of every page and state, at desktop and phone width, light and dark.

Starts the product with the demo on a database of its own, acts as an operator would, and writes
PNG files to the folder that is named (default `.screens`). Pages that complain in the console, or
that are wider than the screen, are told of, and end the command with 1.
"""

import argparse
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from playwright.sync_api import Browser, Page, sync_playwright

from tests.product import product

#: Widths and themes: the name's end, CSS pixels, and whether it is dark.
LOOKS: Final = {
    "desktop-light": (1280, False),
    "desktop-dark": (1280, True),
    "phone-light": (390, False),
    "phone-dark": (390, True),
}
QUIET: Final = ["--no-sandbox", "--disable-gpu"]
#: The pictures that the README shows.
SHOWN: Final = ("run-graph", "run-timeline", "time-travel-plan", "inbox", "runs")


def main() -> int:
    """Make the pictures; return 1 if a page complained."""
    options = argparse.ArgumentParser()
    options.add_argument("--folder", type=Path, default=Path(".screens"))
    options.add_argument("--only", default="", help="names that contain this")
    options.add_argument("--readme", type=Path, help="also put the README's pictures there")
    asked = options.parse_args()
    asked.folder.mkdir(parents=True, exist_ok=True)
    os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        sys.stderr.write("There is no Chromium here; on Debian: apt install chromium\n")
        return 2
    with tempfile.TemporaryDirectory(prefix="signalbox-screens-") as scratch:
        place = Path(scratch)
        url = f"sqlite:///{place / 'screens.sqlite3'}"
        with product(url, place, {"SIGNALBOX_DEMO": "1"}) as made, sync_playwright() as playwright:
            made.up("--demo")
            browser = playwright.chromium.launch(executable_path=path, args=QUIET)
            cookies = _sign_in(browser, made.sign_in_link, made.address, place)
            pages = dict(_pages(browser, made.address, cookies))
            wanted = {name: where for name, where in pages.items() if asked.only in name}
            complaints = _shoot(browser, made.address, cookies, wanted, asked.folder)
            browser.close()
    if asked.readme is not None:
        asked.readme.mkdir(parents=True, exist_ok=True)
        for name in SHOWN:
            shutil.copy(asked.folder / f"{name}-desktop-light.png", asked.readme / f"{name}.png")
    for complaint in complaints:
        sys.stdout.write(complaint + "\n")
    sys.stdout.write(f"{len(wanted) * len(LOOKS)} pictures in {asked.folder}/\n")
    return 1 if complaints else 0


def _sign_in(browser: Browser, link: str, address: str, place: Path) -> str:
    context = browser.new_context()
    page = context.new_page()
    page.goto(link)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"{address}/**")
    kept = str(place / "cookies.json")
    context.storage_state(path=kept)
    context.close()
    return kept


def _pages(browser: Browser, address: str, cookies: str) -> Iterator[tuple[str, str]]:
    """Bring the demo into every state, and yield the pages' names and addresses."""
    context = browser.new_context(storage_state=cookies)
    page = context.new_page()
    time.sleep(4)  # the demo's runs reach where they wait
    page.goto(f"{address}/runs/?workflow=expense-approval&status=suspended")
    asking = _first_run(page)
    page.goto(f"{address}/runs/?workflow=expense-approval&status=success")
    done = _first_run(page)
    page.goto(f"{address}/runs/?workflow=csv-import")
    imported = _first_run(page)
    page.goto(f"{address}/runs/?workflow=release-check")
    checked = _first_run(page)
    canceled = _canceled(page, address, done)
    yield "overview", "/"
    yield "runs", "/runs/"
    yield "runs-failed", "/runs/?status=failed"
    yield "runs-nothing", "/runs/?workflow=nowhere"
    yield "run-suspended", f"/runs/{asking}/"
    for tab in ("graph", "timeline", "events", "data", "related", "audit"):
        yield f"run-{tab}", f"/runs/{imported}/?tab={tab}"
    yield "run-wide", f"/runs/{checked}/?tab=graph"
    yield "run-success", f"/runs/{done}/?tab=timeline"
    yield "run-canceled", f"/runs/{canceled}/?tab=audit"
    yield "run-playback", f"/runs/{done}/?tab=graph&at=6"
    yield "run-gone", "/runs/nobody/"
    first = _first_step(page, address, done)
    yield "step", f"/runs/{done}/steps/{quote(first)}/"
    for name in ("cancel", "retry", "restart", "proceed", "rerun", "delete"):
        yield f"act-{name}", f"/runs/{done}/{name}/"
    yield "act-cancel-possible", f"/runs/{asking}/cancel/"
    yield "time-travel", f"/runs/{done}/time-travel/"
    yield "time-travel-plan", f"/runs/{done}/time-travel/?from={quote(first)}"
    yield "compare", f"/runs/compare/?a={done}&b={asking}"
    yield "compare-empty", "/runs/compare/"
    yield "inbox", "/inbox/"
    yield "inbox-done", "/inbox/?tab=done"
    yield "workflows", "/workflows/"
    yield "workflow", "/workflows/expense-approval/"
    yield "start", "/workflows/expense-approval/start/"
    yield "schedules", "/schedules/"
    yield "workers", "/workers/"
    yield "audit", "/audit/"
    yield "settings", "/settings/"
    context.close()


def _first_run(page: Page) -> str:
    link = page.locator("tr[data-run] a.row-link").first
    return (link.get_attribute("href") or "").rstrip("/").rpartition("/")[2]


def _first_step(page: Page, address: str, run: str) -> str:
    page.goto(f"{address}/runs/{run}/time-travel/")
    link = page.locator(".picker a").nth(1)
    return (link.get_attribute("href") or "").partition("from=")[2]


def _canceled(page: Page, address: str, run: str) -> str:
    """Run one again and cancel it, so that there is one with a trail."""
    page.goto(f"{address}/runs/{run}/rerun/")
    page.locator("#confirm button.primary").click()
    page.wait_for_url("**/runs/*/")
    made = page.url.rstrip("/").rpartition("/")[2]
    page.goto(f"{address}/runs/{made}/cancel/")
    if page.locator("#confirm button.danger").count():
        page.locator("#confirm button.danger").click()
    return made


def _shoot(
    browser: Browser, address: str, cookies: str, pages: dict[str, str], folder: Path
) -> list[str]:
    complaints: list[str] = []
    for look, (width, is_dark) in LOOKS.items():
        context = browser.new_context(
            storage_state=cookies,
            viewport={"width": width, "height": 844 if width < 600 else 900},
            color_scheme="dark" if is_dark else "light",
        )
        page = context.new_page()
        said: list[str] = []
        page.on("console", partial(_note, said))
        page.on("pageerror", partial(_note_error, said))
        for name, where in pages.items():
            said.clear()
            page.goto(address + where)
            page.wait_for_timeout(150)
            page.screenshot(path=folder / f"{name}-{look}.png", full_page=True)
            wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
            if wide > 0:
                complaints.append(f"{name} {look}: {wide} px wider than the screen")
            expected = "404" if name == "run-gone" else None
            complaints += [
                f"{name} {look}: {text}" for text in said if not (expected and expected in text)
            ]
        context.close()
    return complaints


def _note_error(said: list[str], error: object) -> None:
    said.append(str(error))


def _note(said: list[str], message: Any) -> None:
    if message.type in {"error", "warning"}:
        said.append(message.text)


if __name__ == "__main__":
    sys.exit(main())
