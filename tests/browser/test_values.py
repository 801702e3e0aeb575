"""Values and what is typed, in a real browser: search, copying, folding, drafts."""

import json
import os
import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.browser.conftest import Visitor, Visitors

START = "/workflows/values/start/"
VALUE = {
    "lines": [{"what": "Train", "price": 9.5}, {"what": "Bus", "price": 12345678901234567890}],
    "a b": {"deep": {"deeper": {"deepest": "<b>needle</b>"}}},
    "long": "y" * 900,
    "none": None,
    "yes": True,
    "tags": ["one", "two", "three"],
    "more": list(range(60)),
}


def started(visitor: Visitor, value: object = VALUE) -> Page:
    """Start a run with a value, and look at it."""
    page = visitor.go(START)
    page.get_by_label("Value").fill(json.dumps(value))
    page.get_by_role("button", name="Start and watch").click()
    page.wait_for_url(re.compile("/runs/[^/]+/$"))
    return page


def clipboard(page: Page) -> str:
    return str(page.evaluate("navigator.clipboard.readText()"))


def test_a_value_is_searched_folded_and_copied(visitors: Visitors) -> None:
    visitor = visitors.come()
    visitor.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    started(visitor)
    page = visitor.go(page_of_input(visitor))
    tree = page.locator("[data-tree]")
    expect(tree.get_by_text("<b>needle</b>")).to_be_hidden()

    page.get_by_label("Search in Input").fill("NEEDLE")
    expect(tree.get_by_text("<b>needle</b>")).to_be_visible()
    expect(page.locator(".tree-tools output")).to_have_text("1 found")
    expect(tree.get_by_text("Train")).to_be_hidden()
    page.get_by_label("Search in Input").fill("")
    expect(tree.get_by_text("<b>needle</b>")).to_be_hidden()

    page.get_by_role("button", name="Unfold all").click()
    tree.get_by_text("price").nth(1).click()
    page.get_by_role("button", name="Copy path").click()
    assert clipboard(page) == "$.lines[1].price"
    page.get_by_role("button", name="Copy value").click()
    assert clipboard(page) == "12345678901234567890"
    tree.get_by_text("deepest").click()
    page.get_by_role("button", name="Copy path").click()
    assert clipboard(page) == '$["a b"].deep.deeper.deepest'
    tree.get_by_text("long").click()
    page.get_by_role("button", name="Copy value").click()
    expect(page.locator(".tree-tools output")).to_have_text("Value copied")
    assert clipboard(page) == "y" * 900
    tree.locator("summary", has_text="lines").click()
    page.get_by_role("button", name="Copy value").click()
    expect(page.locator(".tree-tools output")).to_have_text("Value copied")
    assert "12345678901234567890" in clipboard(page)

    page.get_by_role("button", name="Fold all", exact=True).click()
    expect(tree.get_by_text("price").first).to_be_hidden()
    page.keyboard.press("Tab")
    assert visitor.complaints == []


def page_of_input(visitor: Visitor) -> str:
    run = visitor.page.url.rstrip("/").rpartition("/")[2]
    return f"/runs/{run}/values/input/"


def test_a_tree_is_walked_by_keys(visitors: Visitors) -> None:
    visitor = visitors.come()
    started(visitor)
    page = visitor.go(page_of_input(visitor))
    page.locator("[data-tree] summary").first.focus()
    says = page.locator(".tree-tools output")

    page.keyboard.press("ArrowDown")
    expect(says).to_have_text("$.lines")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    expect(says).to_have_text(re.compile(r"\$\.lines\[[01]\]"))
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Home")
    expect(says).to_have_text("$")
    assert visitor.complaints == []


def test_what_is_open_stays_open_while_the_run_goes_on(visitors: Visitors) -> None:
    visitor = visitors.come()
    page = started(visitor)
    card = page.locator("#step-collect")
    card.locator("summary").first.click()
    output = card.locator("[data-viewer]", has_text="Output")
    output.locator("summary", has_text="deep").first.click()
    expect(output.get_by_text("deeper")).to_be_visible()
    output.get_by_label("Search in Output").fill("bus")
    page.evaluate("window.untouched = true")
    seen = page.locator("[data-run-page]").get_attribute("data-seq")

    other = visitors.come(script=False).go(page.url.removeprefix(visitor.address))
    other.get_by_label("Yes").check()
    other.get_by_role("button", name="Send answer").click()

    expect(page.locator("h1 [data-status]")).to_have_text(re.compile("success"))
    assert page.locator("[data-run-page]").get_attribute("data-seq") != seen
    expect(output.get_by_label("Search in Output")).to_have_value("bus")
    output.get_by_label("Search in Output").fill("")
    expect(output.get_by_text("deeper")).to_be_visible()
    assert page.evaluate("window.untouched")
    assert visitor.complaints == []


