"""Many questions of one run, and where the focus goes, by keyboard alone."""

import os
import re
from pathlib import Path

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import Visitor, Visitors

RUN = re.compile("/runs/[^/]+/$")
PICTURES = os.environ.get("SIGNALBOX_PICTURES")


def keep(page: Page, name: str) -> None:
    if PICTURES:
        page.screenshot(path=str(Path(PICTURES) / f"{name}.png"))


def asked(visitor: Visitor, number: int) -> str:
    """Start a run that asks so many questions; return its address."""
    page = visitor.go("/workflows/questions/start/")
    page.get_by_label("How many").fill(str(number))
    page.get_by_label("How many").press("Enter")
    page.wait_for_url(RUN)
    expect(page.get_by_role("heading", name=re.compile("judge_one.* is asking"))).to_have_count(
        number if number <= 3 else 1, timeout=15_000
    )
    return page.url


def test_eighty_questions_are_a_table_with_one_form(visitors: Visitors) -> None:
    visitor = visitors.come()
    run = asked(visitor, 80)
    page = visitor.page
    expect(page.locator("#questions-asked tbody tr")).to_have_count(80)
    expect(page.locator("#questions form.schema-form")).to_have_count(1)
    assert page.evaluate("document.querySelector('#questions').offsetHeight") < 1200
    keep(page, "questions-80")
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()

    link = page.locator("#questions-asked a").nth(40)
    link.focus()
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("question="))
    expect(page.get_by_role("heading", name=re.compile(r"\[40\] .*is asking"))).to_be_visible()
    expect(page.locator("#questions form [type=radio]").first).to_be_focused()

    # What is chosen stays while others answer, and over another tab.
    page.locator("#questions form [type=radio]").first.check()
    other = visitors.come()
    other.page.goto(run)
    other.page.locator("#questions form [type=radio]").first.check()
    other.page.get_by_role("button", name="Send answer").click()
    expect(page.locator("#questions-asked tbody tr")).to_have_count(79)
    page.locator("a[data-tab]", has_text="Data").click()
    expect(page.get_by_role("heading", name=re.compile(r"\[40\] .*is asking"))).to_be_visible()
    expect(page.locator("#questions form [type=radio]").first).to_be_checked()
    expect(page.locator("[data-answered]")).to_be_hidden()

    page.locator("#questions form [type=radio]").first.press("Control+Enter")
    page.wait_for_url(re.compile("question="))
    expect(page.get_by_role("heading", name=re.compile(r"\[41\] .*is asking"))).to_be_visible()
    expect(page.locator("#questions form [type=radio]").first).to_be_focused()
    assert visitor.complaints == []


def test_a_table_of_questions_works_without_script_on_a_phone(visitors: Visitors) -> None:
    visitor = visitors.come()
    run = asked(visitor, 5)
    page = visitors.come(script=False, width=390, dark=True).page
    page.goto(run)
    page.locator("#questions-asked a").nth(2).click()
    expect(page.get_by_role("heading", name=re.compile(r"\[2\] .*is asking"))).to_be_visible()
    keep(page, "questions-phone")
    page.get_by_label("Yes").check()
    page.get_by_role("button", name="Send answer").click()
    expect(page.get_by_role("heading", name=re.compile(r"\[3\] .*is asking"))).to_be_visible()
    expect(page.locator("#questions-asked tbody tr")).to_have_count(4)


def test_two_questions_are_answered_one_after_the_other_by_keyboard(visitors: Visitors) -> None:
    visitor = visitors.come()
    asked(visitor, 2)
    page = visitor.page
    page.get_by_role("link", name="Answer", exact=True).press("Enter")
    first = page.locator("#questions form [type=radio]").first
    expect(first).to_be_focused()
    page.keyboard.press("Space")
    page.keyboard.press("Control+Enter")
    page.wait_for_url(re.compile("question="))
    expect(page.locator("#questions form.schema-form")).to_have_count(1)
    expect(first).to_be_focused()
    page.keyboard.press("Space")
    page.keyboard.press("Control+Enter")
    page.wait_for_url(RUN)
    expect(page.locator(".flashes")).to_be_focused()


