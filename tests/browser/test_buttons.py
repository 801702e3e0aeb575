"""Only a button sends its form: choices, keys, and what htmx remembers of earlier ones."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Visitor, Visitors

RUN = re.compile("/runs/[^/]+/$")


def count_of(visitor: Visitor, workflow: str) -> int:
    """Return how many runs of a workflow its list shows."""
    visitor.go(f"/runs/?workflow={workflow}")
    return visitor.page.locator("tr[data-run]").count()


def choose_by_keys(page: Page) -> None:
    """Go through the shapes with the arrows: down, down, up, each before the fields came or not."""
    page.get_by_label("Which shape").focus()
    page.keyboard.press("ArrowDown")
    expect(page.get_by_label("Number")).to_be_visible()
    expect(page.get_by_label("Which shape")).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(page.get_by_label("IBAN")).to_be_visible()
    expect(page.get_by_label("Which shape")).to_be_focused()
    page.keyboard.press("ArrowUp")
    expect(page.get_by_label("Number")).to_be_visible()


@pytest.mark.parametrize("before", ["nothing", "a button in focus", "an error"])
def test_choosing_a_shape_starts_nothing_and_its_button_starts_one_run(
    visitors: Visitors, before: str
) -> None:
    visitor = visitors.come()
    runs = count_of(visitor, "payments")
    page = visitor.go("/workflows/payments/start/")
    if before == "a button in focus":
        page.get_by_role("button", name="Show as code").click()
        expect(page.locator("#python")).to_be_visible()
    elif before == "an error":
        page.get_by_role("button", name="Start and watch").click()
        expect(page.locator(".summary-of-errors")).to_be_visible()

    choose_by_keys(page)

    page.get_by_label("Number").fill("4")
    expect(page).to_have_url(re.compile("/workflows/payments/start/$"))
    page.get_by_role("button", name="Show as code").focus()
    page.get_by_label("Number").press("Enter")
    page.wait_for_url(RUN)
    assert count_of(visitor, "payments") == runs + 1


def test_a_shape_that_is_changed_before_its_fields_came_has_those_of_the_last_one(
    visitors: Visitors,
) -> None:
    visitor = visitors.come()
    page = visitor.go("/workflows/payments/start/")
    choice = page.get_by_label("Which shape")
    choice.focus()
    for key in ("ArrowDown", "ArrowDown", "ArrowUp", "ArrowDown"):
        page.keyboard.press(key, delay=0)
    expect(page.get_by_label("IBAN")).to_be_visible()
    expect(page.get_by_label("Number")).to_have_count(0)
    expect(choice).to_have_value("1")
    expect(page).to_have_url(re.compile("/workflows/payments/start/$"))


def test_choosing_a_shape_answers_nothing_and_a_key_sends_the_answer(visitors: Visitors) -> None:
    visitor = visitors.come()
    page = visitor.go("/workflows/payments/start/")
    page.get_by_label("Which shape").select_option(label="Card")
    page.get_by_label("Number").fill("4")
    page.get_by_role("button", name="Start and watch").click()
    page.wait_for_url(RUN)
    run = page.url
    expect(page.locator(".question")).to_be_visible()
    action = page.locator("form.schema-form").get_attribute("action") or ""
    item = action.rstrip("/").rpartition("/")[2]

    for where in (run.removeprefix(visitor.address), action, f"/inbox/?tab=all&item={item}"):
        visitor.go(where)
        choose_by_keys(page)
        page.keyboard.press("ArrowDown")
        expect(page.get_by_label("IBAN")).to_be_visible()
        visitor.go(run.removeprefix(visitor.address))
        expect(page.locator("h1 .status")).to_have_text(re.compile("suspended"))
        page.evaluate("sessionStorage.clear()")

    visitor.go(run.removeprefix(visitor.address))
    choose_by_keys(page)
    page.get_by_label("Number").fill("5")
    page.get_by_label("Note").focus()
    page.keyboard.press("Control+Enter")
    expect(page.locator("h1 .status")).to_have_text(re.compile("success"))


def test_a_form_whose_button_is_not_sent_says_that_nothing_was(visitors: Visitors) -> None:
    visitor = visitors.come()
    runs = count_of(visitor, "parcel")
    page = visitor.go("/workflows/parcel/start/")
    page.get_by_label("Name").fill("by itself")
    page.locator("form.schema-form").evaluate("(form) => form.requestSubmit()")
    expect(page.locator("[data-not-sent]")).to_contain_text("What you typed is still here.")
    expect(page.get_by_label("Name")).to_have_value("by itself")
    page.locator("form.schema-form").evaluate(
        "(form) => HTMLFormElement.prototype.submit.call(form)"
    )
    expect(page.get_by_role("heading", name="Nothing was sent")).to_be_visible()
    assert count_of(visitor, "parcel") == runs


def test_back_to_a_form_that_was_sent_sends_nothing_by_itself(visitors: Visitors) -> None:
    visitor = visitors.come()
    page = visitor.go("/workflows/payments/start/")
    page.get_by_label("Which shape").select_option(label="Card")
    page.get_by_label("Number").fill("6")
    page.get_by_label("Number").press("Enter")
    page.wait_for_url(RUN)
    runs = count_of(visitor, "payments")
    visitor.page.go_back()
    visitor.page.go_back()
    page.wait_for_url(re.compile("/workflows/payments/start/$"))
    page.get_by_label("Which shape").focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    expect(page.get_by_label("IBAN")).to_be_visible()
    assert count_of(visitor, "payments") == runs


@pytest.mark.parametrize("script", [True, False])
def test_an_act_is_done_by_keyboard_and_a_second_press_does_no_second(
    visitors: Visitors, *, script: bool
) -> None:
    visitor = visitors.come(script=script)
    page = visitor.go("/workflows/values/start/")
    page.locator("textarea").first.fill('{"a": 1}')
    page.get_by_role("button", name="Start and watch").click()
    page.wait_for_url(RUN)
    run = page.url.removeprefix(visitor.address)
    runs = count_of(visitor, "values")
    visitor.go(f"{run}rerun/")
    page.get_by_role("button", name="Run again").dblclick(no_wait_after=True)
    page.wait_for_url(RUN)
    assert count_of(visitor, "values") == runs + 1

    visitor.go(f"{run}cancel/")
    page.get_by_role("button", name="Cancel").focus()
    page.keyboard.press("Enter")
    page.wait_for_url(RUN)
    expect(page.locator("h1 .status")).to_have_text(re.compile("canceled"))


def test_settings_and_schedules_are_changed_by_keyboard(visitors: Visitors) -> None:
    visitor = visitors.come()
    page = visitor.go("/settings/")
    page.get_by_label("Zone", exact=True).select_option("Europe/Amsterdam")
    page.get_by_label("Zone", exact=True).press("Control+Enter")
    expect(page.get_by_text("Times are now shown in Europe/Amsterdam.")).to_be_visible()
    page.get_by_label("Zone", exact=True).select_option("")
    page.get_by_role("button", name="Save").press("Enter")
    expect(page.get_by_text("the zone of your browser.")).to_be_visible()

    visitor.go("/schedules/wf_nightly-report/")
    page.get_by_role("link", name="Pause").press("Enter")
    page.get_by_label("Why").fill("holidays")
    page.get_by_label("Why").press("Control+Enter")
    expect(page.get_by_text("The schedule is paused.")).to_be_visible()
    page.get_by_role("link", name="Unpause").press("Enter")
    page.get_by_role("dialog").get_by_role("button", name="Unpause").press("Enter")
    expect(page.get_by_text("The schedule fires again.")).to_be_visible()


def test_time_travel_is_planned_and_begun_by_keyboard(visitors: Visitors) -> None:
    visitor = visitors.come()
    page = visitor.go("/workflows/parcel/start/")
    page.get_by_label("Name").fill("to travel")
    page.get_by_label("Name").press("Enter")
    page.wait_for_url(RUN)
    expect(page.locator("h1 .status")).to_have_text(re.compile("success"))
    run = page.url
    visitor.go(f"{run.removeprefix(visitor.address)}time-travel/?from=deliver")
    page.get_by_label("Why").fill("again")
    page.get_by_label("Why").press("Enter")
    expect(page.get_by_label("Why")).to_have_value("again")
    expect(page).to_have_url(re.compile("time-travel"))
    page.get_by_label("Why").press("Control+Enter")
    page.wait_for_url(RUN)
    assert page.url != run
