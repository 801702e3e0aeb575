"""The live parts in a real browser: what goes on beside them, and what happens out of turn."""

import contextlib
import re

from playwright.sync_api import Error, Page, Route, expect

from tests.browser.conftest import Visitor, Visitors

RUN = re.compile("/runs/[0-9a-f-]{36}/$")


def parcel(visitor: Visitor, name: str) -> str:
    """Start a parcel, wait until it ended, and return the path of its run."""
    page = visitor.go("/workflows/parcel/start/")
    page.get_by_label("Name").fill(name)
    page.get_by_role("button", name="Start and watch").click()
    page.wait_for_url(RUN)
    expect(page.locator("h1 .status")).to_contain_text(re.compile("success|failed"))
    return page.url.removeprefix(visitor.address)


def test_back_shows_the_whole_page_and_not_the_part_that_was_fetched_last(
    visitors: Visitors,
) -> None:
    visitor = visitors.come()
    run = parcel(visitor, "back")
    page = visitor.go(run)
    page.get_by_role("navigation", name="Views of this run").get_by_text("Events").click()
    expect(page.locator("ol.events")).to_be_visible()
    page.get_by_role("navigation", name="Views of this run").get_by_text("Graph").click()
    page.wait_for_url(re.compile("tab=graph"))
    page.get_by_role("navigation", name="Main").get_by_text("Workflows").click()
    page.wait_for_url(re.compile("/workflows/$"))

    for _ in range(3):
        page.go_back()
        expect(page.locator("header.top")).to_be_visible()
    assert page.url.endswith(run)
    assert visitor.complaints == []


def test_a_form_that_cannot_be_sent_says_so_and_keeps_what_was_typed(visitors: Visitors) -> None:
    visitor = visitors.come()
    page = visitor.go("/workflows/parcel/start/")
    page.get_by_label("Name").fill("to nobody")
    page.context.set_offline(True)
    page.get_by_role("button", name="Start and watch").click()

    said = page.get_by_role("alert")
    expect(said).to_contain_text("This could not be sent")
    expect(page.get_by_label("Name")).to_have_value("to nobody")
    expect(page.get_by_role("button", name="Start and watch")).to_be_enabled()

    page.context.set_offline(False)
    page.get_by_role("button", name="Start and watch").click()
    page.wait_for_url(RUN)


def test_a_list_where_nothing_matches_is_left_alone_until_something_does(
    visitors: Visitors,
) -> None:
    mine, other = visitors.come(), visitors.come()
    page = mine.go("/runs/?workflow=parcel&status=failed&q=nobody")
    expect(page.get_by_text("No run matches")).to_be_visible()
    page.evaluate("window.untouched = true")
    page.get_by_label("Id").fill("half an id")
    with page.expect_response(re.compile(r"rows=")):
        parcel(other, "elsewhere")
    page.wait_for_timeout(300)
    assert page.evaluate("window.untouched")
    expect(page.get_by_label("Id")).to_have_value("half an id")
    assert mine.complaints == []


def test_the_menu_does_not_stand_open_behind_the_dialog(visitors: Visitors) -> None:
    visitor = visitors.come(width=390)
    page = visitor.go(parcel(visitor, "menu"))
    page.locator("details.more > summary").click()
    page.locator("details.more").get_by_role("link", name="Delete run").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_be_visible()
    expect(page.locator("details.more")).not_to_have_attribute("open", re.compile(""))
    fold = dialog.locator("summary").bounding_box()
    assert fold is not None
    assert fold["height"] >= 44
    dialog.get_by_role("link", name="Keep it").click()
    expect(page.locator("details.more > summary")).to_be_focused()


def test_the_tab_that_was_looked_at_last_is_remembered(visitors: Visitors) -> None:
    visitor = visitors.come()
    first, second = parcel(visitor, "tab one"), parcel(visitor, "tab two")
    page = visitor.go(first)
    tabs = page.get_by_role("navigation", name="Views of this run")
    tabs.get_by_role("link", name="Events").click()
    expect(page.locator("ol.events")).to_be_visible()

    visitor.go(second)
    expect(tabs.locator("[aria-current]")).to_contain_text("Events")


def hold(page: Page, what: re.Pattern[str]) -> list[Route]:
    """Let requests to such addresses wait; return them as they come."""
    held: list[Route] = []

    def keep(route: Route) -> None:
        held.append(route)

    page.route(what, keep)
    return held


