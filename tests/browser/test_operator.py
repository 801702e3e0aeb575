"""Ten journeys of an operator, each with the mouse, with the keys alone, and without script."""

import re
from collections.abc import Callable
from itertools import count

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import Visitor, Visitors

NIGHTLY = "/schedules/wf_nightly-report/"
RUN = re.compile("/runs/[0-9a-f-]{36}/$")
#: How many times Tab is pressed before something counts as out of reach.
MOST_TABS = 120

_numbers = count(1)


class Hand:
    """Somebody at work: with the mouse, with the keys alone, or without script."""

    def __init__(self, visitor: Visitor, *, has_keys_only: bool, has_script: bool = True) -> None:
        self.visitor = visitor
        self.page: Page = visitor.page
        self.has_keys_only = has_keys_only
        self.has_script = has_script

    def go(self, path: str) -> None:
        """Open a page by its address."""
        self.visitor.go(path)

    def press(self, target: Locator, key: str = "Enter") -> None:
        """Click something, or reach it by Tab and press a key."""
        if self.has_keys_only:
            self.reach(target)
            self.page.keyboard.press(key)
        else:
            target.click()

    def tick(self, target: Locator) -> None:
        """Check a box, or choose one of some."""
        if not self.has_keys_only:
            target.check()
        elif target.get_attribute("type") == "radio":
            self._choose(target)
        else:
            self.press(target, "Space")
        expect(target).to_be_checked()

    def write(self, target: Locator, text: str) -> None:
        """Replace what a field holds."""
        if self.has_keys_only:
            self.reach(target)
            self.page.keyboard.press("Control+a")
            self.page.keyboard.type(text)
        else:
            target.fill(text)

    def _choose(self, target: Locator) -> None:
        """Reach the group by Tab, and one of it by the arrows, as radio buttons are."""
        name = target.get_attribute("name")
        self.reach(self.page.locator(f"input[name='{name}']:checked"))
        for _ in range(20):
            if target.is_checked():
                return
            self.page.keyboard.press("ArrowDown")

    def reach(self, target: Locator) -> None:
        """Press Tab until something has the focus, at most once around the page."""
        expect(target).to_be_attached()
        expect(target).to_be_visible()
        for _ in range(MOST_TABS):
            if target.evaluate("one => one === document.activeElement"):
                return
            self.page.keyboard.press("Tab")
        raise AssertionError(f"The keys do not reach {target}")

    def status(self, word: str) -> None:
        """Wait until the run's page says this."""
        shown = self.page.locator("h1 .status")
        if self.has_script:
            expect(shown).to_contain_text(word)
            return
        for _ in range(40):
            if word in shown.inner_text():
                return
            self.page.wait_for_timeout(250)  # somebody without script presses Refresh
            self.page.get_by_role("link", name="Refresh").click()
        expect(shown).to_contain_text(word)

    def parcel(self, name: str = "whole") -> str:
        """Start a parcel, wait until it ended, and return the path of its run."""
        self.go("/workflows/parcel/start/")
        self.page.get_by_label("Name").fill(f"{name}-{next(_numbers)}")
        self.page.get_by_role("button", name="Start and watch").click()
        self.page.wait_for_url(RUN)
        self.status("failed" if name == "broken" else "success")
        return self.page.url.removeprefix(self.visitor.address)

    def question(self) -> str:
        """Start an expense about which a manager is asked; return the path of its run."""
        self.go("/workflows/expense-approval/start/")
        for label, text in (
            ("Who paid", "Ana"), ("What for", "Train"), ("Amount", "750.50"),
            ("Spent on", "2026-11-02"),
        ):  # fmt: skip
            self.page.get_by_label(label).fill(text)
        self.page.get_by_role("radio", name="travel").check()
        self.page.get_by_role("button", name="Start and watch").click()
        self.page.wait_for_url(RUN)
        self.status("suspended")
        return self.page.url.removeprefix(self.visitor.address)

    def confirm(self, name: str) -> None:
        """Press the button of the dialog that is open, or of its page."""
        place = self.page.get_by_role("dialog") if self.has_script else self.page.locator("main")
        self.press(place.get_by_role("button", name=name, exact=True))

    def more(self, name: str) -> None:
        """Choose from the More menu."""
        self.press(self.page.locator("details.more > summary"))
        self.press(self.page.locator("details.more").get_by_role("link", name=name))


@pytest.fixture(params=["mouse", "keys", "without script"])
def hand(request: pytest.FixtureRequest, visitors: Visitors) -> Callable[[], Hand]:
    """Return what makes an operator of this kind."""

    def come() -> Hand:
        match request.param:
            case "mouse":
                return Hand(visitors.come(), has_keys_only=False)
            case "keys":
                return Hand(visitors.come(width=390, dark=True), has_keys_only=True)
            case _:
                visitor = visitors.come(script=False)
                return Hand(visitor, has_keys_only=False, has_script=False)

    return come


