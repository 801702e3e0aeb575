"""Every page and state, wide and narrow, light and dark, held to what all pages promise."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from tests import pages as every
from tests.product import product

#: A finger's width, in CSS pixels; what stands in a line of text is let off, as WCAG does.
FINGER = 44

TOO_SMALL = """(finger) => [...document.querySelectorAll(
    "button, a[href], summary, select, input:not([type=hidden]), [role=button]"
)].filter((one) => {
    if (one.closest("svg") || one.tabIndex < 0 || one.disabled) return false;
    if (!one.checkVisibility({ visibilityProperty: true })) return false;
    if (one.matches("a") && getComputedStyle(one).display === "inline") return false;
    if (one.matches(".skip")) return false;
    const label = one.matches("[type=checkbox], [type=radio]") && one.closest("label");
    const box = (label || one).getBoundingClientRect();
    return box.height && box.height < finger - 0.5;
}).map((one) => `${one.outerHTML.slice(0, 90)}: ${one.getBoundingClientRect().height} px`)"""

#: Opens every menu, and returns what is then outside of the screen on either side.
OUTSIDE = """() => {
    const found = [];
    for (const menu of document.querySelectorAll("details.menu")) {
        menu.open = true;
        for (const one of menu.querySelectorAll(".menu-body, .menu-body *")) {
            const box = one.getBoundingClientRect();
            if (!box.width || !one.checkVisibility()) continue;
            if (box.left < -0.5 || box.right > innerWidth + 0.5) {
                found.push(`${one.outerHTML.slice(0, 90)}: from ${box.left} to ${box.right} px`);
            }
        }
        menu.open = false;
    }
    return found;
}"""

REPORTS = """document.addEventListener("securitypolicyviolation", (event) => {
    console.error(`policy: ${event.violatedDirective} ${event.blockedURI} ${event.sample}`);
});"""


@pytest.fixture(scope="module")
def demo(
    chromium: Browser, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, str, dict[str, str]]]:
    """The demo with its life in every state: address, cookies, pages."""
    folder: Path = tmp_path_factory.mktemp("pages")
    with product(f"sqlite:///{folder / 'pages.sqlite3'}", folder, every.ENVIRONMENT) as made:
        made.up("--demo")
        every.people(made)
        cookies = every.sign_in(chromium, made.sign_in_link, made.address, folder)
        yield made.address, cookies, every.pages(chromium, made.address, cookies)


@pytest.mark.parametrize("look", every.LOOKS)
def test_every_page_keeps_the_promises_of_all_pages(
    chromium: Browser, demo: tuple[str, str, dict[str, str]], look: str
) -> None:
    address, cookies, found = demo
    context = every.look(chromium, cookies, look)
    context.add_init_script(REPORTS)
    context.add_init_script(every.SHIFTS)
    page = context.new_page()
    said: list[str] = []
    page.on("console", lambda one: said.append(one.text) if one.type == "error" else None)
    page.on("pageerror", lambda error: said.append(str(error)))

    broken: list[str] = []
    for name, where in found.items():
        said.clear()
        every.visit(page, address, name, where)
        broken += [f"{name}: {what}" for what in _breaks(page, is_phone="phone" in look)]
        status = every.STATUSES.get(name)
        broken += [f"{name}: console: {text}" for text in said if not (status and status in text)]

    context.close()
    assert not broken, "\n".join(broken)


def _breaks(page: Page, *, is_phone: bool) -> Iterator[str]:
    """Yield the promises that the open page breaks."""
    yield from every.shifts(page)
    found = Axe().run(page)
    for rule in found.response["violations"]:
        for node in rule["nodes"][:3]:
            yield f"axe: {rule['id']}: {node['html'][:160]} {node['failureSummary'][:200]!r}"
    wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    if wide > 0:
        yield f"{wide} px wider than the screen"
    for one in page.evaluate(OUTSIDE):
        yield f"beside the screen: {one}"
    if is_phone:
        for small in page.evaluate(TOO_SMALL, FINGER):
            yield f"too small for a finger: {small}"