def slide(page: Page, to: int) -> None:
    """Move the slider as a hand does."""
    page.locator("#playback-at").evaluate(
        """(slider, to) => {
            slider.value = to;
            slider.dispatchEvent(new Event("input", { bubbles: true }));
        }""",
        to,
    )


def test_an_answer_that_comes_late_is_not_shown(visitors: Visitors) -> None:
    visitor = visitors.come()
    page = visitor.go(parcel(visitor, "late"))
    held = hold(page, re.compile(r"[?&]at=2(&|$)"))
    slide(page, 2)
    page.wait_for_timeout(300)
    assert len(held) == 1
    slide(page, 4)
    expect(page.get_by_text("event 4 of")).to_be_visible()
    with contextlib.suppress(Error):  # it may have been given up by the page
        held[0].continue_()
    page.wait_for_timeout(500)

    expect(page.get_by_text("event 4 of")).to_be_visible()
    assert "at=4" in page.url


def test_news_that_come_late_do_not_undo_a_tab(visitors: Visitors) -> None:
    visitor = visitors.come()
    run = parcel(visitor, "broken-late")
    page = visitor.go(f"{run}?tab=events")
    held = hold(page, re.compile(r"tab=events$"))
    other = visitors.come().go(f"{run}retry/")
    other.get_by_role("button", name="Re-run from the failed step").click()
    for _ in range(40):
        if held:
            break
        page.wait_for_timeout(100)
    tabs = page.get_by_role("navigation", name="Views of this run")
    tabs.get_by_role("link", name="Data").click()
    expect(tabs.locator("[aria-current]")).to_contain_text("Data")
    for one in held:
        one.continue_()
    page.wait_for_timeout(500)

    expect(tabs.locator("[aria-current]")).to_contain_text("Data")
    assert "tab=data" in page.url


def test_the_slider_follows_a_run_that_grows(visitors: Visitors) -> None:
    visitor = visitors.come()
    run = parcel(visitor, "broken-grows")
    page = visitor.go(run)
    slide(page, 3)
    expect(page.get_by_text("event 3 of")).to_be_visible()
    slide(page, int(page.locator("#playback-at").get_attribute("max") or ""))
    expect(page.get_by_text("You are looking at the past")).to_be_hidden()

    visitor_two = visitors.come()
    other = visitor_two.go(f"{run}retry/")
    other.get_by_role("button", name="Re-run from the failed step").click()
    expect(page.locator("h1 .status")).to_contain_text("success")

    slider = page.locator("#playback-at")
    expect(slider).to_have_js_property("value", slider.evaluate("one => one.max"))
    expect(page.locator("#playback-says")).to_have_text("now")


def test_the_title_and_the_menu_say_how_things_stand(visitors: Visitors) -> None:
    visitor = visitors.come()
    page = visitor.go(parcel(visitor, "broken-title"))
    expect(page).to_have_title("Parcel failed · Signalbox")
    visitors.come().go(f"{page.url.removeprefix(visitor.address)}retry/").get_by_role(
        "button", name="Re-run from the failed step"
    ).click()
    expect(page).to_have_title("Parcel success · Signalbox")

    count = page.locator("[data-inbox-count]")
    before = int(count.text_content() or 0)
    other = visitors.come().go("/workflows/values/start/")
    other.locator("#data").fill("1")
    other.get_by_role("button", name="Start and watch").click()
    other.wait_for_url(RUN)
    expect(other.locator("h1 .status")).to_contain_text("suspended")
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(count).to_have_text(str(before + 1))
    assert visitor.complaints == []


def test_the_run_id_is_copied_by_the_keys_also_after_news(visitors: Visitors) -> None:
    visitor = visitors.come()
    visitor.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    run = parcel(visitor, "copied")
    page = visitor.page
    page.get_by_role("navigation", name="Views of this run").get_by_text("Events").click()
    expect(page.locator("ol.events")).to_be_visible()

    name = page.locator(".facts [data-copy]")
    name.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#announcer")).to_have_text("Copied")
    expect(name).to_have_attribute("data-copied", "Copied")
    expect(name).not_to_have_attribute("data-copied", "Copied", timeout=10_000)
    assert page.evaluate("navigator.clipboard.readText()") in run
    expect(name).to_have_role("button")
