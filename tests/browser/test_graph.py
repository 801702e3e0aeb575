"""The drawing of a graph in a real browser: sizes, moving, folds, what passed, the file."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests import pages as every
from tests.browser.conftest import Visitor, Visitors


def begun(visitor: Visitor) -> Page:
    page = visitor.go("/workflows/round-trip/start/")
    page.locator("textarea").first.fill('{"letters": 5}')
    page.get_by_role("button", name="Start and watch").click()
    page.wait_for_url(re.compile("/runs/[^/]+/$"))
    expect(page.locator("h1")).to_contain_text("suspended", timeout=30_000)
    page.goto(f"{page.url}?tab=graph")
    return page


@pytest.fixture
def visitor(visitors: Visitors) -> Visitor:
    return visitors.come()


def width(page: Page) -> float:
    return float(page.evaluate("document.querySelector('.graph').getBoundingClientRect().width"))


def test_the_size_changes_by_buttons_and_keys_and_stays_in_the_address(visitor: Visitor) -> None:
    page = begun(visitor)
    before = width(page)

    page.get_by_role("link", name="Larger").click()
    assert width(page) == pytest.approx(before * 1.25, abs=2)
    page.locator("[data-graph]").focus()
    page.keyboard.press("+")
    expect(page).to_have_url(re.compile("zoom=150"))
    page.reload()
    assert width(page) == pytest.approx(before * 1.5, abs=2)
    page.locator("[data-graph]").focus()
    page.keyboard.press("0")
    assert width(page) == pytest.approx(before, abs=2)
    assert not visitor.complaints


def test_a_drag_moves_it_and_ends_following_until_that_is_asked_for(visitor: Visitor) -> None:
    page = begun(visitor)
    page.goto(f"{page.url}&zoom=200")
    room, follow = page.locator("[data-graph]"), page.get_by_role("button", name="Follow")
    expect(follow).to_have_attribute("aria-pressed", "true")
    room.scroll_into_view_if_needed()
    box = room.bounding_box()
    assert box is not None
    start = room.evaluate("it => it.scrollTop")

    page.mouse.move(box["x"] + 30, box["y"] + 60)
    page.mouse.down()
    page.mouse.move(box["x"] + 30, box["y"] + 260, steps=4)
    page.mouse.up()

    assert room.evaluate("it => it.scrollTop") < start
    expect(follow).to_have_attribute("aria-pressed", "false")
    follow.click()
    expect(follow).to_have_attribute("aria-pressed", "true")
    assert room.evaluate("it => it.scrollTop") == pytest.approx(start, abs=2)


def test_a_frame_is_folded_in_place_and_the_dot_shows_what_passed(visitor: Visitor) -> None:
    page = begun(visitor)
    page.get_by_role("link", name="Larger").click()

    page.locator(".graph a.turn[data-turn=carry]").click()
    expect(page.locator(".graph a.node[href='#step-carry.meet']")).to_have_count(0)
    expect(page).to_have_url(re.compile("(?=.*turned=carry)(?=.*zoom=125)"))
    page.locator(".graph a.edge").nth(1).click()

    expect(page.locator("#dialog[open]")).to_contain_text("letters")
    assert not visitor.complaints


def test_it_folds_and_grows_without_script(visitors: Visitors) -> None:
    url = begun(visitors.come()).url
    page = visitors.come(script=False).page
    page.goto(url)

    page.get_by_role("link", name="Larger").click()
    page.locator("summary", has_text="Fold").click()
    page.get_by_role("link", name="Fold carry").click()

    expect(page).to_have_url(re.compile("(?=.*turned=carry)(?=.*zoom=125)"))
    expect(page.locator(".graph a.node[href='#step-carry.meet']")).to_have_count(0)


#: Which signs of the drawing a finger misses that comes down anywhere within 44 px around them.
MISSED = """() => [...document.querySelectorAll(".graph :is(.turn, .edge)")].flatMap((sign) => {
    sign.scrollIntoView({ block: "center", inline: "center" });
    const box = sign.querySelector(".reach").getBoundingClientRect();
    const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
    const missed = [[0, 0], [21, 0], [-21, 0], [0, 21], [0, -21]].map(
        ([dx, dy]) => document.elementFromPoint(x + dx, y + dy)
    ).filter((one) => one?.closest("a") !== sign).map((one) => one?.outerHTML.slice(0, 60));
    return missed.length ? [`${sign.querySelector("title").textContent}: ${missed}`] : [];
})"""


def test_a_finger_hits_what_folds_and_what_passed_on_a_phone(visitors: Visitors) -> None:
    visitor = visitors.come(width=390)
    page = begun(visitor)

    assert page.locator(".graph .turn").count() > 2
    assert page.locator(".graph .edge").count() > 5
    missed = page.evaluate(MISSED)
    assert not missed, "\n".join(missed)


@pytest.mark.parametrize("way", [0, 7])
def test_on_a_phone_a_drawing_opens_on_the_way_that_was_taken(visitors: Visitors, way: int) -> None:
    visitor = visitors.come(width=390)
    page = visitor.go("/workflows/fan/start/")
    page.locator("textarea").first.fill(f'{{"way": {way}}}')
    page.get_by_role("button", name="Start and watch").click()
    page.wait_for_url(re.compile("/runs/[^/]+/$"))
    page.locator(".page-head .status[data-status=success]").wait_for()
    page.goto(f"{page.url}?tab=graph")

    seen = """() => {
        const room = document.querySelector("[data-graph]").getBoundingClientRect();
        const node = document.querySelector(".node[data-status=success]").getBoundingClientRect();
        return node.left >= room.left - 1 && node.right <= room.right + 1;
    }"""
    page.wait_for_function(seen)
    assert page.locator(".node[data-status=success] .node-name").inner_text() == f"way_{way}"
    assert page.evaluate("document.querySelector('[data-graph]').scrollWidth > 390")
    assert visitor.complaints == []


def ended(visitor: Visitor, flow: str, given: str) -> str:
    """Run a workflow to its end; return the address of the run."""
    page = visitor.go(f"/workflows/{flow}/start/")
    page.locator("textarea").first.fill(given)
    page.get_by_role("button", name="Start and watch").click()
    page.wait_for_url(re.compile("/runs/[^/]+/$"))
    page.locator(".page-head .status[data-status=success]").wait_for(timeout=30_000)
    return page.url


#: Whether a node that was taken is seen whole in the drawing's room.
IS_SEEN = """() => {
    const room = document.querySelector("[data-graph]").getBoundingClientRect();
    return [...document.querySelectorAll(".node[data-status=success]")].some((node) => {
        const box = node.getBoundingClientRect();
        return box.left >= room.left - 1 && box.right <= room.right + 1
            && box.top >= room.top - 1 && box.bottom <= room.bottom + 1;
    });
}"""


@pytest.mark.parametrize("way", [0, 5, 8])
def test_on_a_phone_what_was_taken_is_in_view_where_two_branches_meet(
    visitors: Visitors, way: int
) -> None:
    visitor = visitors.come(width=390)
    url = ended(visitor, "fan-twice", f'{{"way": {way}}}')

    for more in ("", f"&turned=nest-{way}", "&turned=" + ",".join(f"nest-{n}" for n in range(9))):
        page = visitor.page
        page.goto(f"{url}?tab=graph{more}")
        page.wait_for_function(IS_SEEN, timeout=3000)
    assert visitor.complaints == []


def test_nothing_moves_while_a_wide_drawing_comes_slowly(visitors: Visitors) -> None:
    visitor = visitors.come()
    url = ended(visitor, "fan-twice", '{"way": 5}')
    page = visitor.page
    page.add_init_script(every.SHIFTS)
    page.goto(f"{url}?tab=graph")
    slow = page.context.new_cdp_session(page)
    slow.send("Network.enable")
    slow.send(
        "Network.emulateNetworkConditions",
        {"offline": False, "latency": 20, "downloadThroughput": 4000, "uploadThroughput": 50_000},
    )

    page.goto(f"{url}?tab=graph", timeout=60_000)

    assert not list(every.shifts(page))


def test_the_tools_of_a_tree_take_the_room_that_was_kept_for_them(visitors: Visitors) -> None:
    for width in (1280, 390):
        visitor = visitors.come(width=width)
        page = visitor.page
        page.add_init_script(every.SHIFTS)
        url = ended(visitor, "fan-twice", '{"way": 5}')
        page.goto(f"{url}?tab=graph")
        page.wait_for_function("() => performance.now() > window.shiftedAt + 400")

        movers = page.evaluate("window.movers")
        assert not [each for each in movers if "tree" in each], movers
        room = """() => [...document.querySelectorAll(".tree-tools")].map((tools) => {
            const below = getComputedStyle(tools).marginBottom;
            return tools.getBoundingClientRect().height + parseFloat(below);
        })"""
        assert set(page.evaluate(room)) == {32 if width == 1280 else 48}