with_script = pytest.mark.parametrize("hand", ["mouse", "keys"], indirect=True)


def test_a_failed_run_is_found_read_and_run_again_from_its_step(hand: Callable[[], Hand]) -> None:
    user = hand()
    run = user.parcel("broken")
    user.go("/runs/")
    user.press(
        user.page.get_by_role("navigation", name="Status").get_by_role("link", name="failed")
    )
    user.page.wait_for_url(re.compile("status=failed"))
    row = user.page.locator(f"tr:has(a[href='{run}'])")
    expect(row).to_contain_text("Nobody opened the door")
    user.press(row.locator("a.row-link"))
    user.page.wait_for_url(RUN)
    expect(user.page.locator("#failure")).to_contain_text("ConnectionError")

    user.press(user.page.get_by_role("link", name="Re-run from the failed step").first)
    user.confirm("Re-run from the failed step")

    user.status("success")
    expect(user.page.locator(".facts")).to_contain_text("by admin")
    assert user.visitor.complaints == []


def test_a_run_is_travelled_with_a_changed_input_into_a_new_run(hand: Callable[[], Hand]) -> None:
    user = hand()
    run = user.parcel()
    _travel_from(user, "deliver")
    user.press(user.page.get_by_role("button", name="Change", exact=True).first)
    user.write(user.page.get_by_label("Pieces"), "7")
    user.press(user.page.get_by_role("button", name="Keep this value"))
    plan = user.page.locator(".plan")
    expect(plan.locator("div").first).to_contain_text("weigh")
    expect(plan.locator("div").nth(1)).to_contain_text("deliver thank")
    expect(user.page.locator(".tag.changed").first).to_be_visible()

    user.press(user.page.get_by_role("button", name="Start and watch"))

    user.page.wait_for_url(RUN)
    assert not user.page.url.endswith(run)
    user.status("success")
    expect(user.page.locator("#values")).to_contain_text("7 pieces")
    expect(user.page.locator(".facts")).to_contain_text("Came from")
    assert user.visitor.complaints == []


def test_an_in_place_travel_shows_its_timelines_and_compares_with_now(
    hand: Callable[[], Hand],
) -> None:
    user = hand()
    run = user.parcel()
    _travel_from(user, "deliver")
    user.tick(user.page.get_by_label("In this run, on a new timeline"))
    user.press(user.page.get_by_role("button", name="Start and watch"))
    user.page.wait_for_url(re.compile(f"{run}$"))
    user.status("success")

    user.press(user.page.get_by_role("link", name="Related"))
    lines = user.page.locator("#panel .lines").first.locator("li")
    expect(lines).to_have_count(2)
    expect(lines.last).to_contain_text("the present one")
    user.press(user.page.get_by_role("link", name="Compare with now"))

    user.page.wait_for_url(re.compile("/runs/compare/"))
    expect(user.page.get_by_role("heading", level=1)).to_have_text("Compare runs")
    expect(user.page.locator("main")).to_contain_text("1 of 2")
    assert user.visitor.complaints == []


@with_script
def test_the_slider_shows_the_past_in_graph_and_list(hand: Callable[[], Hand]) -> None:
    user = hand()
    user.parcel()
    slider = user.page.get_by_label("Playback")
    if user.has_keys_only:
        user.reach(slider)
        user.page.keyboard.press("Home")
        user.page.keyboard.press("ArrowRight")
    else:
        box = slider.bounding_box()
        assert box
        user.page.mouse.click(box["x"] + 14, box["y"] + box["height"] / 2)

    expect(user.page.locator("#notices")).to_contain_text("You are looking at the past")
    expect(user.page.locator("#step-thank")).not_to_have_attribute("data-status", "success")
    node = user.page.locator(".graph a.node[href='#step-thank']")
    expect(node).not_to_have_attribute("data-status", "success")
    user.press(user.page.get_by_role("link", name="Back to now"))

    expect(user.page.locator("#notices")).not_to_contain_text("the past")
    expect(user.page.locator("#step-thank")).to_have_attribute("data-status", "success")
    expect(node).to_have_attribute("data-status", "success")
    assert user.visitor.complaints == []


