"""The shortcuts: where they lead, and where they hold still."""

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.browser.conftest import Visitors

PLACES = {"r": "/runs/", "i": "/inbox/", "w": "/workflows/", "s": "/schedules/"}


@pytest.mark.parametrize("width", [1280, 390])
def test_the_sheet_opens_by_its_key_and_from_the_menu_and_escape_closes_it(
    visitors: Visitors, width: int
) -> None:
    visitor = visitors.come(width=width)
    page = visitor.go("/settings/")
    sheet = page.get_by_role("dialog", name="Shortcuts")
    page.keyboard.press("?")
    expect(sheet).to_be_visible()
    assert Axe().run(page).violations_count == 0
    page.keyboard.press("g")
    page.keyboard.press("r")
    page.keyboard.press("Escape")
    expect(sheet).to_be_hidden()
    expect(page).to_have_url(re.compile("/settings/$"))

    page.locator("summary[aria-label^=Account]").click()
    page.get_by_role("button", name="Shortcuts").click()
    expect(sheet).to_be_visible()
    sheet.get_by_role("button", name="Close").click()
    expect(sheet).to_be_hidden()
    expect(page.locator("summary[aria-label^=Account]")).to_be_focused()
    assert visitor.complaints == []


def test_two_keys_go_to_the_lists(visitors: Visitors) -> None:
    page = visitors.come().go("/")
    for key, where in PLACES.items():
        page.keyboard.press("g")
        page.keyboard.press(key)
        page.wait_for_url(re.compile(f"{where}$"))


def test_a_letter_alone_goes_nowhere_also_right_after_the_page_came(visitors: Visitors) -> None:
    page = visitors.come().go("/settings/")
    assert page.evaluate("performance.now()") < 1500
    page.keyboard.press("r")
    page.keyboard.press("g")
    page.wait_for_timeout(200)
    expect(page).to_have_url(re.compile("/settings/$"))

    # Late for the page, in time for the keys.
    page.evaluate(
        """() => {
            const past = performance.now() + 1300;
            document.addEventListener("keydown", () => { while (performance.now() < past); }, true);
        }"""
    )
    page.keyboard.press("w")
    page.wait_for_url(re.compile("/workflows/$"))


def test_no_single_key_acts_in_a_field_and_mod_enter_sends_its_form(visitors: Visitors) -> None:
    visitor = visitors.come()
    page = visitor.go("/workflows/parcel/start/")
    name = page.get_by_label("Name")
    name.press_sequentially("g r?gi")
    expect(name).to_have_value("g r?gi")
    expect(page.get_by_role("dialog", name="Shortcuts")).to_be_hidden()

    name.press("Control+Enter")

    page.wait_for_url(re.compile("/runs/[^/]+/$"))
    assert visitor.complaints == []


def test_escape_closes_a_menu_and_gives_the_focus_back(visitors: Visitors) -> None:
    page = visitors.come().go("/runs/")
    page.locator("summary[aria-label^=Account]").click()
    page.keyboard.press("Tab")
    page.keyboard.press("Escape")
    expect(page.locator("details.menu[open]")).to_have_count(0)
    expect(page.locator("summary[aria-label^=Account]")).to_be_focused()


def test_a_key_beside_a_choice_takes_no_answer_for_somebody(visitors: Visitors) -> None:
    page = visitors.come().go("/")
    page.evaluate(
        """() => {
            const form = document.createElement("form");
            form.method = "post";
            form.innerHTML = '<a href="#">x</a><button data-send value="yes">Y</button>'
                + '<button data-send value="no">N</button>';
            document.querySelector("main").append(form);
            window.sent = [];
            form.addEventListener("submit", (event) => {
                event.preventDefault();
                window.sent.push(event.submitter.value);
            });
            form.querySelector("a").focus();
        }"""
    )
    page.keyboard.press("Control+Enter")
    assert page.evaluate("window.sent") == []
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Control+Enter")
    assert page.evaluate("window.sent") == ["no"]