def test_enter_on_a_question_of_the_inbox_goes_into_its_form_and_each_answer_to_the_next(
    visitors: Visitors,
) -> None:
    visitor = visitors.come()
    asked(visitor, 3)
    page = visitor.go("/inbox/?tab=open&sort=newest")
    page.keyboard.press("j")
    expect(page.locator("a.ask-link").first).to_be_focused()
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("item="))
    field = page.locator("#inbox-detail form.schema-form [type=radio]").first
    expect(field).to_be_focused()
    before = page.url
    page.keyboard.press("Space")
    page.keyboard.press("Control+Enter")
    page.wait_for_url(lambda url: "item=" in url and url != before)
    expect(field).to_be_focused()

    page.get_by_role("button", name="Claim").press("Enter")
    page.wait_for_url(re.compile("tab=mine"))
    expect(field).to_be_focused()
    # An answer that is refused has the focus at what is wrong.
    page.get_by_role("button", name="Send answer").press("Enter")
    expect(page.locator(".summary-of-errors")).to_be_visible()
    expect(page.locator("#inbox-detail form.schema-form [type=radio]").first).to_be_focused()
    assert [each for each in visitor.complaints if "422" not in each] == []


RESTORED = "Restored what you had typed"


def test_a_question_with_a_draft_has_the_focus_in_its_first_field(visitors: Visitors) -> None:
    visitor = visitors.come()
    run = asked(visitor, 3)
    page = visitor.go("/inbox/?tab=open&sort=newest")
    link = page.locator("a.ask-link").first
    link.press("Enter")
    page.wait_for_url(re.compile("item="))
    first = page.locator("#inbox-detail form.schema-form [type=radio]").first
    first.press("Space")

    visitor.go("/inbox/?tab=open&sort=newest")
    link.press("Enter")
    page.wait_for_url(re.compile("item="))
    expect(page.get_by_text(RESTORED)).to_be_visible()
    expect(first).to_be_checked()
    expect(first).to_be_focused()
    page.get_by_role("button", name="Undo").press("Enter")
    expect(first).not_to_be_checked()
    expect(first).to_be_focused()

    # The same on the page of the run, where nothing that has the focus loses it.
    page.goto(run)
    page.locator("#questions form").nth(1).locator("[type=radio]").first.press("Space")
    address = page.locator("#questions form").nth(1).get_attribute("action") or ""
    page.goto(f"{run}?question={address.strip('/').rpartition('/')[2]}")
    expect(page.get_by_text(RESTORED)).to_be_visible()
    expect(page.locator("#questions form").nth(1).locator("[type=radio]").first).to_be_focused()
    assert visitor.complaints == []


def test_a_draft_of_json_has_the_focus_in_its_text(
    visitors: Visitors,
) -> None:
    visitor = visitors.come()
    asked(visitor, 1)
    page = visitor.go("/inbox/?tab=open&sort=newest")
    link = page.locator("a.ask-link").first
    link.press("Enter")
    page.wait_for_url(re.compile("item="))
    page.get_by_role("button", name="JSON", exact=True).click()
    page.get_by_role("textbox", name="JSON").fill('{"approved": tr')
    visitor.go("/inbox/?tab=open&sort=newest")
    link.press("Enter")

    expect(page.get_by_text(RESTORED)).to_be_visible()
    expect(page.get_by_role("textbox", name="JSON")).to_be_focused()
    expect(page.get_by_role("textbox", name="JSON")).to_have_value('{"approved": tr')
    assert visitor.complaints == []


def test_a_draft_that_comes_late_leaves_the_focus_in_the_field_where_it_is(
    visitors: Visitors,
) -> None:
    visitor = visitors.come()
    page = visitor.go("/workflows/typed/start/")
    page.get_by_label("Title").fill("Kept")

    def late(route: Route) -> None:
        page.wait_for_timeout(800)
        route.continue_()

    page.route(re.compile("/workflows/typed/start/$"), late)
    page.goto(f"{visitor.address}/workflows/typed/start/?")
    page.get_by_label("Secret").focus()

    expect(page.get_by_text(RESTORED)).to_be_visible()
    expect(page.get_by_label("Title")).to_have_value("Kept")
    expect(page.get_by_label("Secret")).to_be_focused()
    assert visitor.complaints == []
