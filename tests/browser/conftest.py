"""A real Chromium, and the product as its users run it, with the demo's workflows."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.product import Product, product

# Playwright keeps a loop in this thread; what these tests ask of the database is another process's.
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")

FLOWS = {"WORKFLOWS_MODULES": "tests.browser.flows"}

QUIET = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update",
]  # fmt: skip


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """The browser of the machine."""
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        reason = "There is no Chromium here; on Debian: apt install chromium"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=QUIET)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """One installation for all these tests."""
    folder: Path = tmp_path_factory.mktemp("product")
    url = f"sqlite:///{folder / 'browser.sqlite3'}"
    with product(url, folder, {**FLOWS, "SIGNALBOX_DEMO": "1"}) as made:
        made.up()
        yield made


@pytest.fixture(scope="session")
def signed_in(chromium: Browser, installed: Product) -> str:
    """The cookies of the administrator, who came by the link, as a file's path."""
    context = chromium.new_context()
    page = context.new_page()
    page.goto(installed.sign_in_link)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"{installed.address}/")
    kept = str(installed.log.with_name("cookies.json"))
    context.storage_state(path=kept)
    context.close()
    return kept


class Visitor:
    """A person with a browser, and the messages of its console."""

    def __init__(self, context: BrowserContext, address: str) -> None:
        self.page: Page = context.new_page()
        self.address = address
        self.complaints: list[str] = []
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on(
            "console",
            lambda said: self.complaints.append(said.text) if said.type == "error" else None,
        )

    def go(self, path: str) -> Page:
        """Open a page of the product."""
        self.page.goto(self.address + path)
        return self.page


class Visitors:
    """Opens browsers; closes them at the end."""

    def __init__(self, chromium: Browser, address: str, cookies: str) -> None:
        self._chromium = chromium
        self._address = address
        self._cookies = cookies
        self.contexts: list[BrowserContext] = []

    def come(
        self,
        *,
        script: bool = True,
        width: int = 1280,
        dark: bool = False,
        language: str | None = None,
    ) -> Visitor:
        """Return a signed-in visitor with a browser of their own."""
        context = self._chromium.new_context(
            storage_state=self._cookies,
            java_script_enabled=script,
            viewport={"width": width, "height": 844 if width < 600 else 900},
            color_scheme="dark" if dark else "light",
            locale=language,
        )
        context.set_default_timeout(15_000)
        self.contexts.append(context)
        return Visitor(context, self._address)


@pytest.fixture
def visitors(chromium: Browser, installed: Product, signed_in: str) -> Iterator[Visitors]:
    """Visitors of this test."""
    made = Visitors(chromium, installed.address, signed_in)
    yield made
    for context in made.contexts:
        context.close()