@with_script
def test_the_timeline_shows_errors_only_and_a_part_of_the_run(hand: Callable[[], Hand]) -> None:
    user = hand()
    user.parcel("broken")
    user.press(user.page.get_by_role("link", name="Timeline"))
    rows = user.page.locator("#timeline ol > li")
    expect(rows).to_have_count(2)
    user.tick(user.page.get_by_label("Errors only"))
    expect(rows).to_have_count(1)
    expect(rows).to_contain_text("deliver")

    if user.has_keys_only:
        user.write(user.page.get_by_label("From second"), "0")
        user.write(user.page.get_by_label("to", exact=True), "0.02")
        user.press(user.page.get_by_role("button", name="Show this part"))
    else:
        axis = user.page.locator(".axis svg")
        axis.scroll_into_view_if_needed()
        box = axis.bounding_box()
        assert box
        user.page.mouse.move(box["x"] + 2, box["y"] + 10)
        user.page.mouse.down()
        user.page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 10)
        expect(user.page.locator(".brush")).to_be_visible()
        user.page.mouse.up()
    expect(user.page).to_have_url(re.compile("since=.*until="))
    expect(user.page.get_by_label("Errors only")).to_be_checked()
    user.press(user.page.get_by_role("link", name="Whole run"))

    expect(user.page).not_to_have_url(re.compile("since="))
    expect(user.page.get_by_label("Errors only")).to_be_checked()
    expect(rows).to_have_count(1)
    assert user.visitor.complaints == []


def test_a_claimed_question_is_answered_and_the_next_one_opens(hand: Callable[[], Hand]) -> None:
    user = hand()
    user.question()
    user.question()
    asked = user.page.locator("a.ask-link")
    for _ in range(2):
        user.go("/inbox/?tab=open")
        user.press(asked.last)  # the newest: others may be of other tests
        user.press(user.page.get_by_role("button", name="Claim"))
        expect(user.page.locator(".claim")).to_contain_text("Claimed by you")
    user.go("/inbox/?tab=mine")
    after = asked.nth(1).get_attribute("href")
    assert after
    user.press(asked.first)
    user.write(user.page.get_by_label("Comment"), "Keep the ticket")

    user.press(user.page.get_by_role("button", name="Send answer"))

    expect(user.page).to_have_url(re.compile(re.escape(after.partition("item=")[2])))
    expect(user.page.get_by_role("button", name="Send answer")).to_be_visible()
    expect(user.page.get_by_label("Comment")).to_have_value("")
    assert user.visitor.complaints == []


def test_a_run_is_canceled_from_the_menu_and_the_trail_says_by_whom(
    hand: Callable[[], Hand],
) -> None:
    user = hand()
    user.question()
    user.more("Cancel run")
    user.confirm("Cancel run")
    user.status("canceled")

    user.press(user.page.get_by_role("link", name="Audit").last)

    row = user.page.locator("#panel tbody tr", has_text="cancel")
    expect(row).to_contain_text("admin")
    expect(row).to_contain_text("page")
    assert user.visitor.complaints == []


def test_a_run_is_run_again_with_a_changed_input(hand: Callable[[], Hand]) -> None:
    user = hand()
    run = user.parcel()
    user.press(user.page.get_by_role("link", name="Run again").first)
    place = user.page.get_by_role("dialog") if user.has_script else user.page.locator("main")
    user.press(place.get_by_role("link", name="Change the input first"))
    user.page.wait_for_url(re.compile("/start/"))
    user.write(user.page.get_by_label("Pieces"), "12")

    user.press(user.page.get_by_role("button", name="Start and watch"))

    user.page.wait_for_url(RUN)
    assert not user.page.url.endswith(run)
    user.status("success")
    expect(user.page.locator("#values")).to_contain_text("12 pieces")
    assert user.visitor.complaints == []


def test_one_step_runs_then_the_run_goes_on_to_its_end(hand: Callable[[], Hand]) -> None:
    user = hand()
    user.parcel()
    _travel_from(user, "deliver")
    user.tick(user.page.get_by_label("Run one step, then pause"))
    user.press(user.page.get_by_role("button", name="Start and watch"))
    user.page.wait_for_url(RUN)
    user.status("paused")
    expect(user.page.locator("#step-deliver")).to_have_attribute("data-status", "success")
    expect(user.page.locator("#step-thank")).to_have_attribute("data-status", "paused")

    user.press(user.page.get_by_role("link", name="Continue").first)
    user.confirm("Go on to the end")

    user.status("success")
    assert user.visitor.complaints == []


def test_a_schedule_is_triggered_and_its_run_opened(hand: Callable[[], Hand]) -> None:
    user = hand()
    user.go(NIGHTLY)
    rows = user.page.locator("tr[data-outcome=published]")
    before = rows.count()
    user.press(user.page.get_by_role("link", name="Trigger now"))
    user.confirm("Trigger now")
    expect(rows).to_have_count(before + 1)

    user.press(rows.first.get_by_role("link"))

    user.page.wait_for_url(RUN)
    user.status("success")
    assert user.visitor.complaints == []


def _travel_from(user: Hand, step: str) -> None:
    """Open time travel from the menu of the run, and choose a step."""
    user.more("Time travel")
    user.page.wait_for_url(re.compile("/time-travel/"))
    user.press(user.page.locator(".picker").get_by_role("link", name=step))
    expect(user.page.locator(".picker [aria-current]")).to_contain_text(step)
