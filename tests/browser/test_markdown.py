"""Questions in Markdown in a real browser cannot do what they must not."""

import os
import re
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.browser.conftest import Visitor, Visitors
from tests.browser.test_journey import run_status, start
from tests.pages import ASKED

#: Where to keep pictures of the pages, for people to look at.
PICTURES = os.environ.get("SIGNALBOX_PICTURES")

EVIL = """# Pay <img src="https://elsewhere.example/a.png" onerror="window.ran = 1">?

<script>window.ran = 1</script>

[link](javascript:window.ran=1) [data](data:text/html,<script>window.ran=1</script>)
![dot](https://elsewhere.example/b.png) ![in](data:image/png;base64,AAAA)
<svg onload="window.ran = 1"></svg> <a href="#" onclick="window.ran = 1">click</a>
"""


def read(visitor: Visitor, text: str) -> tuple[str, str, str]:
    """Ask with these words; return the addresses of the pages that show them."""
    page = visitor.go("/workflows/reading/start/")
    page.locator("[name='data.text']").fill(text)
    start(page)
    page.wait_for_url(re.compile("/runs/[^/]+/$"))
    expect(run_status(page)).to_contain_text("suspended")
    run = page.url.removeprefix(visitor.address)
    form = page.locator("form.schema-form").first.get_attribute("action") or ""
    item = form.rstrip("/").rpartition("/")[2]
    return run, f"/inbox/?tab=all&item={item}", f"{run}answer/{item}/"


def test_nothing_in_a_question_runs_or_is_loaded(visitors: Visitors) -> None:
    visitor = visitors.come()
    asked: list[str] = []
    visitor.page.on("request", lambda request: asked.append(request.url))

    for address in read(visitor, EVIL):
        page = visitor.go(address)
        expect(page.locator("main")).to_contain_text("<script>window.ran = 1</script>")
        assert page.evaluate("window.ran") is None
        assert page.locator("main img, main script, main [onclick]").count() == 0
        links = page.locator(":is(.words, h2, .asked) a")
        hrefs = [one.get_attribute("href") for one in links.all()]
        assert all(href is None or href.startswith("https://") for href in hrefs), hrefs

    assert all(url.startswith(visitor.address) for url in asked), asked
    assert visitor.complaints == []


@pytest.mark.parametrize(("width", "dark"), [(1280, False), (390, True)])
def test_a_question_in_markdown_is_read_well_by_everybody(
    visitors: Visitors, width: int, *, dark: bool
) -> None:
    visitor = visitors.come(width=width, dark=dark)

    for address in read(visitor, ASKED):
        page = visitor.go(address)
        expect(page.locator(".words table")).to_be_visible()
        _holds(page, address)
        if PICTURES:
            name = f"markdown-{address.strip('/').partition('/')[0]}-{width}.png"
            page.screenshot(path=str(Path(PICTURES) / name), full_page=True)
    assert visitor.complaints == []


def _holds(page: Page, address: str) -> None:
    found = Axe().run(page)
    assert found.violations_count == 0, f"{address}: {found.generate_report()}"
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), address