def test_without_script_a_value_folds_and_what_is_away_is_a_link(visitors: Visitors) -> None:
    page = started(visitors.come(script=False))
    expect(page.locator("#values").get_by_text('"three"')).to_be_visible()
    page.locator("#values summary", has_text="tags").click()
    expect(page.locator("#values").get_by_text('"three"')).to_be_hidden()

    page.locator("#step-collect summary").first.click()
    page.locator("#step-collect").get_by_role("link", name="Show the value").first.click()
    expect(page.locator("[data-tree]")).to_contain_text("needle")


def test_a_draft_is_kept_over_a_reload_and_can_be_thrown_away(visitors: Visitors) -> None:
    visitor = visitors.come()
    page = visitor.go("/workflows/typed/start/")
    page.get_by_label("Title").fill("Typed <b>here</b>")
    page.get_by_label("Secret").fill("hunter2")
    page.reload()

    expect(page.get_by_label("Title")).to_have_value("Typed <b>here</b>")
    expect(page.get_by_label("Secret")).to_have_value("")
    expect(page.get_by_text("Restored what you had typed")).to_be_visible()
    assert "hunter2" not in page.evaluate("JSON.stringify(sessionStorage)")
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_label("Title")).to_have_value("")
    page.reload()
    expect(page.get_by_label("Title")).to_have_value("")

    page.get_by_label("Title").fill("To be sent")
    page.get_by_label("Secret").fill("hunter2")
    page.get_by_role("button", name="Start and watch").click()
    page.wait_for_url(re.compile("/runs/[^/]+/$"))
    visitor.go("/workflows/typed/start/")
    expect(page.get_by_label("Title")).to_have_value("")
    expect(page.get_by_text("Restored what you had typed")).to_have_count(0)
    assert visitor.complaints == []


def test_a_draft_keeps_rows_that_were_added_and_the_shape_that_was_chosen(
    visitors: Visitors,
) -> None:
    visitor = visitors.come()
    page = visitor.go("/workflows/typed/start/")
    page.get_by_role("button", name="Add rate").click()
    page.get_by_label("Key 1").fill("EUR")
    page.get_by_role("textbox", name="Rate 1").fill("3")
    page.get_by_label("Which kind of value: Reference").select_option(label="Text")
    expect(page.get_by_role("textbox", name="Reference")).to_be_visible()
    page.get_by_role("textbox", name="Reference").fill("A-1")
    page.reload()

    expect(page.get_by_label("Key 1")).to_have_value("EUR")
    expect(page.get_by_role("textbox", name="Rate 1")).to_have_value("3")
    expect(page.get_by_role("textbox", name="Reference")).to_have_value("A-1")
    assert visitor.complaints == []


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [1280, 390])
def test_no_page_breaks_a_rule_of_accessibility(visitors: Visitors, width: int, dark: bool) -> None:
    visitor = visitors.come(width=width, dark=dark)
    page = started(visitor)
    run = page.url.removeprefix(visitor.address)
    for path in [run, f"{run}?tab=data", f"{run}values/input/", "/workflows/typed/start/"]:
        page = visitor.go(path)
        if page.locator("#step-collect").count():
            page.locator("#step-collect summary").first.click()
            expect(page.locator("#step-collect [data-tree]").first).to_be_visible()
        if page.get_by_label("Search in Input").count():
            page.get_by_label("Search in Input").first.fill("e")
        if folder := os.environ.get("SHOTS"):
            name = re.sub(r"\W+", "-", path.replace(run, "run-"))
            page.screenshot(path=f"{folder}/{name}-{width}-{dark}.png", full_page=True)
        found = Axe().run(page)
        assert found.violations_count == 0, f"{path}: {found.generate_report()}"
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
    assert visitor.complaints == []
