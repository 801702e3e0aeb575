"""A token of the API: made, copied, used by a program, and revoked, by keyboard alone."""

import shutil
import subprocess

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.browser.conftest import Visitors

TOKENS = "/settings/tokens/"


def called(address: str, token: str) -> tuple[int, str]:
    """Ask who a token is with curl; return the status, and the answer."""
    done = subprocess.run(
        ["curl", "-s", "-w", "\n%{http_code}", "-H", f"Authorization: Bearer {token}",
         f"{address}/api/v1/me"],
        capture_output=True, text=True, check=True, timeout=30,
    )  # fmt: skip
    text, _, status = done.stdout.rpartition("\n")
    return int(status), text


def reach(page: Page, selector: str) -> None:
    """Press Tab until an element has the focus."""
    for _ in range(80):
        if page.evaluate("s => document.activeElement.matches(s)", selector):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"Tab does not lead to {selector}.")


@pytest.mark.skipif(shutil.which("curl") is None, reason="a program that calls the API is curl")
@pytest.mark.parametrize(("width", "dark"), [(1280, False), (390, True)])
def test_a_token_is_made_copied_used_and_revoked_by_keyboard_alone(
    visitors: Visitors, *, width: int, dark: bool
) -> None:
    visitor = visitors.come(width=width, dark=dark)
    visitor.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = visitor.go(TOKENS)
    assert Axe().run(page).violations_count == 0
    name = f"nightly-{width}"

    reach(page, "#token-name")
    page.keyboard.type(name)
    for scope in ("start", "answer", "steer", "admin"):
        reach(page, f"input[name=scope][value={scope}]")
        page.keyboard.press("Space")
    reach(page, "button[value=make]")
    page.keyboard.press("Enter")
    expect(page.locator("#new-token")).to_contain_text(name)
    assert Axe().run(page).violations_count == 0
    reach(page, "#new-token [data-copy]")
    page.keyboard.press("Enter")
    expect(page.locator("#announcer")).to_have_text("Copied")
    token = str(page.evaluate("navigator.clipboard.readText()"))

    status, said = called(visitor.address, token)
    assert (status, '"scopes":["read","payloads"]' in said.replace(" ", "")) == (200, True)
    page = visitor.go(TOKENS)
    assert token not in page.content()
    row = page.get_by_role("row").filter(has_text=name)
    expect(row).to_contain_text("read, payloads")

    reach(page, f'button[aria-label="Revoke {name}"]')
    page.keyboard.press("Enter")
    expect(page.get_by_text(f"The token “{name}” works no more.")).to_be_visible()
    expect(row).to_have_count(0)
    assert called(visitor.address, token)[0] == 401
    wide = page.evaluate("document.documentElement.scrollWidth")
    assert wide <= width
    assert visitor.complaints == []
