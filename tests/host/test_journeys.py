"""A person's way through the pages of a project, in Chromium: live, and over WSGI by asking."""

import re
from pathlib import Path
from typing import Final

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.host.projects import EMAIL, PASSWORD, Installed, Project

#: The buttons that send a form, apart from the one that Enter presses.
SEND: Final = "button[name=op][value^=send]:not(.unseen)"


@pytest.fixture
def project(installed: Installed, tmp_path: Path) -> Project:
    """A project with a person and no runs."""
    made = Project(installed, tmp_path / "shop")
    made.prepare()
    return made


def _signed_in(chromium: Browser, project: Project) -> Page:
    """Return the start form's page, after the host's own door."""
    page = chromium.new_context().new_page()
    page.set_default_timeout(30_000)
    page.goto(f"{project.address}/ops/workflows/orders/start/")
    assert "/door/" in page.url
    page.get_by_label("Email").or_(page.locator("[name=username]")).first.fill(EMAIL)
    page.locator("[name=password]").fill(PASSWORD)
    page.get_by_role("button", name="Anmelden").click()
    page.wait_for_url("**/ops/workflows/orders/start/")
    return page


def _journey(page: Page, pulse: str) -> None:
    """Start, watch, answer, travel in time."""
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.locator("[name='data.id']").fill("o1")
    page.locator("[name='data.total']").fill("1234.5")
    page.locator(f"form {SEND}").first.click()
    page.wait_for_url(re.compile(r"/ops/runs/[^/]+/"))
    page.locator(f"[data-pulse][data-state={pulse}]").wait_for()
    answer = page.locator("form[action*='/answer/']").first
    answer.locator("input[name$='approved'][value=true]").check()
    answer.locator(SEND).first.click()
    expect(page.locator("h1 .status")).to_have_attribute("data-status", "success", timeout=30_000)
    run = page.url.partition("?")[0].partition("#")[0]
    page.goto(f"{run}time-travel/?from=charge")
    page.locator("button[name=op][value=start]").first.click()
    page.wait_for_url(lambda url: "time-travel" not in url)
    expect(page.locator("h1 .status")).to_have_attribute("data-status", "success", timeout=30_000)
    assert complaints == []


def test_a_journey_with_live_pages(chromium: Browser, project: Project) -> None:
    with project.serving("manage.py", "up", "--port", str(project.port), until="Press Ctrl+C"):
        _journey(_signed_in(chromium, project), "live")


def test_a_journey_over_wsgi_where_pages_ask(chromium: Browser, project: Project) -> None:
    gunicorn = ("-m", "gunicorn", "shop.wsgi", "--threads", "4", "-b", f"127.0.0.1:{project.port}")
    with project.serving(*gunicorn, until="Listening at"):
        _journey(_signed_in(chromium, project), "polling")
